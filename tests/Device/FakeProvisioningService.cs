using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Homeport.Contract.Access;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Structures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Homeport.Tests.Device;

/// <summary>
/// The device API of a provisioning service with one enrollment: by key, or by TPM with a real challenge. Answers can be replaced in front of it.
/// </summary>
internal sealed class FakeProvisioningService : IAsyncDisposable
{
    public const string IdScope = "0ne00FFFFFF";

    private readonly WebApplication _app;
    private byte[]? _nonce;
    private int _polls;

    private FakeProvisioningService(WebApplication app) => _app = app;

    /// <summary>The key of a symmetric enrollment; null: TPM.</summary>
    public byte[]? Key { get; init; }

    /// <summary>The hub key that a TPM device gets.</summary>
    public byte[] HubKey { get; } = RandomNumberGenerator.GetBytes(32);

    public int PollsBeforeAssigned { get; init; } = 1;

    public JsonObject FinalState { get; set; } = new() { ["status"] = "assigned", ["assignedHub"] = "hub1.example.test", ["deviceId"] = "dev-1", ["substatus"] = "initialAssignment" };

    public bool OmitTpmKey { get; init; }

    /// <summary>Answers that are given first, in order: status, body, Retry-After.</summary>
    public ConcurrentQueue<(int Status, string Body, string? RetryAfter)> Before { get; } = new();

    public List<JsonObject> Registers { get; } = [];

    public List<string> Problems { get; } = [];

    public string Endpoint => $"localhost:{new Uri(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Port}";

    public static async Task<FakeProvisioningService> StartAsync(X509Certificate2 certificate, Func<WebApplication, FakeProvisioningService>? create = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.AddServerHeader = false);
        var app = builder.Build();
        var service = create is null ? new FakeProvisioningService(app) : create(app);
        app.Run(service.HandleAsync);
        await app.StartAsync();
        return service;
    }

    public static FakeProvisioningService ForTpm(WebApplication app) => new(app);

    public static FakeProvisioningService ForTpmWithoutKey(WebApplication app) => new(app) { OmitTpmKey = true };

    public static Func<WebApplication, FakeProvisioningService> ForKey(byte[] key, int polls = 1) => app => new(app) { Key = key, PollsBeforeAssigned = polls };

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        Problems.ShouldBeEmpty();
    }

    private async Task HandleAsync(HttpContext context)
    {
        var body = await JsonNode.ParseAsync(context.Request.Body.CanRead && context.Request.ContentLength > 0 ? context.Request.Body : new MemoryStream("{}"u8.ToArray()));
        if (Before.TryDequeue(out var canned))
        {
            if (canned.RetryAfter is not null)
                context.Response.Headers.RetryAfter = canned.RetryAfter;
            await Answer(context, canned.Status, canned.Body);
            return;
        }

        var parts = context.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
        Check(parts.Length >= 4 && parts[0] == IdScope && parts[1] == "registrations", $"address {context.Request.Path}");
        Check(context.Request.Query["api-version"] == "2021-06-01", "api-version");
        if (context.Request.Method == "PUT")
            await RegisterAsync(context, parts[2], (JsonObject)body!);
        else
            await PollAsync(context, parts[2], parts[4]);
    }

    private async Task RegisterAsync(HttpContext context, string registrationId, JsonObject body)
    {
        Registers.Add(body);
        Check(body["registrationId"]!.GetValue<string>() == registrationId, "registrationId of the body");
        Check(context.Request.ContentType == "application/json; charset=utf-8", $"content type {context.Request.ContentType}");
        if (Key is null && !context.Request.Headers.ContainsKey("Authorization"))
        {
            _nonce = RandomNumberGenerator.GetBytes(32);
            await Answer(
                context, 401,
                new JsonObject
                {
                    ["message"] = "Authorization required, resend request using supplied key",
                    ["authenticationKey"] = Convert.ToBase64String(Wrap(body, _nonce)),
                    ["unencryptedAuthenticationKey"] = null,
                    ["keyName"] = "registration",
                }.ToJsonString());
            return;
        }

        if (!IsAuthorized(context, registrationId))
        {
            await Answer(context, 401, """{"errorCode":401002,"trackingId":"track-1","message":"Unauthorized","timestampUtc":"2026-01-01T00:00:00Z"}""");
            return;
        }

        _polls = 0;
        context.Response.Headers.RetryAfter = "0";
        await Answer(context, 202, """{"operationId":"5.316aac5bdc130deb.op","status":"assigning"}""");
    }

    private async Task PollAsync(HttpContext context, string registrationId, string operationId)
    {
        Check(operationId == "5.316aac5bdc130deb.op", $"operation {operationId}");
        Check(IsAuthorized(context, registrationId), "the token of a poll");
        context.Response.Headers.RetryAfter = "0";
        if (++_polls <= PollsBeforeAssigned)
        {
            await Answer(context, 202, """{"operationId":"5.316aac5bdc130deb.op","status":"assigning"}""");
            return;
        }

        var state = FinalState.DeepClone().AsObject();
        if (Key is null && !OmitTpmKey)
            state["tpm"] = new JsonObject { ["authenticationKey"] = Convert.ToBase64String(Wrap(Registers[^1], HubKey)) };
        var answer = new JsonObject { ["operationId"] = operationId, ["status"] = state["status"]!.GetValue<string>(), ["registrationState"] = state };
        await Answer(context, 200, answer.ToJsonString());
    }

    private bool IsAuthorized(HttpContext context, string registrationId)
        => SharedAccessSignature.TryParse(context.Request.Headers.Authorization, out var token, out _)
            && token.IsSignedBy(Key ?? _nonce!)
            && token.Resource == $"{IdScope}/registrations/{registrationId}"
            && token.KeyName == "registration"
            && token.Expiry > DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    private static byte[] Wrap(JsonObject body, byte[] key)
    {
        TpmPublic.TryParse(Convert.FromBase64String(body["tpm"]!["endorsementKey"]!.GetValue<string>()), out var endorsementKey, out var error).ShouldBeTrue(error);
        TpmPublic.TryParse(Convert.FromBase64String(body["tpm"]!["storageRootKey"]!.GetValue<string>()), out var storageRootKey, out error).ShouldBeTrue(error);
        return Challenge.Create(endorsementKey!, storageRootKey!, key);
    }

    private void Check(bool condition, string what)
    {
        if (!condition)
            Problems.Add(what);
    }

    private static async Task Answer(HttpContext context, int status, string body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json; charset=utf-8";
        await context.Response.WriteAsync(body);
    }
}
