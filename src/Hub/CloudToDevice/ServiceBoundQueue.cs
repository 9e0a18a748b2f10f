using Homeport.Contract.Errors;

namespace Homeport.Hub.CloudToDevice;

/// <summary>
/// Records of one kind for services (feedback, file notifications), read in batches that are locked until they are answered or the lock's
/// time is over. Locks are in memory: after a restart what was not completed comes again.
/// </summary>
public sealed class ServiceBoundQueue(IServiceBoundStore store, ServiceBoundKind kind, ServiceBoundSettings settings, TimeProvider time)
{
    /// <summary>Records of feedback in a batch at most.</summary>
    public const int MaxBatch = 64;

    /// <summary>How long feedback is gathered: what happens within it is told together. Azure gathers for up to 15 seconds.</summary>
    public static readonly TimeSpan GatherTime = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan PollTime = TimeSpan.FromMilliseconds(250);

    private readonly Lock _gate = new();
    private readonly HeldMessages _held = new();
    private readonly Dictionary<string, ServiceBoundBatch> _batches = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Puts a record into the queue. It is durable when the task ends.</summary>
    /// <param name="id">Names what happened: while a record with it waits, it is not added again. Null when nothing tells of it twice.</param>
    /// <param name="payload">JSON.</param>
    /// <param name="token">Ends the call.</param>
    public Task AddAsync(string? id, string payload, CancellationToken token)
    {
        var now = time.GetUtcNow();
        return store.AddAsync(kind, new NewServiceBoundRecord(id, payload, now, now + settings.TimeToLive), token);
    }

    /// <summary>Waits until there are records, takes the next ones and locks them.</summary>
    /// <param name="max">Records in the batch at most.</param>
    /// <param name="token">Ends the wait.</param>
    public async Task<ServiceBoundBatch> WaitAsync(int max, CancellationToken token)
    {
        // The writes that make records are many and elsewhere, in transactions of what they tell of; an index look-up is cheap.
        while (true)
        {
            if (await ReceiveAsync(max, token) is { } batch)
                return batch;
            await Task.Delay(PollTime, time, token);
        }
    }

    /// <summary>Takes the next records and locks them. Null when there are none.</summary>
    /// <param name="max">Records in the batch at most.</param>
    /// <param name="token">Ends the call.</param>
    /// <param name="gather">Leaves records that are not as old as this where they are, until there are enough for a batch.</param>
    public async Task<ServiceBoundBatch?> ReceiveAsync(int max, CancellationToken token, TimeSpan gather = default)
    {
        await GiveBackAsync(token);
        lock (_gate)
        {
            var now = time.GetUtcNow();
            var batch = new ServiceBoundBatch(Guid.NewGuid().ToString(), now + settings.LockTime);
            var free = store.Read(kind, _held.Cursor, _held.ReadSize(max), now).Where(r => !_held.IsHeld(r.Sequence)).Take(max).ToList();
            if (free.Count == 0 || (free.Count < max && now - free[0].EnqueuedTime < gather))
                return null;
            foreach (var record in free)
            {
                _held.TryHold(record.Sequence, batch);
                batch.Add(record);
            }
            _batches[batch.LockToken] = batch;
            return batch;
        }
    }

    /// <summary>The service does not want the batch, which is dropped: there is no dead-letter queue. Null when it is done.</summary>
    public Task<Refusal?> RejectAsync(string lockToken, CancellationToken token) => CompleteAsync(lockToken, token);

    /// <summary>The service has the batch. Null when it is done.</summary>
    public async Task<Refusal?> CompleteAsync(string lockToken, CancellationToken token)
    {
        if (!TryEnd(lockToken, out var batch))
            return Lost();
        var gone = false;
        try
        {
            await store.RemoveAsync(kind, batch.Sequences, token);
            gone = true;
        }
        finally
        {
            Release(batch, gone);
        }
        return null;
    }

    /// <summary>Puts the batch's records back, with one more delivery. Null when it is done.</summary>
    public async Task<Refusal?> AbandonAsync(string lockToken, CancellationToken token)
    {
        if (!TryEnd(lockToken, out var batch))
            return Lost();
        await AbandonAsync(batch, token);
        return null;
    }

    /// <summary>Ends locks and records whose time is over, and drops the oldest of too many.</summary>
    public async Task SweepAsync(CancellationToken token)
    {
        await GiveBackAsync(token);
        bool more;
        do
            more = await store.DropExpiredAsync(kind, time.GetUtcNow(), token);
        while (more);
        do
            more = await store.DropOldestAsync(kind, settings.Capacity, token);
        while (more);
    }

    private async Task GiveBackAsync(CancellationToken token)
    {
        List<ServiceBoundBatch> over;
        lock (_gate)
        {
            if (_batches.Count == 0)
                return;
            over = [.. _batches.Values.Where(b => b.LockEnd <= time.GetUtcNow())];
            foreach (var batch in over)
                _batches.Remove(batch.LockToken);
        }
        foreach (var batch in over)
            await AbandonAsync(batch, token);
    }

    private async Task AbandonAsync(ServiceBoundBatch batch, CancellationToken token)
    {
        try
        {
            await store.AbandonAsync(kind, batch.Sequences, settings.MaxDeliveryCount, token);
        }
        finally
        {
            Release(batch, gone: false);
        }
    }

    private bool TryEnd(string lockToken, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out ServiceBoundBatch? batch)
    {
        lock (_gate)
            return _batches.TryGetValue(lockToken, out batch) && batch.LockEnd > time.GetUtcNow() && _batches.Remove(lockToken);
    }

    private void Release(ServiceBoundBatch batch, bool gone)
    {
        lock (_gate)
        {
            foreach (var sequence in batch.Sequences)
            {
                if (gone)
                    _held.Forget(sequence);
                else
                    _held.GiveBack(sequence);
            }
        }
    }

    private static Refusal Lost() => new(HubErrors.DeviceMessageLockLost, "There is no batch by this lock token", "The lock ended: receive again, and answer within the lock time.");
}

/// <summary>Records that a service received together.</summary>
public sealed class ServiceBoundBatch
{
    private readonly List<ServiceBoundRecord> _records = [];

    internal ServiceBoundBatch(string lockToken, DateTimeOffset lockEnd)
    {
        LockToken = lockToken;
        LockEnd = lockEnd;
    }

    /// <summary>The service completes or abandons the batch by this: the text of a GUID.</summary>
    public string LockToken { get; }

    /// <summary>The records in their order.</summary>
    public IReadOnlyList<ServiceBoundRecord> Records => _records;

    /// <summary>When the newest record was made.</summary>
    public DateTimeOffset EnqueuedTime => _records[^1].EnqueuedTime;

    /// <summary>The records as one JSON array, as services get feedback.</summary>
    public string ToJsonArray() => "[" + string.Join(',', _records.Select(r => r.Payload)) + "]";

    /// <summary>When the lock ends.</summary>
    public DateTimeOffset LockEnd { get; }

    internal IReadOnlyCollection<long> Sequences => [.. _records.Select(r => r.Sequence)];

    internal void Add(ServiceBoundRecord record) => _records.Add(record);
}
