using System.Diagnostics;
using System.Numerics;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>Counts latencies in log-linear buckets of about 3 % width; safe to add to from several threads.</summary>
internal sealed class LatencyHistogram
{
    private const int SubBits = 5;
    private const int SubCount = 1 << SubBits;
    private readonly long[] _counts = new long[64 * SubCount];

    /// <summary>Adds <paramref name="count"/> messages that took <paramref name="ticks"/> of <see cref="Stopwatch"/> each.</summary>
    public void Add(long ticks, int count) => Interlocked.Add(ref _counts[IndexOf(Math.Max(ticks, 0))], count);

    public TimeSpan Quantile(double quantile)
    {
        long total = 0;
        foreach (ref readonly var count in _counts.AsSpan())
            total += count;

        var rank = (long)Math.Ceiling(total * quantile);
        long seen = 0;
        for (var i = 0; i < _counts.Length && total > 0; i++)
        {
            seen += _counts[i];
            if (seen >= rank)
                return TimeSpan.FromSeconds(MiddleOf(i) / Stopwatch.Frequency);
        }

        return TimeSpan.Zero;
    }

    private static int IndexOf(long ticks)
    {
        if (ticks < SubCount)
            return (int)ticks;

        var shift = BitOperations.Log2((ulong)ticks) - SubBits;
        return ((shift + 1) << SubBits) + (int)((ticks >> shift) - SubCount);
    }

    private static double MiddleOf(int index)
    {
        if (index < SubCount)
            return index;

        var shift = (index >> SubBits) - 1;
        var low = (long)((index & (SubCount - 1)) + SubCount) << shift;
        return low + ((1L << shift) / 2.0);
    }
}
