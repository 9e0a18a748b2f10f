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

    public long NextOffset(int partition) => inner.NextOffset(partition);

    public void Append(IReadOnlyList<RecordBatch> batches)
    {
        _open.Wait();
        if (_fails)
            throw new IOException("No space left on device");
        inner.Append(batches);
    }

    public Task<IReadOnlyList<Homeport.Log.Record>> ReadAsync(int partition, long offset, int max, CancellationToken token) => inner.ReadAsync(partition, offset, max, token);

    public bool DropBefore(DateTimeOffset time) => inner.DropBefore(time);
}
