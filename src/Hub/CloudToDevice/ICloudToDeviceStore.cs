using Homeport.Hub.Registry;

namespace Homeport.Hub.CloudToDevice;

/// <summary>Keeps the messages of one hub that wait for devices. Writes are durable when they return.</summary>
public interface ICloudToDeviceStore
{
    /// <summary>Puts a message at the end of its queue, if the identity is registered and enabled and the queue has room.</summary>
    /// <param name="message">The message.</param>
    /// <param name="maxDepth">Messages that the queue may hold, expired ones not counted.</param>
    /// <param name="committed">Called by the writing thread once it is durable: must only post and return.</param>
    /// <param name="token">Ends the call.</param>
    Task<EnqueueResult> EnqueueAsync(NewMessage message, int maxDepth, Action<EnqueueResult> committed, CancellationToken token);

    /// <summary>
    /// The next messages of a queue that did not expire, in their order. One look into an index, on the calling thread.
    /// </summary>
    /// <param name="queue">Whose queue.</param>
    /// <param name="after">Only messages with a higher number.</param>
    /// <param name="max">Messages at most.</param>
    /// <param name="now">Decides what expired.</param>
    IReadOnlyList<QueuedMessage> Read(QueueAddress queue, long after, int max, DateTimeOffset now);

    /// <summary>Number of messages of a queue that did not expire.</summary>
    int Count(QueueAddress queue, DateTimeOffset now);

    /// <summary>Messages of all queues that expired, the oldest first, behind <paramref name="after"/>.</summary>
    IReadOnlyList<ExpiredMessage> ReadExpired(DateTimeOffset now, ExpiredMessage? after, int max);

    /// <summary>Takes a message out and makes the feedback that its sender wants. False when it is not there.</summary>
    Task<bool> RemoveAsync(QueueAddress queue, long sequence, MessageOutcome outcome, FeedbackTimes times, CancellationToken token);

    /// <summary>Counts a delivery that failed; the last one that is allowed takes the message out. False when it is not in the queue any more.</summary>
    Task<bool> AbandonAsync(QueueAddress queue, long sequence, int maxDeliveries, FeedbackTimes times, CancellationToken token);

    /// <summary>Takes out all messages of a queue. Returns how many.</summary>
    Task<int> PurgeAsync(QueueAddress queue, FeedbackTimes times, CancellationToken token);
}

/// <summary>Whose queue it is.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="ModuleId">The module, or null.</param>
public readonly record struct QueueAddress(string DeviceId, string? ModuleId)
{
    /// <summary>The identity's key.</summary>
    public string Key => Identity.KeyOf(DeviceId, ModuleId);
}

/// <summary>A message before it has its number.</summary>
/// <param name="Queue">Where it goes.</param>
/// <param name="MessageId">For feedback.</param>
/// <param name="EnqueuedTime">Now.</param>
/// <param name="ExpiryTime">Its end.</param>
/// <param name="Ack">Wanted feedback.</param>
/// <param name="Properties">Property block.</param>
/// <param name="Body">Bytes.</param>
public sealed record NewMessage(
    QueueAddress Queue, string MessageId, DateTimeOffset EnqueuedTime, DateTimeOffset ExpiryTime, AckMode Ack, byte[] Properties, ReadOnlyMemory<byte> Body);

/// <summary>What became of a new message.</summary>
public sealed record EnqueueResult(EnqueueStatus Status, long Sequence);

/// <summary>Why a message was taken or not.</summary>
public enum EnqueueStatus
{
    /// <summary>It is in the queue.</summary>
    Stored,
    /// <summary>The queue has as many as it may.</summary>
    QueueFull,
    /// <summary>The device is not registered.</summary>
    NoDevice,
    /// <summary>The device has no such module.</summary>
    NoModule,
    /// <summary>The device is disabled.</summary>
    Disabled,
}

/// <summary>A message whose time is over.</summary>
/// <param name="Queue">Where it is.</param>
/// <param name="Sequence">Its number.</param>
/// <param name="ExpiryTime">When it was over.</param>
public sealed record ExpiredMessage(QueueAddress Queue, long Sequence, DateTimeOffset ExpiryTime);

/// <summary>The times of the feedback that a write makes.</summary>
/// <param name="Now">When it happened.</param>
/// <param name="Expiry">When the feedback is dropped that nobody read.</param>
public readonly record struct FeedbackTimes(DateTimeOffset Now, DateTimeOffset Expiry);
