using System.Collections.Concurrent;

namespace Homeport.Hub.Limits;

/// <summary>
/// Buckets of devices that have no connection to hold them. A full bucket is as good as none, so those are dropped when the table is
/// large; when all of it is in use, further devices have the limits of the hub only.
/// </summary>
internal sealed class DeviceBuckets(BucketRule rule, TimeProvider time)
{
    /// <summary>Devices at most; 10 MB.</summary>
    public const int Capacity = 65_536;

    private readonly ConcurrentDictionary<string, Bucket> _buckets = new(StringComparer.Ordinal);
    private int _count;
    private long _sweptAt;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Takes from a device's bucket. Gives zero, or the time to wait.</summary>
    public TimeSpan TryTake(string device, int amount)
    {
        if (Find(device) is not { } bucket)
            return TimeSpan.Zero;
        return rule.TryTake(ref bucket.State, amount);
    }

    public void Return(string device, int amount)
    {
        if (_buckets.TryGetValue(device, out var bucket))
            rule.Return(ref bucket.State, amount);
    }

    private Bucket? Find(string device)
    {
        if (_buckets.TryGetValue(device, out var bucket))
            return bucket;
        if (Count >= Capacity)
            Sweep();
        if (Count >= Capacity)
            return null;
        var made = new Bucket();
        if (_buckets.TryAdd(device, made))
        {
            Interlocked.Increment(ref _count);
            return made;
        }
        return _buckets.GetValueOrDefault(device);
    }

    /// <summary>One thread, once a second: going through the table for each device would be dear while all are in use.</summary>
    private void Sweep()
    {
        var last = Volatile.Read(ref _sweptAt);
        var now = time.GetTimestamp();
        if ((last != 0 && time.GetElapsedTime(last, now) < TimeSpan.FromSeconds(1)) || Interlocked.CompareExchange(ref _sweptAt, now, last) != last)
            return;
        foreach (var (device, bucket) in _buckets)
        {
            if (rule.IsFull(Volatile.Read(ref bucket.State)) && _buckets.TryRemove(device, out _))
                Interlocked.Decrement(ref _count);
        }
    }

    private sealed class Bucket
    {
        public long State;
    }
}
