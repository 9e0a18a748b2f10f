namespace Homeport.Hub.Jobs;

/// <summary>What a job does on each of its devices.</summary>
public enum JobType
{
    ScheduleDeviceMethod,
    ScheduleUpdateTwin,
}

/// <summary>How far a job is. The numbers are stored.</summary>
public enum JobStatus
{
    /// <summary>Due, and waits for its turn.</summary>
    Queued,
    /// <summary>Its start time is not yet there.</summary>
    Scheduled,
    Running,
    /// <summary>Every device was tried; single ones may have failed.</summary>
    Completed,
    /// <summary>It could not try every device.</summary>
    Failed,
    Cancelled,
}

/// <summary>Work over many devices. Source: IoT Hub data plane, <c>JobResponse</c>.</summary>
public sealed record Job
{
    /// <summary>1 to 128 characters; unique in the hub as long as its history is kept.</summary>
    public required string Id { get; init; }

    public required JobType Type { get; init; }

    /// <summary>Which devices, as after WHERE; <c>*</c> for all.</summary>
    public required string Condition { get; init; }

    /// <summary>Canonical JSON of the direct method or of the twin.</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>How long it may run; counted from its begin.</summary>
    public required TimeSpan MaxExecution { get; init; }

    public required DateTimeOffset CreatedTime { get; init; }

    /// <summary>Not before this time.</summary>
    public required DateTimeOffset StartTime { get; init; }

    public JobStatus Status { get; init; }

    /// <summary>When it began to run, or null.</summary>
    public DateTimeOffset? BeganTime { get; init; }

    /// <summary>When it came to its end, or null.</summary>
    public DateTimeOffset? EndTime { get; init; }

    /// <summary>All its devices have a row.</summary>
    public bool Listed { get; init; }

    /// <summary>Why it failed, or null.</summary>
    public string? FailureReason { get; init; }

    public DeviceJobCounts Devices { get; init; }

    /// <summary>Place in the order of all jobs.</summary>
    public long Sequence { get; init; }

    /// <summary>True when nothing more will be done on devices that wait.</summary>
    public bool IsOver => Status is JobStatus.Completed or JobStatus.Failed or JobStatus.Cancelled;
}

/// <summary>How many devices of a job are how far.</summary>
/// <param name="Pending">Wait for their turn.</param>
/// <param name="Running">Are being worked on.</param>
/// <param name="Succeeded">Are done.</param>
/// <param name="Failed">Are done, without success.</param>
/// <param name="Canceled">Were left out, since the job was cancelled.</param>
public readonly record struct DeviceJobCounts(long Pending, long Running, long Succeeded, long Failed, long Canceled)
{
    /// <summary>All devices of the job.</summary>
    public long Total => Pending + Running + Succeeded + Failed + Canceled;
}
