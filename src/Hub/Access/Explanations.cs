using System.Diagnostics.CodeAnalysis;
using Homeport.Contract.Errors;
using Microsoft.Extensions.Logging;

namespace Homeport.Hub.Access;

/// <summary>
/// Keeps why something was refused, by tracking id. Bounded: the newest <see cref="Capacity"/> are in memory, each is also in the log.
/// </summary>
public sealed partial class Explanations(TimeProvider time, ILogger<Explanations> logger)
{
    /// <summary>How many are kept.</summary>
    public const int Capacity = 4096;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, KeptRefusal> _byId = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();

    /// <summary>Keeps a refusal and logs it.</summary>
    /// <param name="refusal">What was refused.</param>
    /// <param name="door">Where: <c>mqtt</c>, <c>https</c>, <c>dps</c>.</param>
    /// <returns>The same refusal.</returns>
    public Refusal Keep(Refusal refusal, string door)
    {
        lock (_lock)
        {
            if (_byId.TryAdd(refusal.TrackingId, new KeptRefusal(refusal, door, time.GetUtcNow())))
                _order.Enqueue(refusal.TrackingId);
            if (_order.Count > Capacity)
                _byId.Remove(_order.Dequeue());
        }
        LogRefused(door, refusal.Error.Name, refusal.Error.Code, refusal.Seen, refusal.Fix, refusal.TrackingId);
        return refusal;
    }

    /// <summary>Finds one by its tracking id.</summary>
    public bool TryFind(string trackingId, [NotNullWhen(true)] out KeptRefusal? kept)
    {
        lock (_lock)
            return _byId.TryGetValue(trackingId, out kept);
    }

    /// <summary>The newest ones first.</summary>
    public IReadOnlyList<KeptRefusal> Newest(int count)
    {
        lock (_lock)
            return [.. _order.Reverse().Take(count).Select(id => _byId[id])];
    }

    [LoggerMessage(EventId = 2001, Level = LogLevel.Information, Message = "Refused at {Door}: {Error} ({Code}). {Seen}. {Fix} Tracking id {TrackingId}")]
    private partial void LogRefused(string door, string error, int code, string seen, string fix, string trackingId);
}

/// <summary>A refusal with its place and time.</summary>
public sealed record KeptRefusal(Refusal Refusal, string Door, DateTimeOffset Time);
