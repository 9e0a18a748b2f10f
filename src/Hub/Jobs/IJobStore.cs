namespace Homeport.Hub.Jobs;

/// <summary>
/// Keeps the jobs of one hub with a row for each of their devices. Writes are durable when they return; the counts of a job are
/// those of its rows at any time.
/// </summary>
public interface IJobStore
{
    /// <summary>Adds a job. False when its id is taken.</summary>
    Task<bool> InsertAsync(Job job, CancellationToken token);

    /// <summary>Finds a job.</summary>
    Task<Job?> FindAsync(string jobId, CancellationToken token);

    /// <summary>Jobs, the newest first.</summary>
    /// <param name="filter">Which ones.</param>
    /// <param name="before">Only those with a smaller <see cref="Job.Sequence"/>.</param>
    /// <param name="max">Jobs at most.</param>
    /// <param name="token">Ends the call.</param>
    Task<IReadOnlyList<Job>> ListAsync(JobFilter filter, long before, int max, CancellationToken token);

    /// <summary>Number of jobs that wait for their start or turn.</summary>
    Task<int> CountWaitingAsync(CancellationToken token);

    /// <summary>Puts jobs that wait for a time up to <paramref name="now"/> into the queue, and gives the first ones of the queue.</summary>
    Task<IReadOnlyList<Job>> QueueDueAsync(DateTimeOffset now, int max, CancellationToken token);

    /// <summary>When the next scheduled job starts, or null.</summary>
    Task<DateTimeOffset?> NextStartAsync(CancellationToken token);

    /// <summary>Lets a queued job begin. False when it is not queued any more.</summary>
    Task<bool> BeginAsync(string jobId, DateTimeOffset now, CancellationToken token);

    /// <summary>Adds rows of devices that wait; those that are there are passed over, and a job that is over gets none.</summary>
    Task AddDevicesAsync(string jobId, IReadOnlyCollection<string> devices, DateTimeOffset now, CancellationToken token);

    /// <summary>Notes that all devices of a job have a row.</summary>
    Task NoteListedAsync(string jobId, CancellationToken token);

    /// <summary>Takes the next waiting devices of a running job into work.</summary>
    Task<IReadOnlyList<string>> ClaimAsync(string jobId, int max, DateTimeOffset now, CancellationToken token);

    /// <summary>Notes what a job gave on a device that is in work.</summary>
    Task NoteResultAsync(string jobId, string deviceId, DeviceJobResult result, DateTimeOffset now, CancellationToken token);

    /// <summary>
    /// Takes devices out of work that nobody works on any more: twins, which may be written twice, wait again while the job runs and
    /// are canceled otherwise; methods, which may have run, fail with the error.
    /// </summary>
    Task ReleaseAsync(string jobId, DeviceJobError error, DateTimeOffset now, CancellationToken token);

    /// <summary>Brings a job to its end. False when it is over already or not there.</summary>
    /// <param name="jobId">The job.</param>
    /// <param name="status">How it ended.</param>
    /// <param name="reason">Why it failed, or null.</param>
    /// <param name="now">The time.</param>
    /// <param name="token">Keeps a write that waits from being made.</param>
    Task<bool> EndAsync(string jobId, JobStatus status, string? reason, DateTimeOffset now, CancellationToken token);

    /// <summary>Ends a part of the rows that still wait: failed with the error, or canceled without one. True when there may be more.</summary>
    Task<bool> CloseDevicesAsync(string jobId, DeviceJobError? error, DateTimeOffset now, CancellationToken token);

    /// <summary>Jobs that a stop of the server left unfinished: running ones, and those that are over with open rows.</summary>
    Task<IReadOnlyList<Job>> UnfinishedAsync(CancellationToken token);

    /// <summary>Deletes a part of the history up to a time. True when there may be more.</summary>
    Task<bool> PruneAsync(DateTimeOffset endedBefore, CancellationToken token);
}
