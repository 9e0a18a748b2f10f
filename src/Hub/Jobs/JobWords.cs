using Homeport.Contract.Errors;

namespace Homeport.Hub.Jobs;

/// <summary>The service's words for types and states of jobs. Read in any case, since the C# SDK sends its own names of them.</summary>
public static class JobWords
{
    private static readonly string[] OtherTypes = ["unknown", "export", "import"];
    private static readonly string[] OtherStatuses = ["unknown", "enqueued"];

    public static string Of(JobType type) => type == JobType.ScheduleDeviceMethod ? "scheduleDeviceMethod" : "scheduleUpdateTwin";

    public static string Of(JobStatus status) => status switch
    {
        JobStatus.Queued => "queued",
        JobStatus.Scheduled => "scheduled",
        JobStatus.Running => "running",
        JobStatus.Completed => "completed",
        JobStatus.Failed => "failed",
        _ => "cancelled",
    };

    public static string Of(DeviceJobStatus status) => status switch
    {
        DeviceJobStatus.Pending => "pending",
        DeviceJobStatus.Running => "running",
        DeviceJobStatus.Completed => "completed",
        DeviceJobStatus.Failed => "failed",
        _ => "canceled",
    };

    /// <summary>Reads the type of a new job.</summary>
    public static JobType? Type(string? word)
        => Enum.GetValues<JobType>().Where(t => string.Equals(Of(t), word, StringComparison.OrdinalIgnoreCase)).Select(t => (JobType?)t).FirstOrDefault();

    /// <summary>Reads what a list of jobs is narrowed to; empty and null narrow nothing.</summary>
    public static Outcome<JobFilter> Filter(string? type, string? status)
    {
        var filter = new JobFilter();
        if (!string.IsNullOrEmpty(type))
        {
            filter = filter with { Type = Type(type), Nothing = Is(OtherTypes, type) };
            if (filter is { Type: null, Nothing: false })
                return Wrong("jobType", type, [.. Enum.GetValues<JobType>().Select(Of), .. OtherTypes]);
        }
        if (!string.IsNullOrEmpty(status))
        {
            JobStatus? known = Enum.GetValues<JobStatus>().Where(s => string.Equals(Of(s), status, StringComparison.OrdinalIgnoreCase)).Select(s => (JobStatus?)s).FirstOrDefault();
            if (known is null && !Is(OtherStatuses, status))
                return Wrong("jobStatus", status, [.. Enum.GetValues<JobStatus>().Select(Of), .. OtherStatuses]);
            filter = filter with { Status = known, Nothing = filter.Nothing || known is null };
        }
        return filter;
    }

    private static bool Is(string[] words, string word) => words.Contains(word, StringComparer.OrdinalIgnoreCase);

    private static Refusal Wrong(string name, string word, string[] words)
        => new(HubErrors.ArgumentInvalid, $"{name} is '{(word.Length <= 64 ? word : word[..64])}'", $"Use one of {string.Join(", ", words)}, or leave it out.");
}

/// <summary>Which jobs a list has.</summary>
public sealed record JobFilter
{
    /// <summary>Of this type only.</summary>
    public JobType? Type { get; init; }

    /// <summary>In this state only.</summary>
    public JobStatus? Status { get; init; }

    /// <summary>A type or state that no job here has.</summary>
    public bool Nothing { get; init; }
}
