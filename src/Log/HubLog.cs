using System.Text;
using Microsoft.Extensions.Logging;

namespace Homeport.Log;

/// <summary>
/// The record log of one hub with group commit: senders append to memory and get the commit that will hold their record;
/// one thread writes all that came in the meantime in one transaction.
/// </summary>
public sealed partial class HubLog : IAsyncDisposable
{
    /// <summary>Bytes waiting for the disk at which senders have to wait as well. Two commits of this size are in memory at most, per partition.</summary>
    private const int CongestionBytes = 8 * 1024 * 1024;

    private const int KeptCapacity = 256 * 1024;
    private static readonly TimeSpan RetentionInterval = TimeSpan.FromSeconds(30);

    /// <summary>Bytes after which the limit of the size is looked at, not to wait for the interval.</summary>
    private const long RetentionBytes = 4 * 1024 * 1024;
    /// <summary>Milliseconds that the clock may be set back without the log taking part in it.</summary>
    private const long MaxClockStep = 5 * 60 * 1000;

    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMilliseconds(200);

    private readonly IRecordStore _store;
    private readonly TimeProvider _time;
    private readonly RetentionLimits _retention;
    private readonly ILogger<HubLog> _logger;
    private readonly Partition[] _partitions;
    private readonly Thread _thread;
    private readonly AutoResetEvent _work = new(initialState: false);
    private readonly CancellationTokenSource _stop = new();
    private Commit _open = new();
    private long _nextRetention;
    private long _sinceRetention;
    private bool _disposed;

