namespace Homeport.Provisioning.Bulk.Jobs;

/// <summary>State of an import.</summary>
public enum ImportJobStatus
{
    /// <summary>Others are before it.</summary>
    Queued,
    Running,
    /// <summary>Every row is in.</summary>
    Succeeded,
    /// <summary>Some rows failed; they are in the error file.</summary>
    SucceededWithErrors,
    /// <summary>Every row failed, or the file cannot be read to its end.</summary>
    Failed,
    /// <summary>Somebody ended it; what was in stays.</summary>
    Cancelled,
}

/// <summary>Rows of a file by what became of them.</summary>
public sealed record ImportCounts(long Processed, long Created, long Updated, long Skipped, long Failed)
{
    public static readonly ImportCounts None = new(0, 0, 0, 0, 0);

    /// <summary>What an import is when these are its last counts.</summary>
    public ImportJobStatus Status => Failed == 0 ? ImportJobStatus.Succeeded : Failed == Processed ? ImportJobStatus.Failed : ImportJobStatus.SucceededWithErrors;
}

/// <summary>The file of an import.</summary>
/// <param name="Name">As its sender calls it, for people.</param>
/// <param name="Bytes">Length in bytes.</param>
/// <param name="Sha256">SHA-256, hexadecimal.</param>
/// <param name="Rows">Rows below the header.</param>
public sealed record ImportFile(string Name, long Bytes, string Sha256, long Rows);

/// <summary>An import that goes on by itself, over restarts of the server.</summary>
public sealed record ImportJob
{
    /// <summary>How long an ended job is listed.</summary>
    public static readonly TimeSpan History = TimeSpan.FromDays(30);

    /// <summary>How long the file and the error file of an ended job are kept.</summary>
    public static readonly TimeSpan FileHistory = TimeSpan.FromHours(24);

    /// <summary>Place among the jobs; the newest has the highest.</summary>
    public long Sequence { get; init; }

    public required string Id { get; init; }

    public required ImportFile File { get; init; }

    public required ImportOptions Options { get; init; }

    /// <summary>Columns of the file that mean nothing here.</summary>
    public IReadOnlyList<string> IgnoredColumns { get; init; } = [];

    public ImportJobStatus Status { get; init; }

    /// <summary>Why it failed, for people; null when no row says it.</summary>
    public string? Reason { get; init; }

    /// <summary>Rows so far.</summary>
    public ImportCounts Counts { get; init; } = ImportCounts.None;

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? Began { get; init; }

    public DateTimeOffset? Ended { get; init; }

    public bool IsOver => Status >= ImportJobStatus.Succeeded;

    /// <summary>Whether there is an error file at a time.</summary>
    public bool HasErrors(DateTimeOffset now) => Counts.Failed > 0 && (Ended is null || now - Ended < FileHistory);
}

/// <summary>How much an import may be.</summary>
/// <param name="MaxRows">Rows below the header.</param>
/// <param name="MaxBytes">Bytes of the file.</param>
public sealed record ImportLimits(long MaxRows, long MaxBytes)
{
    /// <summary>200,000 rows and 64 MiB.</summary>
    public static readonly ImportLimits Default = new(200_000, 64L * 1024 * 1024);
}
