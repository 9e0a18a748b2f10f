using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Allocation;

/// <summary>
/// Asks a custom allocation webhook. Source: DPS, "Understand custom allocation policies". It is a stranger: it is called over HTTPS only,
/// at addresses that the settings allow, it is not followed elsewhere, and its answer is bounded in time and size.
/// </summary>
public sealed class AllocationWebhook : IDisposable
{
    private const int MaxAnswer = 256 * 1024;

    /// <summary>Calls at once of one webhook. One that hangs holds no more registrations than these.</summary>
    private const int MaxCalls = 32;

    private static readonly JsonElement EmptyObject = JsonDocument.Parse("{}").RootElement.Clone();

    private readonly HttpClient _http;
    private readonly WebhookSettings _settings;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _calls = new(StringComparer.Ordinal);

    public AllocationWebhook(WebhookSettings settings)
    {
        _settings = settings;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            ConnectCallback = ConnectAsync,
        };
        handler.SslOptions.RemoteCertificateValidationCallback = settings.Trust.Validate;
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = MaxAnswer };
    }

    /// <summary>Null when a webhook can have the address, else what is wrong with it.</summary>
    public static string? CheckAddress(string? address)
    {
        if (string.IsNullOrEmpty(address))
            return "it is missing";
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttps)
            return "it is no https address";
        return uri.UserInfo.Length > 0 ? "it has a user name" : null;
    }

    /// <summary>Asks the webhook of an enrollment.</summary>
    /// <param name="enrollment">Its policy is custom.</param>
    /// <param name="device">The device, as the webhook gets to see it.</param>
    /// <param name="hubs">The hubs of which it may name one.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<AllocationAnswerBody>> AskAsync(Enrollment enrollment, DeviceRuntimeContext device, IReadOnlyList<string> hubs, CancellationToken token)
    {
        var address = enrollment.Settings.CustomAllocation?.WebhookUrl;
        if (CheckAddress(address) is { } bad)
            return Failed(enrollment, $"its address cannot be used: {bad}", "Set customAllocationDefinition.webhookUrl to an https address.");
        var uri = new Uri(address!);
        if (!TryEnter(uri.Authority))
        {
            return new Refusal(ProvisioningErrors.TooManyRequests, $"The webhook of the {enrollment} has {MaxCalls} calls that it did not answer yet", "The device tries again; look why the webhook is slow.")
            {
                RetryAfter = TimeSpan.FromSeconds(5),
            };
        }
        try
        {
            return await CallAsync(uri, enrollment, Describe(enrollment, device, hubs), token);
        }
        finally
        {
            Leave(uri.Authority);
        }
    }

    /// <summary>A device as a webhook sees it; no key is in it.</summary>
    public static DeviceRuntimeContext Context(AttestationMechanism attestation, string registrationId, string? currentHub, string? currentDeviceId, JsonElement? payload) => new()
    {
        RegistrationId = registrationId,
        CurrentIotHubHostName = currentHub,
        CurrentDeviceId = currentDeviceId,
        SymmetricKey = attestation.Type == AttestationType.SymmetricKey ? EmptyObject : null,
        Tpm = attestation.EndorsementKey is { } key ? new TpmAttestationDescription(Convert.ToBase64String(key)) : null,
        X509 = attestation.Type != AttestationType.SymmetricKey && attestation.EndorsementKey is null ? EmptyObject : null,
        Payload = payload,
    };

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static AllocationRequestBody Describe(Enrollment enrollment, DeviceRuntimeContext device, IReadOnlyList<string> hubs)
    {
        var shown = EnrollmentForm.Show(enrollment);
        // The query may have the key of the webhook's function.
        if (shown.CustomAllocationDefinition is { WebhookUrl: { } url } custom && url.Contains('?', StringComparison.Ordinal))
            shown = shown with { CustomAllocationDefinition = custom with { WebhookUrl = url[..url.IndexOf('?', StringComparison.Ordinal)] + "?****" } };
        var isGroup = enrollment.Kind == EnrollmentKind.Group;
        return new AllocationRequestBody { EnrollmentGroup = isGroup ? shown : null, IndividualEnrollment = isGroup ? null : shown, DeviceRuntimeContext = device, LinkedHubs = hubs };
    }

    private async Task<Outcome<AllocationAnswerBody>> CallAsync(Uri uri, Enrollment enrollment, AllocationRequestBody body, CancellationToken token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, uri);
        request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, ProvisioningJson.Wire.AllocationRequestBody));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(_settings.Patience);
        try
        {
            using var response = await _http.SendAsync(request, limit.Token);
            var answer = await response.Content.ReadAsByteArrayAsync(limit.Token);
            if (!response.IsSuccessStatusCode)
                return Failed(enrollment, string.Create(CultureInfo.InvariantCulture, $"Custom allocation failed with status code: {(int)response.StatusCode}"), "Look into the log of the webhook.");
            return JsonBody.Read(answer, ProvisioningJson.Received.AllocationAnswerBody).Succeeded(out var read, out var refusal)
                ? read
                : Failed(enrollment, $"it answered with something else than it should: {refusal.Seen}", """Let it answer {"iotHubHostName":"..."}.""");
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            return Failed(enrollment, $"it did not answer within {_settings.Patience.TotalSeconds} seconds", "Let it answer sooner.");
        }
        catch (HttpRequestException e)
        {
            return Failed(enrollment, $"it cannot be called ({e.HttpRequestError}): {Shown.Text(e.InnerException is ForbiddenAddressException inner ? inner.Message : e.Message, 200).TrimEnd('.')}",
                e.InnerException is ForbiddenAddressException ? "Put it at a public address, or allow its network with webhook-networks." : "Start it, or correct its address; its CA can be given with webhook-ca.");
        }
    }

    /// <summary>The address is checked here, on what is connected to: a name may resolve to something else a moment later.</summary>
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken token)
    {
        var addresses = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, token);
        var allowed = addresses.Where(_settings.Allows).ToArray();
        if (allowed.Length == 0)
            throw new ForbiddenAddressException($"'{context.DnsEndPoint.Host}' is at {string.Join(", ", addresses.Take(4).Select(a => a.ToString()))}, inside of the server's own network");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, context.DnsEndPoint.Port, token);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private bool TryEnter(string authority)
    {
        lock (_lock)
        {
            var calls = _calls.GetValueOrDefault(authority);
            if (calls >= MaxCalls)
                return false;
            _calls[authority] = calls + 1;
            return true;
        }
    }

    private void Leave(string authority)
    {
        lock (_lock)
        {
            if (--_calls[authority] == 0)
                _calls.Remove(authority);
        }
    }

    private static Refusal Failed(Enrollment enrollment, string what, string fix)
        => new(ProvisioningErrors.AllocationFailed, $"The webhook of the {enrollment}: {what}", fix);

    private sealed class ForbiddenAddressException(string message) : IOException(message);
}
