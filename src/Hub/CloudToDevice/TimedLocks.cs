using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Homeport.Hub.CloudToDevice;

/// <summary>A message's lock that ends by itself.</summary>
internal sealed class TimedLock(QueueAddress queue, DateTimeOffset end)
{
    public string Token { get; } = Guid.NewGuid().ToString();

    public QueueAddress Queue => queue;

    public DateTimeOffset End => end;

    /// <summary>The locked message.</summary>
    public long Sequence { get; set; }
}

/// <summary>Locks by their tokens. Whoever takes a lock out decides what becomes of the message.</summary>
internal sealed class TimedLocks(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, TimedLock> _byToken = new(StringComparer.OrdinalIgnoreCase);

    public void Add(TimedLock added, long sequence)
    {
        added.Sequence = sequence;
        _byToken[added.Token] = added;
    }

    public bool IsOver(TimedLock held) => held.End <= time.GetUtcNow();

    /// <summary>Locks whose time is over.</summary>
    public IReadOnlyList<TimedLock> Over() => _byToken.IsEmpty ? [] : [.. _byToken.Values.Where(IsOver)];

    /// <summary>Takes a lock out. False when somebody did already.</summary>
    public bool TryEnd(TimedLock held) => _byToken.TryRemove(new KeyValuePair<string, TimedLock>(held.Token, held));

    /// <summary>Takes the lock of a queue out by its token. False when it is none, or its time is over.</summary>
    public bool TryEnd(QueueAddress queue, string token, [NotNullWhen(true)] out TimedLock? held)
        => _byToken.TryGetValue(token, out held) && held.Queue == queue && !IsOver(held) && TryEnd(held);
}
