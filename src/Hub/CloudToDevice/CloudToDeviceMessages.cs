using Homeport.Contract.Errors;
using Homeport.Hub.Live;

namespace Homeport.Hub.CloudToDevice;

/// <summary>
/// Messages to devices: a durable queue for each identity. A message is delivered at least once, in order, until it is completed,
/// rejected, expired, purged, or came back too often; its sender hears of that if it wants.
/// </summary>
public sealed class CloudToDeviceMessages
{
    private readonly ICloudToDeviceStore _store;
    private readonly LiveConnections _live;
    private readonly TimeProvider _time;
    private readonly DeviceLocks _locks;
    private readonly TimedLocks _timed;

    /// <summary>Opens the queues.</summary>
    /// <param name="store">Keeps them.</param>
    /// <param name="live">Whom to tell of a new message.</param>
    /// <param name="settings">Times and counts.</param>
    /// <param name="time">Clock of expiry and locks.</param>
    public CloudToDeviceMessages(ICloudToDeviceStore store, LiveConnections live, CloudToDeviceSettings settings, TimeProvider time)
    {
        if (settings.Check() is { } problem)
            throw new ArgumentException(problem, nameof(settings));
        _store = store;
        _live = live;
        _time = time;
        Settings = settings;
        _locks = new DeviceLocks(store);
        _timed = new TimedLocks(time);
    }

    /// <summary>Times and counts.</summary>
    public CloudToDeviceSettings Settings { get; }

    /// <summary>Takes a message into the queue of a device or module. It is durable when the task ends.</summary>
    public async Task<Outcome<SentMessage>> SendAsync(string deviceId, string? moduleId, CloudToDeviceMessage message, CancellationToken token)
    {
        var queue = new QueueAddress(deviceId, moduleId);
        if (!Envelope.Close(queue, message, Settings.DefaultTimeToLive, _time.GetUtcNow()).Succeeded(out var closed, out var refusal))
            return refusal;
        var result = await _store.EnqueueAsync(closed, CloudToDeviceSettings.MaxQueueDepth, stored =>
        {
            if (stored.Status == EnqueueStatus.Stored)
                Wake(queue);
        }, token);
        return result.Status switch
        {
            EnqueueStatus.Stored => new SentMessage(result.Sequence, closed.MessageId),
            EnqueueStatus.QueueFull => new Refusal(HubErrors.DeviceMaximumQueueDepthExceeded, $"'{queue.Key}' has {CloudToDeviceSettings.MaxQueueDepth} messages waiting",
                "Send again when the device took some, or purge its queue."),
            EnqueueStatus.NoModule => new Refusal(HubErrors.ModuleNotFound, $"Device '{deviceId}' has no module '{moduleId}'", "Create the module, or correct its id."),
            EnqueueStatus.Disabled => new Refusal(HubErrors.DeviceNotFound, $"Device '{deviceId}' is disabled, so it gets no messages", "Enable it in the registry."),
            _ => new Refusal(HubErrors.DeviceNotFound, $"Device '{deviceId}' is not registered", "Register the device, or correct its id."),
        };
    }

    /// <summary>Opens a queue for a connection. Costs nothing while there are no messages. Close it when the connection ends.</summary>
    public QueueReader OpenReader(string deviceId, string? moduleId) => new(this, new QueueAddress(deviceId, moduleId));

    /// <summary>Takes the next message and locks it for a time. Null when there is none.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="moduleId">The module, or null.</param>
    /// <param name="lockTime">Null for the setting.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<LockedMessage?> ReceiveAsync(string deviceId, string? moduleId, TimeSpan? lockTime, CancellationToken token)
    {
        var queue = new QueueAddress(deviceId, moduleId);
        // Whoever asks again after its lock ended finds the message in its place, without waiting for the sweep.
        await GiveBackAsync([.. _locks.Owners<TimedLock>(queue).Where(_timed.IsOver)], token);
        var owner = new TimedLock(queue, _time.GetUtcNow() + (lockTime ?? Settings.LockTime));
        if (_locks.Take(queue, owner, 1, _time.GetUtcNow()) is not [var message])
            return null;
        _timed.Add(owner, message.Sequence);
        return new LockedMessage(message, owner.Token);
    }

    /// <summary>Ends the lock of a message that was received: it is completed or rejected. Null when it is done.</summary>
    public Task<Refusal?> SettleAsync(string deviceId, string? moduleId, string lockToken, MessageOutcome outcome, CancellationToken token)
        => SettleAsync(new QueueAddress(deviceId, moduleId), lockToken, outcome, token);

