using Homeport.Contract.Rest;

namespace Homeport.Hub.ImportExport;

/// <summary>How far an import or export of the registry is.</summary>
public enum RegistryJobStatus
{
    Enqueued,
    Running,
    Completed,
    Failed,
    Cancelled,
}

/// <summary>An import or export of the registry.</summary>
/// <param name="JobId">Its id, which the hub makes.</param>
/// <param name="Request">What was asked, with the addresses of the containers.</param>
/// <param name="Created">When it was asked.</param>
public sealed record RegistryJob(string JobId, ImportExportJob Request, DateTimeOffset Created)
{
    /// <summary>Name of the file when the request names none.</summary>
    public const string DefaultBlob = "devices.txt";

    /// <summary>Name of the file with the lines of an import that were refused.</summary>
    public const string ErrorBlob = "importErrors.log";

    public RegistryJobStatus Status { get; init; }

    public bool IsImport => string.Equals(Request.Type, "import", StringComparison.OrdinalIgnoreCase);

    public DateTimeOffset? Started { get; init; }

    public DateTimeOffset? Ended { get; init; }

    public RegistryJobProgress Progress { get; init; }

    /// <summary>Why it failed, or null.</summary>
    public string? Reason { get; init; }

    /// <summary>The job as services see it: the addresses without their signatures.</summary>
    public ImportExportJob ToDescription() => Request with
    {
        JobId = JobId,
        Status = JsonWord(Status),
        Progress = Progress.Percent,
        StartTimeUtc = new ServiceTime(Started ?? Created),
        EndTimeUtc = Ended is { } ended ? new ServiceTime(ended) : null,
        InputBlobContainerUri = Bare(Request.InputBlobContainerUri),
        OutputBlobContainerUri = Bare(Request.OutputBlobContainerUri),
        FailureReason = Reason,
    };

    private static string JsonWord(RegistryJobStatus status) => status switch
    {
        RegistryJobStatus.Enqueued => "enqueued",
        RegistryJobStatus.Running => "running",
        RegistryJobStatus.Completed => "completed",
        RegistryJobStatus.Failed => "failed",
        _ => "cancelled",
    };

    private static string? Bare(string? uri) => uri?.Split('?', 2)[0];
}

/// <summary>How far a job is.</summary>
/// <param name="Percent">For people.</param>
/// <param name="Position">Lines of an import that are done.</param>
/// <param name="Begun">Up to this line the import may have been at work when the server stopped.</param>
public readonly record struct RegistryJobProgress(int Percent, long Position, long Begun);

/// <summary>A line of an import that was refused.</summary>
/// <param name="Line">Number of the line, from 1.</param>
/// <param name="Entry">JSON, as it goes into the error file.</param>
public sealed record RegistryJobError(long Line, string Entry);
