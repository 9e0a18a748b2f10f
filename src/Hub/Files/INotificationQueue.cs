namespace Homeport.Hub.Files;

/// <summary>A record that waits for the service side.</summary>
/// <param name="Id">Names what happened: a record with the id of one that waits is not added again.</param>
/// <param name="Body">UTF-8 JSON.</param>
/// <param name="EnqueuedTime">When it was added.</param>
public sealed record Notification(string Id, byte[] Body, DateTimeOffset EnqueuedTime);

/// <summary>A record given to one reader until its lock ends.</summary>
/// <param name="LockToken">Names the lock.</param>
/// <param name="Notification">The record.</param>
/// <param name="SequenceNumber">Grows from record to record.</param>
/// <param name="DeliveryCount">How often it was given before.</param>
public sealed record LockedNotification(string LockToken, Notification Notification, long SequenceNumber, int DeliveryCount);

/// <summary>How long records wait.</summary>
/// <param name="Life">Records are dropped after this time.</param>
/// <param name="Lock">How long one reader has a record.</param>
/// <param name="MaxDeliveries">A record given so often is dropped when its last lock ends.</param>
/// <param name="Capacity">Most records; a new one drops the oldest.</param>
public sealed record NotificationRules(TimeSpan Life, TimeSpan Lock, int MaxDeliveries, int Capacity)
{
    /// <summary>One hour, 60 seconds, 10 deliveries. Source: Azure "IoT Hub file upload notifications", default settings.</summary>
    public static NotificationRules Default { get; } = new(TimeSpan.FromHours(1), TimeSpan.FromSeconds(60), 10, 10_000);
}

/// <summary>Records of one hub for its service side, oldest first. What it acknowledges outlives the process; locks do too.</summary>
public interface INotificationQueue
{
    /// <summary>Adds a record.</summary>
    Task AddAsync(Notification notification, CancellationToken token);

    /// <summary>Gives the oldest record that nobody has, or null.</summary>
    Task<LockedNotification?> LockAsync(DateTimeOffset now, CancellationToken token);

    /// <summary>Removes a record. False when the lock has ended.</summary>
    Task<bool> CompleteAsync(string lockToken, DateTimeOffset now, CancellationToken token);

    /// <summary>Gives a record back. False when the lock has ended.</summary>
    Task<bool> AbandonAsync(string lockToken, DateTimeOffset now, CancellationToken token);
}
