namespace Homeport.Provisioning.Bulk.Jobs;

/// <summary>Imports of one application. What a call wrote is on the disk when it returns.</summary>
public interface IImportJobStore
{
    /// <summary>Adds a job, which is queued.</summary>
    Task InsertAsync(ImportJob job, CancellationToken token);

    Task<ImportJob?> FindAsync(string id, CancellationToken token);

    /// <summary>Jobs whose place is below another, the newest first.</summary>
    Task<IReadOnlyList<ImportJob>> ListAsync(long before, int max, CancellationToken token);

    /// <summary>Jobs that run or wait, in the order in which they are worked on.</summary>
    Task<IReadOnlyList<ImportJob>> OpenAsync(int max, CancellationToken token);

    /// <summary>A job begins, or goes on. Gives the ids (as <see cref="ImportStep.Fresh"/>) that it was about to make. Null when it is over.</summary>
    Task<byte[]?> BeginAsync(string id, DateTimeOffset now, CancellationToken token);

    /// <summary>Keeps how far a job is, all of it or nothing. False when somebody wants it to end.</summary>
    Task<bool> SaveAsync(string id, ImportStep step, CancellationToken token);

    /// <summary>Asks a job to end: one that waits is cancelled at once, one that runs after its batch. False when it is over.</summary>
    Task<bool> CancelAsync(string id, DateTimeOffset now, CancellationToken token);

    /// <summary>Ends a running job.</summary>
    Task EndAsync(string id, ImportJobStatus status, string? reason, DateTimeOffset now, CancellationToken token);

    /// <summary>Parts of the error file in their order.</summary>
    IAsyncEnumerable<string> ErrorsAsync(string id, CancellationToken token);

    /// <summary>Removes error files of jobs that ended before one time, and jobs that ended before another.</summary>
    Task PruneAsync(DateTimeOffset filesBefore, DateTimeOffset jobsBefore, CancellationToken token);
}

/// <summary>How far an import is: between two batches of rows.</summary>
/// <param name="Counts">All rows so far; their sum is the place in the file.</param>
/// <param name="Errors">Rows of the error file since the last step; empty for none.</param>
/// <param name="Fresh">Hashes of 16 bytes of the ids of the next batch that are no devices yet: those that are there when it is done once more were made by it.</param>
public sealed record ImportStep(ImportCounts Counts, string Errors, byte[] Fresh);

/// <summary>Files of imports, encrypted.</summary>
public interface IImportFiles
{
    /// <summary>Keeps a file; when this returns it is on the disk. Null when it is longer than it may be, then nothing is kept.</summary>
    Task<(long Bytes, string Sha256)?> WriteAsync(string id, Stream content, long maxBytes, CancellationToken token);

    /// <summary>Reads a file.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    Stream Open(string id);

    /// <summary>Removes a file, if it is there.</summary>
    void Delete(string id);

    /// <summary>Ids of all files.</summary>
    IReadOnlyList<string> List();
}