    /// <summary>Puts a message back that was received, with one more delivery. Null when it is done.</summary>
    public Task<Refusal?> AbandonAsync(string deviceId, string? moduleId, string lockToken, CancellationToken token)
        => SettleAsync(new QueueAddress(deviceId, moduleId), lockToken, null, token);

    /// <summary>Takes out all messages of a queue, also those that the device has and did not answer. Returns how many.</summary>
    public Task<int> PurgeAsync(string deviceId, string? moduleId, CancellationToken token)
        => _store.PurgeAsync(new QueueAddress(deviceId, moduleId), FeedbackTimes(), token);

    /// <summary>The messages of a queue in their order, for operators.</summary>
    public IReadOnlyList<PeekedMessage> Peek(string deviceId, string? moduleId)
    {
        var queue = new QueueAddress(deviceId, moduleId);
        return [.. _store.Read(queue, 0, CloudToDeviceSettings.MaxQueueDepth, _time.GetUtcNow()).Select(m => new PeekedMessage(m, _locks.IsHeld(queue, m.Sequence)))];
    }

    /// <summary>Number of messages that wait for an identity, by its key: <c>cloudToDeviceMessageCount</c>.</summary>
    public Task<int> CountAsync(string key)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        return Task.FromResult(_store.Count(slash < 0 ? new QueueAddress(key, null) : new QueueAddress(key[..slash], key[(slash + 1)..]), _time.GetUtcNow()));
    }

    /// <summary>Ends locks and messages whose time is over. Called once in a while by <see cref="CloudToDeviceSweep"/>.</summary>
    public async Task SweepAsync(CancellationToken token)
    {
        const int Page = 200;
        await GiveBackAsync(_timed.Over(), token);
        ExpiredMessage? last = null;
        while (_store.ReadExpired(_time.GetUtcNow(), last, Page) is { Count: > 0 } page)
        {
            last = page[^1];
            // A device that has the message may still complete it.
            await Task.WhenAll(page.Where(m => !_locks.IsHeld(m.Queue, m.Sequence))
                .Select(m => _store.RemoveAsync(m.Queue, m.Sequence, MessageOutcome.Expired, FeedbackTimes(), token)));
        }
    }

    internal IReadOnlyList<QueuedMessage> Take(QueueAddress queue, QueueReader reader, int max) => _locks.Take(queue, reader, max, _time.GetUtcNow());

    internal Task AbandonAllAsync(QueueAddress queue, QueueReader reader)
        => Task.WhenAll(_locks.HeldBy(queue, reader).Select(sequence => SettleAsync(queue, sequence, reader, null)));

    internal Task<bool> SettleAsync(QueueAddress queue, long sequence, object owner, MessageOutcome? outcome)
        => _locks.IsHeldBy(queue, sequence, owner) ? EndAsync(queue, sequence, outcome, CancellationToken.None) : Task.FromResult(false);

    private async Task<Refusal?> SettleAsync(QueueAddress queue, string lockToken, MessageOutcome? outcome, CancellationToken token)
    {
        var settled = _timed.TryEnd(queue, lockToken, out var held) && await EndAsync(queue, held.Sequence, outcome, token);
        return settled ? null : new Refusal(HubErrors.DeviceMessageLockLost, $"'{queue.Key}' holds no message by this lock token",
            "The lock ended or the message is gone: receive again, and answer within the lock time.");
    }

    private Task GiveBackAsync(IReadOnlyList<TimedLock> locks, CancellationToken token)
        => locks.Count == 0 ? Task.CompletedTask : Task.WhenAll(locks.Where(_timed.TryEnd).Select(l => EndAsync(l.Queue, l.Sequence, null, token)));

    /// <summary>Takes a held message out, or puts it back (no outcome). False when it was gone before.</summary>
    private async Task<bool> EndAsync(QueueAddress queue, long sequence, MessageOutcome? outcome, CancellationToken token)
    {
        // When the disk refuses, the message is still there and may be taken again.
        var gone = false;
        bool found;
        try
        {
            if (outcome is { } end)
            {
                found = await _store.RemoveAsync(queue, sequence, end, FeedbackTimes(), token);
                gone = true;
            }
            else
            {
                var waits = await _store.AbandonAsync(queue, sequence, Settings.MaxDeliveryCount, FeedbackTimes(), token);
                gone = !waits;
                found = true;
            }
        }
        finally
        {
            _locks.Release(queue, sequence, gone);
        }
        if (!gone)
            Wake(queue);
        return found;
    }

    private void Wake(QueueAddress queue)
    {
        if (_live.TryGet(queue.Key, out var link))
            link.MessagesWaiting();
    }

    private FeedbackTimes FeedbackTimes()
    {
        var now = _time.GetUtcNow();
        return new FeedbackTimes(now, now + Settings.Feedback.TimeToLive);
    }
}
