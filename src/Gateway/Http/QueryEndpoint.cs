using System.Globalization;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Limits;
using Homeport.Hub.Query;
using Homeport.Hub.Twins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>Queries over REST: <c>POST /devices/query</c>, a page for each call.</summary>
public static class QueryEndpoint
{
    private const string MaxItemCount = "x-ms-max-item-count";
    private const string Continuation = "x-ms-continuation";

    /// <summary>Maps the endpoint.</summary>
    public static void MapQuery(this IEndpointRouteBuilder routes, HubApi hub, QueryRunner runner)
        => routes.MapPost("/devices/query", hub.Guard(Rights.ServiceConnect, context => RunAsync(hub, runner, context), HubOperation.Query));

    /// <summary>Page size and continuation of a call that answers in pages.</summary>
    internal static Outcome<PageRequest> ReadPage(HttpContext context)
    {
        int? size = null;
        if (context.Request.Headers[MaxItemCount].FirstOrDefault() is { Length: > 0 } text)
        {
            if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
                return new Refusal(HubErrors.ArgumentInvalid, $"{MaxItemCount} is no number", $"Send 1 to {QueryRunner.MaxPageSize}.");
            // Some clients send -1 for as many as the service likes.
            size = number < 0 ? null : number;
        }
        return new PageRequest(size, context.Request.Headers[Continuation].FirstOrDefault());
    }

    /// <summary>Writes a page: items as JSON in UTF-8, its type, and where the next one begins.</summary>
    internal static async Task WritePageAsync(this HttpContext context, string itemType, string? continuation, Action<Utf8JsonWriter> items)
    {
        context.Response.Headers["x-ms-item-type"] = itemType;
        if (continuation is not null)
            context.Response.Headers[Continuation] = continuation;
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartArray();
            items(writer);
            writer.WriteEndArray();
        }
        await context.WriteBytesAsync(stream.ToArray());
    }

    private static async Task RunAsync(HubApi hub, QueryRunner runner, HttpContext context)
    {
        if (!(await context.ReadJsonAsync(Json.Default.QueryDescription)).Succeeded(out var body, out var refusal)
            || !HubQuery.Parse(body.Query).Succeeded(out var query, out refusal)
            || !ReadPage(context).Succeeded(out var page, out refusal)
            || !(await runner.RunAsync(query, page.Size, page.Continuation, context.RequestAborted)).Succeeded(out var result, out refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        await context.WritePageAsync(result.ItemType.ToString(), result.Continuation, writer =>
        {
            foreach (var row in result.Rows)
                Write(writer, row);
            foreach (var item in result.Objects)
                writer.WriteRawValue(item.Span, skipInputValidation: true);
        });
    }

    private static void Write(Utf8JsonWriter writer, IQueryRow row)
    {
        if (row is TwinRow twin)
            TwinDocument.Write(writer, twin);
        else
            writer.WriteRawValue(((JsonRow)row).Json.Span, skipInputValidation: true);
    }
}

/// <summary>What a call asks of a page.</summary>
/// <param name="Size">Items at most, or null.</param>
/// <param name="Continuation">From the page before, or null.</param>
internal sealed record PageRequest(int? Size, string? Continuation);
