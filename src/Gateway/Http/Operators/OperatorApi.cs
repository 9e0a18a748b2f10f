using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.Gateway.Http.Operators.Issuer;
using Homeport.Hub.Access;
using Homeport.People.Access;
using Homeport.People.Accounts;
using Homeport.People.Audit;
using Homeport.People.Organizations;
using Homeport.People.Sessions;
using Homeport.People.Tokens;
using Homeport.Provisioning.Lifecycle;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Primitives;

namespace Homeport.Gateway.Http.Operators;

/// <summary>What the operators' API stands on: REST in the form of IoT Central, with API tokens.</summary>
public sealed record OperatorApi
{
    private static readonly object NotedKey = new();

    public required AccountService Accounts { get; init; }

    public required SessionService Sessions { get; init; }

    public required OrganizationService Organizations { get; init; }

    /// <summary>The devices, to look up which organization one belongs to. Set before the first call.</summary>
    public DeviceLifecycle? Devices { get; set; }

    public required ApiTokenService Tokens { get; init; }

    /// <summary>Bearer tokens of an issuer, or null.</summary>
    public BearerTokens? Bearer { get; init; }

    public required AuditLog Audit { get; init; }

    /// <summary>Why somebody was refused.</summary>
    public required Explanations Explanations { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Maps a call that changes nothing.</summary>
    internal void MapRead(IEndpointRouteBuilder routes, string path, Operation operation, Func<HttpContext, Task<Outcome<Reply>>> call)
    {
        Task<Outcome<Reply>> Ignoring(HttpContext context, Actor actor) => call(context);
        routes.MapGet(path, context => RunAsync(context, operation, Ignoring)).WithMetadata(operation);
    }

    /// <summary>Maps a call that changes nothing and shows more to some than to others; with <see cref="Operation.Audited"/> each look is in the audit log.</summary>
    internal void MapRead(IEndpointRouteBuilder routes, string path, Operation operation, Func<HttpContext, Actor, Task<Outcome<Reply>>> call)
        => routes.MapGet(path, context => RunAsync(context, operation, call)).WithMetadata(operation);

    /// <summary>Maps a call whose answer is written by the call itself once the caller is known.</summary>
    internal void MapStream(IEndpointRouteBuilder routes, string path, Operation operation, Func<HttpContext, Actor, Task> call)
        => routes.MapGet(path, async context =>
        {
            if ((await AdmitAsync(context, operation)).Succeeded(out var actor, out var refusal))
                await call(context, actor);
            else
                await RefuseAsync(context, refusal);
        }).WithMetadata(operation);

    /// <summary>Maps a call that changes something. It leaves exactly one entry in the audit log, written before the answer.</summary>
    internal void MapChange(IEndpointRouteBuilder routes, string method, string path, Operation operation, Func<HttpContext, Actor, Task<Outcome<Reply>>> call)
        => routes.MapMethods(path, [method], context => RunAsync(context, operation, call)).WithMetadata(operation);

    /// <summary>Reads a body.</summary>
    internal static async Task<Outcome<T>> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            var body = await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted);
            return body is not null ? body : new Refusal(PeopleErrors.InvalidBody, "It is the JSON value null", "Send a JSON object.");
        }
        catch (JsonException e)
        {
            var position = string.Create(CultureInfo.InvariantCulture, $"line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}, at {e.Path ?? "$"}");
            return new Refusal(PeopleErrors.InvalidBody, $"It is not the JSON that is expected here ({position})", "Correct the JSON at this place.");
        }
        catch (BadHttpRequestException e)
        {
            return new Refusal(PeopleErrors.InvalidBody, $"It cannot be read: {e.Message}", "Send a smaller body.");
        }
    }

    /// <summary>Says more about a call than its address does, for its entry in the audit log. Never a secret.</summary>
    internal static void Note(HttpContext context, string? entityId, string? detail) => context.Items[NotedKey] = new AuditNote(entityId, detail);

    /// <summary>The id in the path.</summary>
    internal static string Id(HttpContext context) => (string)context.Request.RouteValues["id"]!;

    private async Task RunAsync(HttpContext context, Operation operation, Func<HttpContext, Actor, Task<Outcome<Reply>>> call)
    {
        if (!(await AdmitAsync(context, operation)).Succeeded(out var actor, out var refusal))
        {
            await RefuseAsync(context, refusal);
            return;
        }
        var outcome = await call(context, actor);
        if (operation.Audited is { } entity)
            await NoteAsync(context, operation, entity, actor, outcome.Refusal);
        if (outcome.Succeeded(out var reply, out refusal))
            await reply.WriteAsync(context);
        else
            await RefuseAsync(context, refusal);
    }

    /// <summary>Who calls, when it may.</summary>
    private async Task<Outcome<Actor>> AdmitAsync(HttpContext context, Operation operation)
    {
        var address = context.Connection.RemoteIpAddress?.ToString();
        string? authorization = context.Request.Headers.Authorization;
        var caller = Bearer is not null && BearerTokens.IsBearer(authorization)
            ? await Bearer.AuthenticateAsync(authorization!, address, context.RequestAborted)
            : await Tokens.AuthenticateAsync(authorization, address, context.RequestAborted);
        if (!caller.Succeeded(out var actor, out var refusal))
            return refusal;
        if ((actor.Check(operation.Permission) ?? await CheckReachAsync(context, operation, actor)) is { } forbidden)
        {
            if (operation.Audited is { } entity)
                await NoteAsync(context, operation, entity, actor, forbidden);
            return forbidden;
        }
        var own = context.Request.Path.StartsWithSegments("/api/x", StringComparison.OrdinalIgnoreCase);
        return own || !string.IsNullOrEmpty(context.Request.Query["api-version"])
            ? actor
            : new Refusal(PeopleErrors.InvalidQuery, "The query has no api-version", "Add ?api-version=2022-07-31.");
    }

    /// <summary>The devices that the caller reaches: its organization's, or all.</summary>
    internal async Task<DeviceLifecycle> DevicesOfAsync(Actor actor, CancellationToken token)
        => (Devices ?? throw new InvalidOperationException("The devices are not set.")).Within(await Organizations.ScopeOfAsync(actor, token), actor.Organization);

    /// <summary>
    /// Keeps whoever has a role in an organization at its devices. The one place for it: a call is about one device, by its path; or it
    /// narrows itself, by <see cref="DevicesOfAsync"/>; or it says that it is for anybody; or it is refused.
    /// </summary>
    private async Task<Refusal?> CheckReachAsync(HttpContext context, Operation operation, Actor actor)
    {
        if (actor.Organization is null)
            return null;
        switch (operation.ReachAt(context.GetEndpoint()))
        {
            case Reach.Anybody or Reach.Narrowed:
                return null;
            case Reach.OneDevice:
                var inside = await DevicesOfAsync(actor, context.RequestAborted);
                if ((await inside.GetAsync(Id(context), context.RequestAborted)).Refusal is not { } missing)
                    return null;
                // A device that is nowhere may be made.
                return HttpMethods.IsPut(context.Request.Method) && (await Devices!.GetAsync(Id(context), context.RequestAborted)).Value is null ? null : missing;
            default:
                return actor.CheckWhole();
        }
    }

    private Task<AuditEntry> NoteAsync(HttpContext context, Operation operation, string entity, Actor actor, Refusal? refusal)
    {
        var noted = context.Items[NotedKey] as AuditNote;
        var action = new AuditAction(operation.Name, entity, noted?.EntityId ?? (string?)context.Request.RouteValues.GetValueOrDefault("id") ?? "")
        {
            Result = refusal is null ? AuditResult.Done : AuditResult.Refused,
            Detail = refusal?.Error.Name ?? noted?.Detail,
        };
        return Audit.AppendAsync(actor, action, CancellationToken.None);
    }

    internal Task RefuseAsync(HttpContext context, Refusal refusal)
    {
        Explanations.Keep(refusal, "api");
        var time = Time.GetUtcNow().ToString("R", CultureInfo.InvariantCulture);
        context.Response.Headers["x-ms-error-code"] = refusal.Error.Name;
        if (refusal.Error.HttpStatus == StatusCodes.Status401Unauthorized)
            context.Response.Headers.WWWAuthenticate = Bearer is null ? "SharedAccessSignature" : new StringValues(["SharedAccessSignature", "Bearer"]);
        return context.WriteJsonAsync(
            new OperatorErrorBody(new OperatorError(refusal.Error.Name, refusal.Text, refusal.TrackingId, time)), OperatorJson.Default.OperatorErrorBody, refusal.Error.HttpStatus);
    }
}