    /// <summary>Starts the committing thread.</summary>
    /// <param name="store">Where batches go.</param>
    /// <param name="retention">When records are dropped.</param>
    /// <param name="time">Clock that stamps enqueued times.</param>
    /// <param name="logger">Storage failures.</param>
    public HubLog(IRecordStore store, RetentionLimits retention, TimeProvider time, ILogger<HubLog> logger)
    {
        _store = store;
        _time = time;
        _retention = retention;
        _logger = logger;
        _partitions = [.. Enumerable.Range(0, store.PartitionCount).Select(p => new Partition(store.ExtentOf(p).LastTime?.ToUnixTimeMilliseconds() ?? 0))];
        _thread = new Thread(Run) { Name = "log commit", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Number of partitions.</summary>
    public int PartitionCount => _partitions.Length;

    /// <summary>Prepares a sender. Devices and their modules share the device's partition, which keeps a device's order.</summary>
    public LogWriter WriterFor(RecordOrigin origin) => new(origin, PartitionOf(origin.DeviceId));

    /// <summary>
    /// Appends one record and returns the commit that will make it durable. Never waits for the disk; ask <see cref="RoomAsync"/>
    /// before the next message when it says so.
    /// </summary>
    public Commit Append(LogWriter writer, MessageSource source, ReadOnlySpan<byte> properties, ReadOnlySpan<byte> body)
    {
        var partition = _partitions[writer.Partition];
        Commit commit;
        bool first;
        lock (partition.Lock)
        {
            // Read under the partition's lock: the committing thread swaps the commit while it holds all of them.
            commit = _open;
            first = partition.Filling.Count == 0;
            partition.Filling.Add(partition.Stamp(_time), source, writer.Origin, properties, body);
        }
        if (first)
            _work.Set();
        return commit;
    }

    /// <summary>False when the sender's partition waits for the disk with <see cref="CongestionBytes"/>.</summary>
    public bool HasRoom(LogWriter writer) => _partitions[writer.Partition].Filling.Length < CongestionBytes;

    /// <summary>Completes when the sender's partition has room.</summary>
    public async Task RoomAsync(LogWriter writer, CancellationToken token)
    {
        while (true)
        {
            var signal = _partitions[writer.Partition].Committed;
            if (HasRoom(writer))
                return;
            await signal.WaitAsync(token);
        }
    }

    /// <summary>Reads records from an offset on; waits up to <paramref name="wait"/> for the first one.</summary>
    public async Task<IReadOnlyList<Record>> ReadAsync(int partition, long offset, int max, TimeSpan wait, CancellationToken token)
    {
        var deadline = _time.GetTimestamp();
        while (true)
        {
            var signal = _partitions[partition].Committed;
            var records = await _store.ReadAsync(partition, offset, max, token);
            var left = wait - _time.GetElapsedTime(deadline);
            if (records.Count > 0 || left <= TimeSpan.Zero)
                return records;
            await WaitAsync(signal, left, token);
        }
    }

    /// <summary>Reads a page of records from an offset on; waits for the first one. Dispose it.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="offset">First record wanted; one that retention dropped reads from the first one kept.</param>
    /// <param name="maxBytes">Bytes of records at most, but one record at least.</param>
    /// <param name="token">Ends the call.</param>
    public async ValueTask<RecordPage> ReadPageAsync(int partition, long offset, int maxBytes, CancellationToken token)
    {
        while (true)
        {
            var signal = _partitions[partition].Committed;
            if (await _store.ReadPageAsync(partition, offset, maxBytes, token) is { } page)
                return page;
            await signal.WaitAsync(token);
        }
    }

    /// <summary>Waits for the signal or the time, whichever is first, and leaves no timer behind.</summary>
    private async Task WaitAsync(Task signal, TimeSpan limit, CancellationToken token)
    {
        try
        {
            await signal.WaitAsync(limit, _time, token);
        }
        catch (TimeoutException)
        {
            // The time is over: the caller looks once more and finds that as well.
        }
    }

    /// <summary>The offset of the partition's next record.</summary>
    public long NextOffset(int partition) => _store.NextOffset(partition);

    /// <summary>What a partition holds.</summary>
    public PartitionExtent ExtentOf(int partition) => _store.ExtentOf(partition);

    /// <summary>Offset of the first record that was enqueued at a time or later; the next offset when there is none yet.</summary>
    public ValueTask<long> FindAsync(int partition, DateTimeOffset time, CancellationToken token) => _store.FindAsync(partition, time, token);

    /// <summary>Commits what is in memory and ends the committing thread.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true))
            return;
        await _stop.CancelAsync();
        _work.Set();
        await Task.Run(_thread.Join);
        _work.Dispose();
        _stop.Dispose();
    }

    /// <summary>The partition of a device and its modules.</summary>
    public int PartitionOf(string deviceId)
    {
        // FNV-1a: stable over restarts and machines, unlike string.GetHashCode.
        var hash = 2166136261;
        foreach (var b in Encoding.UTF8.GetBytes(deviceId))
            hash = (hash ^ b) * 16777619;
        return (int)(hash % (uint)_partitions.Length);
    }

    private void Run()
    {
        var batches = new RecordBatch[_partitions.Length];
        while (true)
        {
            // Once stopping, nobody wakes the thread again: it goes round until nothing is left.
            _work.WaitOne(_stop.IsCancellationRequested ? TimeSpan.Zero : RetentionInterval);
            var commit = Swap(batches);
            if (batches.Any(b => b.Count > 0))
                Store(batches, commit);
            else if (_stop.IsCancellationRequested)
                return;
            DropOldRecords();
        }
    }

    /// <summary>Takes what came in and gives the senders the empty batches of the round before.</summary>
    private Commit Swap(RecordBatch[] batches)
    {
        foreach (var partition in _partitions)
            partition.Lock.Enter();
        var commit = _open;
        var any = false;
        for (var i = 0; i < batches.Length; i++)
        {
            batches[i] = _partitions[i].Swap();
            any |= batches[i].Count > 0;
        }
        if (any)
            _open = new Commit();
        foreach (var partition in _partitions)
            partition.Lock.Exit();
        return commit;
    }

    private void Store(RecordBatch[] batches, Commit commit)
    {
        var state = CommitState.Durable;
        try
        {
            foreach (var batch in batches)
            {
                if (batch.Count > 0)
                    batch.Seal();
            }
            _store.Append(batches);
        }
        catch (Exception e)
        {
            // The senders are told and keep their messages; the server stays up, since a full disk can be mended.
            LogStoreFailed(e);
            state = CommitState.Failed;
        }
        for (var i = 0; i < batches.Length; i++)
        {
            if (batches[i].Count == 0)
                continue;
            _sinceRetention += batches[i].Length;
            batches[i].Clear(KeptCapacity);
            _partitions[i].Signal();
        }
        commit.Complete(state);
        if (state == CommitState.Failed)
            Thread.Sleep(PauseAfterFailure);
    }

    private void DropOldRecords()
    {
        var now = _time.GetUtcNow();
        if (now.Ticks < _nextRetention && (_retention.Bytes is null || _sinceRetention < RetentionBytes))
            return;
        try
        {
            var more = _store.DropBefore(now - _retention.Age);
            if (_retention.Bytes is { } bytes)
                more |= _store.DropAbove(bytes);
            _sinceRetention = 0;
            _nextRetention = more ? 0 : (now + RetentionInterval).Ticks;
        }
        catch (Exception e)
        {
            LogRetentionFailed(e);
            _nextRetention = (now + RetentionInterval).Ticks;
        }
    }

    [LoggerMessage(EventId = 1001, Level = LogLevel.Error, Message = "The record store refused a group commit; its messages are not acknowledged. Check the disk.")]
    private partial void LogStoreFailed(Exception e);

    [LoggerMessage(EventId = 1002, Level = LogLevel.Error, Message = "Old records could not be dropped; trying again later.")]
    private partial void LogRetentionFailed(Exception e);

    /// <summary>Two batches in turn: one fills while the other is stored.</summary>
    private sealed class Partition(long lastTime)
    {
        private long _lastTime = lastTime;
        private RecordBatch _spare = new(KeptCapacity);
        private TaskCompletionSource _committed = NewSignal();

        public Lock Lock { get; } = new();

        public RecordBatch Filling { get; private set; } = new(KeptCapacity);

        /// <summary>Completes when the next commit with records of this partition is over.</summary>
        public Task Committed => Volatile.Read(ref _committed).Task;

        /// <summary>
        /// The time for a new record, under the lock: never earlier than the one before, though the clock may be set back, since readers
        /// look for times by halves.
        /// </summary>
        public long Stamp(TimeProvider time)
        {
            var now = time.GetUtcNow().ToUnixTimeMilliseconds();
            // A clock that was far ahead and is mended is believed.
            return _lastTime = now < _lastTime && _lastTime - now <= MaxClockStep ? _lastTime : now;
        }

        public void Signal() => Interlocked.Exchange(ref _committed, NewSignal()).TrySetResult();

        public RecordBatch Swap()
        {
            if (Filling.Count == 0)
                return _spare;
            (Filling, _spare) = (_spare, Filling);
            return _spare;
        }

        private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
