using Homeport.Contract.Rest.Operators;

namespace Homeport.Routing;

/// <summary>Keeps how far endpoints got in the log. What a call acknowledges is durable.</summary>
public interface IPlaceStore
{
    /// <summary>How far an endpoint got in a partition; null when it never began.</summary>
    Task<EndpointPlace?> FindPlaceAsync(string endpointId, int partition, CancellationToken token);

    /// <summary>Moves an endpoint's place, and adds what happened on the way.</summary>
    Task AdvanceAsync(string endpointId, int partition, Progress progress, CancellationToken token);

    /// <summary>The newest dead messages of an endpoint.</summary>
    Task<IReadOnlyList<DeadMessageDescription>> ListDeadAsync(string endpointId, int max, CancellationToken token);

    /// <summary>Forgets the places and dead messages of an endpoint.</summary>
    Task ForgetAsync(string endpointId, CancellationToken token);
}

/// <summary>Keeps the routes of one hub and its endpoints. What a call acknowledges is durable.</summary>
public interface IRoutingStore : IPlaceStore
{
    /// <summary>All endpoints, with their secrets.</summary>
    Task<IReadOnlyList<RoutingEndpointDescription>> ListEndpointsAsync(CancellationToken token);

    /// <summary>Writes an endpoint when its ETag is still the given one (null: when there is none yet). False when it is not.</summary>
    Task<bool> SaveEndpointAsync(RoutingEndpointDescription endpoint, string? etag, CancellationToken token);

    /// <summary>Deletes an endpoint with its places and dead messages. False when its ETag is another one.</summary>
    Task<bool> DeleteEndpointAsync(string id, string etag, CancellationToken token);

    /// <summary>All routes.</summary>
    Task<IReadOnlyList<StoredRoute>> ListRoutesAsync(CancellationToken token);

    /// <summary>Writes a route when its ETag is still the given one (null: when there is none yet). What it delivered stays. False when it is not.</summary>
    Task<bool> SaveRouteAsync(StoredRoute route, string? etag, CancellationToken token);

    /// <summary>Deletes a route. False when its ETag is another one.</summary>
    Task<bool> DeleteRouteAsync(string id, string etag, CancellationToken token);
}

/// <summary>A route as it is kept.</summary>
/// <param name="Route">Its definition.</param>
/// <param name="Starts">For each partition the first message that it takes; null while it is off.</param>
public sealed record StoredRoute(RouteDescription Route, IReadOnlyList<long>? Starts);

/// <summary>How far an endpoint got in a partition.</summary>
/// <param name="Next">Offset of the first message that is not settled.</param>
/// <param name="Delivered">Messages that it confirmed.</param>
/// <param name="Dead">Messages that it refused for good.</param>
/// <param name="Dropped">Messages that went before they were looked at.</param>
public sealed record EndpointPlace(long Next, long Delivered, long Dead, long Dropped)
{
    /// <summary>The place after a step.</summary>
    public EndpointPlace After(Progress progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        return new EndpointPlace(progress.Next, Delivered + progress.Delivered, Dead + (progress.Dead is null ? 0 : 1), Dropped + progress.Dropped);
    }
}

/// <summary>A step of an endpoint in a partition.</summary>
/// <param name="Next">Offset of the first message that is not settled after it.</param>
public sealed record Progress(long Next)
{
    /// <summary>Messages that were confirmed.</summary>
    public long Delivered { get; init; }

    /// <summary>Messages that went before they were looked at.</summary>
    public long Dropped { get; init; }

    /// <summary>The message that was given up, or null.</summary>
    public DeadMessageDescription? Dead { get; init; }

    /// <summary>Messages that were confirmed, by the ids of the routes that took them.</summary>
    public IReadOnlyDictionary<string, long> ByRoute { get; init; } = new Dictionary<string, long>(StringComparer.Ordinal);
}
