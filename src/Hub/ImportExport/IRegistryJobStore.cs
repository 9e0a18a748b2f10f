namespace Homeport.Hub.ImportExport;

/// <summary>Keeps the imports and exports of one hub. Writes are durable when they return.</summary>
public interface IRegistryJobStore
{
    /// <summary>Adds a job unless another one waits or runs. False when one does.</summary>
    Task<bool> InsertAsync(RegistryJob job, CancellationToken token);

    /// <summary>Finds a job.</summary>
    Task<RegistryJob?> FindAsync(string jobId, CancellationToken token);

    /// <summary>Jobs, the newest first.</summary>
    Task<IReadOnlyList<RegistryJob>> ListAsync(int max, CancellationToken token);

    /// <summary>The job that waits or runs, or null.</summary>
    Task<RegistryJob?> FindActiveAsync(CancellationToken token);

    /// <summary>Lets a waiting job begin; one that runs goes on. False when it is over.</summary>
    Task<bool> BeginAsync(string jobId, DateTimeOffset now, CancellationToken token);

    /// <summary>Notes how far a running job is, with the lines that were refused since. False when it is over.</summary>
    Task<bool> NoteAsync(string jobId, RegistryJobProgress progress, IReadOnlyCollection<RegistryJobError> errors, CancellationToken token);

    /// <summary>Lines that were refused, in their order.</summary>
    Task<IReadOnlyList<RegistryJobError>> ErrorsAsync(string jobId, long after, int max, CancellationToken token);

    /// <summary>Brings a job to its end. False when it is over already or not there.</summary>
    Task<bool> EndAsync(string jobId, RegistryJobStatus status, string? reason, DateTimeOffset now, CancellationToken token);

    /// <summary>Deletes the history up to a time.</summary>
    Task PruneAsync(DateTimeOffset endedBefore, CancellationToken token);
}
