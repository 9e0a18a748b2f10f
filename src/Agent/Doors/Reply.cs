using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;

namespace Homeport.Agent.Doors;

/// <summary>Answers in JSON, and bodies of requests.</summary>
internal static class Reply
{
    private const int MaxBodyBytes = 16 * 1024;

    public static async Task JsonAsync<T>(HttpContext context, int status, T value, JsonTypeInfo<T> type)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.CacheControl = "no-store";
        var bytes = JsonSerializer.SerializeToUtf8Bytes(value, type);
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.ContentLength = bytes.Length;
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    public static Task RefuseAsync(HttpContext context, Refusal refusal, IReadOnlyDictionary<string, string>? fields = null)
        => JsonAsync(context, refusal.Error.HttpStatus, new AgentError(refusal.Error.Name, refusal.Text) { Fields = fields }, AgentJson.Wire.AgentError);

    /// <summary>A body of JSON; an empty body is an empty object.</summary>
    public static async Task<Outcome<T>> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class, new()
    {
        using var body = new MemoryStream();
        var buffer = new byte[4096];
        int count;
        while ((count = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0)
        {
            if (body.Length + count > MaxBodyBytes)
                return new Refusal(AgentErrors.BadRequest, $"The body has more than {MaxBodyBytes} bytes", "Send the fields and nothing else.");
            await body.WriteAsync(buffer.AsMemory(0, count), context.RequestAborted);
        }

        if (body.Length == 0)
            return new T();
        if (context.Request.ContentType?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) != true)
            return new Refusal(AgentErrors.BadRequest, "The body is not announced as JSON", "Send the header Content-Type: application/json.");
        try
        {
            return JsonSerializer.Deserialize(body.GetBuffer().AsSpan(0, (int)body.Length), type) ?? new T();
        }
        catch (JsonException e)
        {
            // The text of the exception names members and positions, never values of the body.
            return new Refusal(AgentErrors.BadRequest, $"The body is no JSON of the expected form, at {e.Path ?? "its start"}", "See docs/agent.md for the fields.");
        }
    }
}
