namespace Homeport.Operations.Jobs;

/// <summary>Keeps the jobs of one application with a row for each of their devices. Writes are durable when they return.</summary>
public interface IGroupJobStore
{
    /// <summary>Adds a job. False when its id is taken.</summary>
    /// <param name="job">The job.</param>
    /// <param name="failedOf">A job whose failed devices it has; null for those of its group.</param>
    /// <param name="token">Keeps a write that waits from being made.</param>
    Task<bool> InsertAsync(GroupJob job, string? failedOf, CancellationToken token);

    /// <summary>Finds a job, with its counts.</summary>
    Task<GroupJob?> FindAsync(string id, CancellationToken token);

    /// <summary>Jobs with their counts, the newest first.</summary>
    /// <param name="before">Only those with a smaller <see cref="GroupJob.Sequence"/>.</param>
    /// <param name="max">Jobs at most.</param>
    /// <param name="token">Ends the call.</param>
    Task<IReadOnlyList<GroupJob>> ListAsync(long before, int max, CancellationToken token);

    /// <summary>Jobs that wait or run, the oldest first.</summary>
    Task<IReadOnlyList<GroupJob>> OpenAsync(int max, CancellationToken token);

    /// <summary>Devices of a job in the order of their ids.</summary>
    Task<IReadOnlyList<GroupJobDevice>> DevicesAsync(string id, string? after, int max, CancellationToken token);

    /// <summary>Brings a job from one of some states into another. False when it is in none of them.</summary>
    Task<bool> MoveAsync(string id, IReadOnlyCollection<GroupJobStatus> from, GroupJobStatus to, string? reason, DateTimeOffset now, CancellationToken token);

    /// <summary>Adds rows of devices that wait, behind those that are there; known ones are passed over.</summary>
    Task AddDevicesAsync(string id, IReadOnlyCollection<string> devices, DateTimeOffset now, CancellationToken token);

    /// <summary>Notes that all devices have a row.</summary>
    Task NoteListedAsync(string id, CancellationToken token);

    /// <summary>Place of the first device that waits, from 0; null when none does.</summary>
    Task<long?> FirstPendingAsync(string id, CancellationToken token);

    /// <summary>Takes the next waiting devices of a running job into work: those with a place below <paramref name="limit"/>.</summary>
    Task<IReadOnlyList<string>> ClaimAsync(string id, long limit, int max, DateTimeOffset now, CancellationToken token);

    /// <summary>Notes what became of a device that is in work.</summary>
    Task NoteResultAsync(string id, GroupJobDevice result, CancellationToken token);

    /// <summary>Failed devices with places from one up to another, which is left out.</summary>
    Task<long> CountFailedAsync(string id, long from, long limit, CancellationToken token);

    /// <summary>Devices of a job that nobody works on any more: they wait again, or have failed with the error.</summary>
    Task ReleaseAsync(string id, (string Error, string Text)? failure, DateTimeOffset now, CancellationToken token);

    /// <summary>Deletes a part of the history up to a time. True when there may be more.</summary>
    Task<bool> PruneAsync(DateTimeOffset endedBefore, CancellationToken token);
}
