namespace Homeport.Device.Queue;

/// <summary>What happens to a message for which the queue has no room.</summary>
public enum QueueFullAction
{
    /// <summary>The call fails with <see cref="QueueFailure.Full"/>: the program decides.</summary>
    Refuse,

    /// <summary>The oldest messages make room: what is new counts more.</summary>
    DropOldest,

    /// <summary>The new message is dropped and counted: what was accepted counts more.</summary>
    DropNewest,
}

/// <summary>Where messages wait for the hub, and how many.</summary>
/// <param name="Path">The file. Its directory is made, for this user alone. One program at a time.</param>
public sealed record OutgoingQueueOptions(string Path)
{
    /// <summary>Bodies and properties, in bytes; the file is up to a third larger. 256 MiB.</summary>
    public long MaxBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>Messages.</summary>
    public long MaxMessages { get; init; } = 2_000_000;

    /// <summary>Older messages are dropped; null: none. Counted while the program runs by a clock that nobody sets.</summary>
    public TimeSpan? MaxAge { get; init; }

    public QueueFullAction WhenFull { get; init; } = QueueFullAction.Refuse;

    /// <summary>Gives a message without <c>MessageId</c> one by which consumers know a repetition: after a crash the last messages may arrive twice.</summary>
    public bool StampMessageId { get; init; } = true;

    /// <summary>Gives a message without <c>CreationTimeUtc</c> the time at which it was accepted, since the hub sees it much later.</summary>
    public bool StampCreationTime { get; init; } = true;

    /// <summary>
    /// Where to say how full the queue is, every two seconds at most, for the page of the device (the agent's setting <c>queues</c>); null: nowhere. Best in
    /// memory, below <c>/run</c>.
    /// </summary>
    public string? ReportPath { get; init; }
}

/// <summary>Why the queue did not take a message.</summary>
public enum QueueFailure
{
    /// <summary>The bounds of the options are reached.</summary>
    Full,

    /// <summary>The file cannot be written: the disk is full or broken.</summary>
    Disk,

    /// <summary>Another program has the file.</summary>
    InUse,

    /// <summary>The file is no queue, or damaged.</summary>
    Damaged,
}

#pragma warning disable RCS1194 // An exception without a failure kind would say nothing.
/// <summary>A message that was not accepted: it is not in the queue.</summary>
public sealed class QueueException(QueueFailure failure, string message, Exception? inner = null) : IOException(message, inner)
#pragma warning restore RCS1194
{
    public QueueFailure Failure { get; } = failure;
}

/// <summary>What is in the queue.</summary>
/// <param name="Messages">Waiting.</param>
/// <param name="Bytes">Of these, bodies and properties.</param>
/// <param name="Dropped">Since the file was made: by age, by size, and those that the hub refused.</param>
public sealed record QueueStatus(long Messages, long Bytes, long Dropped);
