using Homeport.Log;
using Record = Homeport.Log.Record;

namespace Homeport.Tests.Hub;

/// <summary>A record store in memory whose disk can hang and fail.</summary>
internal sealed class ScriptedRecordStore(int partitions) : IRecordStore
{
    private readonly Lock _lock = new();
    private readonly List<Record>[] _records = [.. Enumerable.Range(0, partitions).Select(_ => new List<Record>())];
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

    public long NextOffset(int partition)
    {
        lock (_lock)
            return _records[partition].Count;
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
                    _records[partition].AddRange(RecordBatch.Read(batches[partition].Bytes.ToArray(), _records[partition].Count));
            }
        }
    }

    public Task<IReadOnlyList<Record>> ReadAsync(int partition, long offset, int max, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult<IReadOnlyList<Record>>([.. _records[partition].Where(r => r.Offset >= offset).Take(max)]);
    }

    public bool DropBefore(DateTimeOffset time)
    {
        lock (_lock)
            Drops.Add(time);
        if (DropFailure is { } failure)
            throw failure;
        return MoreToDrop-- > 0;
    }
}