/// <summary>What is known of an endpoint of the operators' API: its authorization rule, and its row in the audit log and the OpenAPI document.</summary>
/// <param name="Name">The verb, such as <c>createUser</c>; unique.</param>
/// <param name="Permission">What the caller needs.</param>
/// <param name="Summary">One sentence.</param>
public sealed record Operation(string Name, Permission Permission, string Summary)
{
    private static readonly string[] OneDevice = ["/api/devices/{id}", "/api/x/devices/{id}", "/api/system/iothub/devices/{id}"];

    /// <summary>Kind of thing that it changes; null for calls that change nothing.</summary>
    public string? Audited { get; init; }

    /// <summary>What the call is about, for those who have a role in an organization; unless it is said, and the path names no device, they may not make it.</summary>
    public Reach Reach { get; init; }

    /// <summary>The reach of the call at an endpoint: a path with the id of a device says it by itself.</summary>
    public Reach ReachAt(Endpoint? endpoint)
    {
        var path = "/" + ((endpoint as RouteEndpoint)?.RoutePattern.RawText ?? "").TrimStart('/');
        return Array.Exists(OneDevice, start => path.StartsWith(start, StringComparison.Ordinal)) ? Reach.OneDevice : Reach;
    }

    /// <summary>HTTP status of a good answer, for the OpenAPI document; null for 200, or 204 after a deletion.</summary>
    public int? Answer { get; init; }
}

/// <summary>What a call of the operators' API is about.</summary>
public enum Reach
{
    /// <summary>The whole application: nobody whose role counts in an organization only.</summary>
    WholeApplication,

    /// <summary>The device of the path.</summary>
    OneDevice,

    /// <summary>Devices that the call itself narrows to those of the caller's organizations.</summary>
    Narrowed,

    /// <summary>Nothing that belongs to an organization.</summary>
    Anybody,
}

/// <summary>What a call says of itself for the audit log.</summary>
internal sealed record AuditNote(string? EntityId, string? Detail);

/// <summary>A good answer.</summary>
internal sealed record Reply(int Status, ReadOnlyMemory<byte> Json)
{
    public static readonly Reply Empty = new(StatusCodes.Status204NoContent, default);

    public static Outcome<Reply> Of<T>(T body, JsonTypeInfo<T> type) => new Reply(StatusCodes.Status200OK, JsonSerializer.SerializeToUtf8Bytes(body, type));

    /// <summary>Sends it. Nobody may keep it: it can hold a secret.</summary>
    public Task WriteAsync(HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        if (!Json.IsEmpty)
            return context.WriteBytesAsync(Json, Status);
        context.Response.StatusCode = Status;
        return Task.CompletedTask;
    }
}
