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
using Homeport.People.Sessions;
using Homeport.People.Tokens;
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
        if (actor.Check(operation.Permission) is { } forbidden)
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
    /// <summary>Kind of thing that it changes; null for calls that change nothing.</summary>
    public string? Audited { get; init; }

    /// <summary>HTTP status of a good answer, for the OpenAPI document; null for 200, or 204 after a deletion.</summary>
    public int? Answer { get; init; }
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
