using Homeport.Log;

namespace Homeport.Tests.Transcripts;

/// <summary>The real record store behind a disk that can hang and fail.</summary>
internal sealed class UnreliableDisk(IRecordStore inner) : IRecordStore
{
    private readonly ManualResetEventSlim _open = new(true);
    private volatile bool _fails;

    public int PartitionCount => inner.PartitionCount;

    public void Hang() => _open.Reset();

    public void GoOn() => _open.Set();

    public void Fail(bool fails) => _fails = fails;

    public PartitionExtent ExtentOf(int partition) => inner.ExtentOf(partition);

    public void Append(IReadOnlyList<RecordBatch> batches)
    {
        _open.Wait();
        if (_fails)
            throw new IOException("No space left on device");
        inner.Append(batches);
    }

    public ValueTask<RecordPage?> ReadPageAsync(int partition, long offset, int maxBytes, CancellationToken token) => inner.ReadPageAsync(partition, offset, maxBytes, token);

    public ValueTask<long> FindAsync(int partition, DateTimeOffset time, CancellationToken token) => inner.FindAsync(partition, time, token);

    public bool DropBefore(DateTimeOffset time) => inner.DropBefore(time);

    public bool DropAbove(long bytes) => inner.DropAbove(bytes);
}
