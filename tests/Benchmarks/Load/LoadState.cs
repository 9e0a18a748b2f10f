using System.Diagnostics;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>What all connections of one load share: how much is done, how long it took, and whether to go on.</summary>
internal sealed class LoadState
{
    private volatile bool _recording;
    private volatile bool _stopping;
    private long _completed;

    /// <summary>Operations done so far.</summary>
    public long Completed => Interlocked.Read(ref _completed);

    public LatencyHistogram Latencies { get; } = new();

    public bool Recording
    {
        get => _recording;
        set => _recording = value;
    }

    public bool Stopping
    {
        get => _stopping;
        set => _stopping = value;
    }

    /// <summary>Counts operations that are done, without their latency.</summary>
    public void Complete(int count) => Interlocked.Add(ref _completed, count);

    /// <summary>Counts one operation that began at a <see cref="Stopwatch"/> time.</summary>
    public void Complete(long startedAt)
    {
        Interlocked.Increment(ref _completed);
        if (_recording)
            Latencies.Add(Stopwatch.GetTimestamp() - startedAt, 1);
    }
}
