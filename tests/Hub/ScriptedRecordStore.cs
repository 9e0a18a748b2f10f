using Homeport.Log;
using Record = Homeport.Log.Record;

namespace Homeport.Tests.Hub;

/// <summary>A record store in memory whose disk can hang and fail.</summary>
internal sealed class ScriptedRecordStore(int partitions) : IRecordStore
{
    private readonly Lock _lock = new();
    private readonly List<(byte[] Bytes, IReadOnlyList<Record> Records)>[] _batches = [.. Enumerable.Range(0, partitions).Select(_ => new List<(byte[], IReadOnlyList<Record>)>())];
    private readonly ManualResetEventSlim _open = new(true);
    private int _failures;
    private int _appends;
    private int _waiting;

    public int PartitionCount => partitions;

    /// <summary>Commits that were tried.</summary>
    public int Appends => Volatile.Read(ref _appends);

    /// <summary>True while a commit hangs.</summary>
    public bool IsHanging => Volatile.Read(ref _waiting) > 0;

    /// <summary>Calls of <see cref="DropBefore"/>.</summary>
    public List<DateTimeOffset> Drops { get; } = [];

    public Exception? DropFailure { get; set; }

    /// <summary>How many times dropping says that more is left.</summary>
    public int MoreToDrop { get; set; }

    public void Hang() => _open.Reset();

    public void GoOn() => _open.Set();

    public void FailNext(int times) => Volatile.Write(ref _failures, times);

    /// <summary>Sizes that dropping was asked for.</summary>
    public List<long> SizeDrops { get; } = [];

    public PartitionExtent ExtentOf(int partition)
    {
        lock (_lock)
            return new PartitionExtent(0, _batches[partition].Sum(b => b.Records.Count), _batches[partition].LastOrDefault().Records?[^1].EnqueuedTime);
    }

    public void Append(IReadOnlyList<RecordBatch> batches)
    {
        Interlocked.Increment(ref _appends);
        Interlocked.Increment(ref _waiting);
        _open.Wait();
        Interlocked.Decrement(ref _waiting);
        if (Interlocked.Decrement(ref _failures) >= 0)
            throw new IOException("disk full");
        lock (_lock)
        {
            for (var partition = 0; partition < batches.Count; partition++)
            {
                if (batches[partition].Count > 0)
                    _batches[partition].Add((batches[partition].Bytes.ToArray(), RecordBatch.Read(batches[partition].Bytes.ToArray(), ExtentOf(partition).Next)));
            }
        }
    }

    public ValueTask<RecordPage?> ReadPageAsync(int partition, long offset, int maxBytes, CancellationToken token)
    {
        lock (_lock)
        {
            if (_batches[partition].Find(b => b.Records[^1].Offset >= offset) is not { Bytes: { } bytes } batch)
                return new((RecordPage?)null);
            var page = RecordPage.Start(offset, 0);
            page.Fill(bytes, batch.Records[0].Offset, offset, maxBytes);
            return new(page);
        }
    }

    public ValueTask<long> FindAsync(int partition, DateTimeOffset time, CancellationToken token)
    {
        lock (_lock)
            return new(_batches[partition].SelectMany(b => b.Records).TakeWhile(r => r.EnqueuedTime < time).Count());
    }

    public bool DropBefore(DateTimeOffset time)
    {
        lock (_lock)
            Drops.Add(time);
        if (DropFailure is { } failure)
            throw failure;
        return MoreToDrop-- > 0;
    }

    public bool DropAbove(long bytes)
    {
        lock (_lock)
            SizeDrops.Add(bytes);
        return false;
    }
}
