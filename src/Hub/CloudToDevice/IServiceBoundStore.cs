namespace Homeport.Hub.CloudToDevice;

/// <summary>What services read from the hub about their own doings.</summary>
public enum ServiceBoundKind
{
    /// <summary>What became of messages to devices. Payload: <see cref="Contract.Rest.FeedbackRecord"/>.</summary>
    Feedback = 0,
    /// <summary>Files that devices uploaded. Payload: <see cref="Contract.Rest.FileNotificationBody"/>.</summary>
    FileNotification = 1,
}

/// <summary>Keeps what services have to read, by kind. Writes are durable when they return.</summary>
public interface IServiceBoundStore
{
    /// <summary>Puts a record at the end of its queue, unless one with its id waits there.</summary>
    Task AddAsync(ServiceBoundKind kind, NewServiceBoundRecord record, CancellationToken token);

    /// <summary>The next records that did not expire, in their order, with a higher number than <paramref name="after"/>. On the calling thread.</summary>
    IReadOnlyList<ServiceBoundRecord> Read(ServiceBoundKind kind, long after, int max, DateTimeOffset now);

    /// <summary>Takes records out.</summary>
    Task RemoveAsync(ServiceBoundKind kind, IReadOnlyCollection<long> sequences, CancellationToken token);

    /// <summary>Counts a delivery that failed; the last one that is allowed takes the record out.</summary>
    Task AbandonAsync(ServiceBoundKind kind, IReadOnlyCollection<long> sequences, int maxDeliveries, CancellationToken token);

    /// <summary>Drops a bounded number of records that expired. True when there may be more. Writes only if there are any.</summary>
    Task<bool> DropExpiredAsync(ServiceBoundKind kind, DateTimeOffset now, CancellationToken token);

    /// <summary>Drops a bounded number of the oldest records above <paramref name="capacity"/>. True when there may be more. Writes only if there are any.</summary>
    Task<bool> DropOldestAsync(ServiceBoundKind kind, int capacity, CancellationToken token);
}

/// <summary>A record for services.</summary>
/// <param name="Sequence">Its number.</param>
/// <param name="EnqueuedTime">When it happened.</param>
/// <param name="Payload">JSON.</param>
/// <param name="DeliveryCount">How often it came back.</param>
public sealed record ServiceBoundRecord(long Sequence, DateTimeOffset EnqueuedTime, string Payload, int DeliveryCount);

/// <summary>A record to add.</summary>
/// <param name="Id">Names what happened, or null when nothing tells of it twice.</param>
/// <param name="Payload">JSON.</param>
/// <param name="EnqueuedTime">When it happened.</param>
/// <param name="Expiry">When it is dropped.</param>
public sealed record NewServiceBoundRecord(string? Id, string Payload, DateTimeOffset EnqueuedTime, DateTimeOffset Expiry);
