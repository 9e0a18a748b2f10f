using Homeport.Contract.Rest.Operators;

namespace Homeport.Routing;

/// <summary>How deliveries to an endpoint go, over all partitions. For any thread.</summary>
public sealed class EndpointHealth(TimeProvider time)
{
    /// <summary>An endpoint that has failed for as long counts as dead; it is tried again all the same.</summary>
    private static readonly TimeSpan DeadAfter = TimeSpan.FromHours(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<int, EndpointPlace> _places = [];
    private readonly Dictionary<int, DateTimeOffset> _failing = [];
    private string? _lastError;
    private DateTimeOffset? _lastErrorTime;
    private DateTimeOffset? _lastDeliveredTime;

    /// <summary>Notes how far a partition is.</summary>
    public void NotePlace(int partition, EndpointPlace place)
    {
        lock (_lock)
            _places[partition] = place;
    }

    /// <summary>Notes that the endpoint confirmed messages.</summary>
    public void NoteDelivered(int partition)
    {
        lock (_lock)
        {
            _failing.Remove(partition);
            _lastDeliveredTime = time.GetUtcNow();
        }
    }

    /// <summary>Notes a failure.</summary>
    /// <param name="partition">Whose messages were not delivered.</param>
    /// <param name="reason">Why.</param>
    /// <param name="ofMessages">True when the endpoint is well and refused these messages.</param>
    public void NoteFailure(int partition, string reason, bool ofMessages = false)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            if (!ofMessages)
                _failing.TryAdd(partition, now);
            (_lastError, _lastErrorTime) = (reason, now);
        }
    }

    /// <summary>What is to be shown.</summary>
    /// <param name="lagOf">Messages of a partition that are not looked at, from a place on.</param>
    public EndpointHealthDescription Describe(Func<int, long, long> lagOf)
    {
        ArgumentNullException.ThrowIfNull(lagOf);
        lock (_lock)
        {
            return new EndpointHealthDescription
            {
                Status = _failing.Count > 0 ? (time.GetUtcNow() - _failing.Values.Min() >= DeadAfter ? "dead" : "unhealthy") : _lastDeliveredTime is null ? "unknown" : "healthy",
                LastError = _lastError,
                LastErrorTime = _lastErrorTime,
                LastDeliveredTime = _lastDeliveredTime,
                Delivered = _places.Values.Sum(p => p.Delivered),
                Dead = _places.Values.Sum(p => p.Dead),
                Dropped = _places.Values.Sum(p => p.Dropped),
                Lag = _places.Sum(p => lagOf(p.Key, p.Value.Next)),
            };
        }
    }
}
