using System.Globalization;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>Homeport's own REST: stored messages by partition and offset, and explanations by tracking id.</summary>
public static class MessageEndpoints
{
    private const int DefaultPage = 100;
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(60);

    /// <summary>Maps <c>/homeport/v1/messages</c> and <c>/homeport/v1/explanations</c>.</summary>
    public static void MapMessages(this IEndpointRouteBuilder routes, HubApi hub)
    {
        routes.MapGet("/homeport/v1/messages", hub.Guard(Rights.ServiceConnect, context => ReadAsync(hub, context)));
        routes.MapGet("/homeport/v1/explanations", hub.Guard(Rights.ServiceConnect, context => ListExplanationsAsync(hub, context)));
        routes.MapGet("/homeport/v1/explanations/{trackingId}", hub.Guard(Rights.ServiceConnect, context => ExplainAsync(hub, context)));
    }

    /// <summary>
    /// <c>?partition=0&amp;offset=0&amp;max=100&amp;wait=0</c>; offset <c>latest</c> starts behind the last message; wait is in seconds
    /// and ends with the first message.
    /// </summary>
    private static async Task ReadAsync(HubApi hub, HttpContext context)
    {
        var query = context.Request.Query;
        if (!TryRead(query["partition"], 0, hub.Messages.PartitionCount - 1, out var partition)
            || !TryRead(query["max"], DefaultPage, int.MaxValue, out var max)
            || !TryRead(query["wait"], 0, (int)MaxWait.TotalSeconds, out var wait))
        {
            await hub.RefuseAsync(context, new Refusal(HubErrors.ArgumentInvalid, "partition, max or wait is not usable",
                $"Partitions are 0 to {hub.Messages.PartitionCount - 1}, wait is 0 to {MaxWait.TotalSeconds} seconds."));
            return;
        }
        var from = query["offset"].FirstOrDefault();
        if (from == "latest")
            from = hub.Messages.NextOffset((int)partition).ToString(CultureInfo.InvariantCulture);
        if (!TryRead(from, 0, long.MaxValue, out var offset))
        {
            await hub.RefuseAsync(context, new Refusal(HubErrors.ArgumentInvalid, "offset is not usable", "Use a number from 0 on, or latest."));
            return;
        }
        var page = await hub.Messages.ReadAsync((int)partition, offset, (int)max, TimeSpan.FromSeconds(wait), context.RequestAborted);
        await context.WriteJsonAsync(page, Json.Default.MessagePage);
    }

    /// <summary>The newest of all, or with <c>?deviceId=d1</c> those of one device; the newest first.</summary>
    private static Task ListExplanationsAsync(HubApi hub, HttpContext context)
    {
        var kept = context.Request.Query["deviceId"].FirstOrDefault() is { Length: > 0 } deviceId ? hub.Explanations.Of(deviceId) : hub.Explanations.Newest(DefaultPage);
        return context.WriteJsonAsync([.. kept.Select(ToBody)], Json.Default.IReadOnlyListExplanationBody);
    }

    private static Task ExplainAsync(HubApi hub, HttpContext context)
    {
        var id = (string)context.Request.RouteValues["trackingId"]!;
        return hub.Explanations.TryFind(id, out var kept)
            ? context.WriteJsonAsync(ToBody(kept), Json.Default.ExplanationBody)
            : hub.RefuseAsync(context, new Refusal(HubErrors.NotFound, "There is no explanation with this tracking id",
                $"The newest {Explanations.Capacity} are kept, {Explanations.PerSubject} for each device; older ones are in the log."));
    }

    internal static ExplanationBody ToBody(KeptRefusal kept) => new(
        kept.Refusal.TrackingId, kept.Time, kept.Door, kept.Refusal.Error.Name, kept.Refusal.Error.Code, kept.Refusal.Text,
        kept.Refusal.Seen, kept.Refusal.Tried ?? [], kept.Refusal.Nearest, kept.Refusal.Fix);

    private static bool TryRead(string? text, long missing, long max, out long value)
    {
        value = missing;
        return string.IsNullOrEmpty(text) || (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value <= max);
    }
}
