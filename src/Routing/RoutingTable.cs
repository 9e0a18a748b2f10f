using System.Collections.Frozen;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Query;
using Homeport.Log;

namespace Homeport.Routing;

/// <summary>Routes and endpoints as the engine works with them: a state that never changes, replaced as a whole.</summary>
public sealed class RoutingTable
{
    /// <summary>No route and no endpoint.</summary>
    public static readonly RoutingTable Empty = new([], []);

    private readonly FrozenSet<MessageSource> _sources;

    /// <summary>A table.</summary>
    /// <param name="endpoints">With their secrets.</param>
    /// <param name="routes">Those that are on.</param>
    public RoutingTable(IEnumerable<ActiveEndpoint> endpoints, IReadOnlyList<ActiveRoute> routes)
    {
        Endpoints = endpoints.ToDictionary(e => e.Description.Id!, StringComparer.OrdinalIgnoreCase);
        Routes = routes;
        _sources = routes.Select(r => r.Source).ToFrozenSet();
    }

    /// <summary>Endpoints by their ids.</summary>
    public IReadOnlyDictionary<string, ActiveEndpoint> Endpoints { get; }

    /// <summary>Routes that are on.</summary>
    public IReadOnlyList<ActiveRoute> Routes { get; }

    /// <summary>True when a route takes messages of the source.</summary>
    public bool Wants(MessageSource source) => _sources.Contains(source);

    /// <summary>The routes that lead to an endpoint.</summary>
    public IReadOnlyList<ActiveRoute> RoutesTo(string endpointId) => [.. Routes.Where(r => r.Endpoints.Contains(endpointId, StringComparer.OrdinalIgnoreCase))];
}

/// <summary>A route that is on.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Source">Messages that it looks at.</param>
/// <param name="Condition">Which of them it takes.</param>
/// <param name="Endpoints">Where they go.</param>
/// <param name="Starts">For each partition the first message that it takes.</param>
public sealed record ActiveRoute(string Id, MessageSource Source, MessageCondition Condition, IReadOnlyList<string> Endpoints, IReadOnlyList<long> Starts)
{
    /// <summary>What it asks beyond its condition, or null.</summary>
    public IMessageFilter? Filter { get; init; }

    /// <summary>True when it takes the message.</summary>
    public bool Takes(RoutedMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message.Source == Source && message.Offset >= Starts[message.Partition] && Condition.Matches(message);
    }
}

/// <summary>A choice of messages that may have to look something up.</summary>
public interface IMessageFilter
{
    /// <summary>True when a message is taken.</summary>
    ValueTask<bool> TakesAsync(RoutedMessage message, CancellationToken token);
}

/// <summary>An endpoint with what was read of its definition.</summary>
/// <param name="Description">With its secrets.</param>
/// <param name="Enrichments">Added to each message.</param>
public sealed record ActiveEndpoint(RoutingEndpointDescription Description, IReadOnlyList<Enrichment> Enrichments);

/// <summary>The words of routes for message sources.</summary>
public static class RoutingSources
{
    private static readonly Dictionary<string, MessageSource> ByName = new(StringComparer.OrdinalIgnoreCase)
    {
        ["DeviceMessages"] = MessageSource.Telemetry,
        ["TwinChangeEvents"] = MessageSource.TwinChange,
        ["DeviceLifecycleEvents"] = MessageSource.DeviceLifecycle,
        ["DeviceConnectionStateEvents"] = MessageSource.DeviceConnectionState,
        ["DigitalTwinChangeEvents"] = MessageSource.DigitalTwinChange,
        ["DeviceStatusEvents"] = MessageSource.DeviceStatus,
        ["DeviceTemplateEvents"] = MessageSource.DeviceTemplate,
    };

    /// <summary>All words.</summary>
    public static IReadOnlyCollection<string> Names => ByName.Keys;

    /// <summary>The source of a word, in any case; null for another word.</summary>
    public static MessageSource? Find(string? name) => name is not null && ByName.TryGetValue(name, out var source) ? source : null;

    /// <summary>The word of a source.</summary>
    public static string NameOf(MessageSource source) => ByName.First(p => p.Value == source).Key;
}
