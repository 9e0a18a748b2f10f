using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Twins;
using Homeport.Log;
using Microsoft.Extensions.Logging;

namespace Homeport.Routing;

/// <summary>What all pumps share.</summary>
public sealed record PumpContext
{
    /// <summary>Where messages are read.</summary>
    public required HubLog Log { get; init; }

    /// <summary>How far each endpoint got.</summary>
    public required IPlaceStore Places { get; init; }

    public required ITwinStore Twins { get; init; }

    public required TimeProvider Time { get; init; }

    public required ILogger Logger { get; init; }

    /// <summary>The routes as they are now.</summary>
    public required Func<RoutingTable> Table { get; init; }

    /// <summary>Opens a way to an endpoint.</summary>
    public required Func<RoutingEndpointDescription, int, IEndpointSink> Open { get; init; }

    /// <summary>Attempts after which a message that the endpoint refuses is given up.</summary>
    public int MaxAttempts { get; init; } = 5;

    /// <summary>The twin of a sender as conditions read it, looked up once for a page of messages.</summary>
    public async Task<ReadOnlyMemory<byte>> TwinOfAsync(RecordOrigin origin, Dictionary<string, ReadOnlyMemory<byte>> known, CancellationToken token)
    {
        var key = origin.ModuleId is null ? origin.DeviceId : origin.DeviceId + "/" + origin.ModuleId;
        if (known.TryGetValue(key, out var json))
            return json;
        var twin = await Twins.FindAsync(origin.DeviceId, origin.ModuleId, token);
        json = twin is null ? default : (byte[])
        [
            .. "{\"tags\":"u8, .. twin.Tags.Span, .. ",\"properties\":{\"desired\":"u8, .. twin.Desired.ForService(), .. ",\"reported\":"u8, .. twin.Reported.ForService(), .. "}}"u8,
        ];
        return known[key] = json;
    }
}
