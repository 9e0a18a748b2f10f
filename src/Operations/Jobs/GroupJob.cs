using System.Text.Json.Serialization;

namespace Homeport.Operations.Jobs;

/// <summary>How far a job is. The numbers are stored.</summary>
public enum GroupJobStatus
{
    /// <summary>It waits for its turn.</summary>
    Pending = 0,

    Running = 1,

    /// <summary>Every device was tried; single ones may have failed.</summary>
    Complete = 2,

    /// <summary>More devices failed than its threshold allows.</summary>
    Cancelled = 3,

    /// <summary>Its group could not be looked up.</summary>
    Failed = 4,

    /// <summary>Somebody stopped it; it can be resumed.</summary>
    Stopped = 5,
}

/// <summary>What a job does on each device.</summary>
public enum JobDataType
{
    /// <summary>Sets a writable property.</summary>
    Property,

    /// <summary>Sets a cloud property.</summary>
    CloudProperty,

    /// <summary>Runs a command.</summary>
    Command,

    /// <summary>Gives it another template.</summary>
    DeviceTemplateMigration,
}

/// <summary>One thing that a job does. Source: IoT Central data plane, api-version 2022-07-31, <c>JobData</c>.</summary>
/// <param name="Type">What.</param>
/// <param name="Target">Id of the template that the devices follow; of a migration the one that they get.</param>
/// <param name="Path">Name of the property or command, its component in front with a dot; null for a migration.</param>
/// <param name="Value">JSON: value of the property, or request of the command; null for none.</param>
public sealed record JobData(JobDataType Type, string Target, string? Path, string? Value);

/// <summary>A number of devices, or so many of a hundred.</summary>
/// <param name="IsPercentage">The value is a percentage.</param>
/// <param name="Value">1 to 100 for a percentage.</param>
public sealed record JobShare(bool IsPercentage, int Value)
{
    /// <summary>Devices of so many, rounded up.</summary>
    public long Of(long total) => IsPercentage ? (total * Value + 99) / 100 : Value;
}

/// <summary>When a job is cancelled.</summary>
/// <param name="Failures">More devices than this failed.</param>
/// <param name="PerBatch">Counted in each batch, and not in the whole job.</param>
public sealed record JobThreshold(JobShare Failures, bool PerBatch);

/// <summary>The same on all devices of a group, which is looked up when the job begins. Source: IoT Central data plane, <c>Job</c>.</summary>
public sealed record GroupJob
{
    /// <summary>Things that one job does, at most.</summary>
    public const int MaxData = 50;

    /// <summary>How long a job is kept after its end.</summary>
    public static readonly TimeSpan History = TimeSpan.FromDays(30);

    public required string Id { get; init; }

    public required string DisplayName { get; init; }

    public string? Description { get; init; }

    /// <summary>Id of the device group.</summary>
    public required string Group { get; init; }

    public string? Organization { get; init; }

    /// <summary>All of one type; one command or migration at most.</summary>
    public required IReadOnlyList<JobData> Data { get; init; }

    /// <summary>Devices that are worked on before the next ones are begun; null for all.</summary>
    public JobShare? Batch { get; init; }

    public JobThreshold? CancellationThreshold { get; init; }

    public GroupJobStatus Status { get; init; }

    /// <summary>Why it was cancelled or failed.</summary>
    public string? Reason { get; init; }

    /// <summary>All its devices have a row.</summary>
    public bool Listed { get; init; }

    public string? CreatedBy { get; init; }

    public DateTimeOffset Created { get; init; }

    public DateTimeOffset? Began { get; init; }

    public DateTimeOffset? Ended { get; init; }

    /// <summary>Place in the order of all jobs.</summary>
    public long Sequence { get; init; }

    public GroupJobCounts Devices { get; init; }

    /// <summary>Nothing more is done.</summary>
    public bool IsOver => Status is GroupJobStatus.Complete or GroupJobStatus.Cancelled or GroupJobStatus.Failed;
}

/// <summary>How far a job is on one device. The numbers are stored.</summary>
public enum GroupJobDeviceStatus
{
    Pending = 0,
    Running = 1,
    Completed = 2,
    Failed = 3,
}

/// <summary>How many devices of a job are how far.</summary>
/// <param name="Pending">Wait for their turn.</param>
/// <param name="Running">Are being worked on.</param>
/// <param name="Completed">Are done.</param>
/// <param name="Failed">Are done, without success.</param>
public readonly record struct GroupJobCounts(long Pending, long Running, long Completed, long Failed)
{
    /// <summary>All devices of the job.</summary>
    public long Total => Pending + Running + Completed + Failed;
}

/// <summary>A job on one device.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Status">How far.</param>
/// <param name="Error">Name of the error, or null.</param>
/// <param name="Text">Why it failed, or what a command was answered.</param>
/// <param name="Updated">When that was.</param>
public sealed record GroupJobDevice(string DeviceId, GroupJobDeviceStatus Status, string? Error, string? Text, DateTimeOffset Updated);

/// <summary>Serialization of what a job does, as stores keep it.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(IReadOnlyList<JobData>))]
[JsonSerializable(typeof(JobShare))]
[JsonSerializable(typeof(JobThreshold))]
public sealed partial class GroupJobJson : JsonSerializerContext;
