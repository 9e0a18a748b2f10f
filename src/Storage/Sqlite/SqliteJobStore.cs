using Homeport.Hub.Jobs;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Jobs of one hub in SQLite.</summary>
public sealed class SqliteJobStore(SqliteDatabase database, string hub) : IJobStore
{
    /// <summary>Rows that one transaction ends or deletes, so that others do not wait long.</summary>
    private const int Chunk = 1000;

    private const string Columns = """
        sequence, job_id, type, condition, body, max_seconds, created, start, began, ended, status, listed, failure_reason,
        pending, running, succeeded, failed, canceled
        """;

    /// <inheritdoc/>
    public Task<bool> InsertAsync(Job job, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        INSERT INTO jobs (hub, job_id, type, condition, body, max_seconds, created, start, status, listed, pending, running, succeeded, failed, canceled)
        VALUES ($hub, $job, $type, $condition, $body, $seconds, $created, $start, $status, 0, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING
        """,
        ("$hub", hub), ("$job", job.Id), ("$type", (int)job.Type), ("$condition", job.Condition), ("$body", job.Body.ToArray()),
        ("$seconds", (long)job.MaxExecution.TotalSeconds), ("$created", job.CreatedTime), ("$start", job.StartTime), ("$status", (int)job.Status)) == 1, token);

    /// <inheritdoc/>
    public Task<Job?> FindAsync(string jobId, CancellationToken token) => Task.FromResult(database.Read(c => c.QueryFirst(
        $"SELECT {Columns} FROM jobs WHERE hub=$hub AND job_id=$job", Read, ("$hub", hub), ("$job", jobId))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<Job>> ListAsync(JobFilter filter, long before, int max, CancellationToken token)
        => Task.FromResult<IReadOnlyList<Job>>(database.Read(c => c.Query(
            $"""
            SELECT {Columns} FROM jobs WHERE hub=$hub AND sequence<$before AND ($type IS NULL OR type=$type) AND ($status IS NULL OR status=$status)
            ORDER BY sequence DESC LIMIT $max
            """,
            Read, ("$hub", hub), ("$before", before), ("$type", (int?)filter.Type), ("$status", (int?)filter.Status), ("$max", max))));

    /// <inheritdoc/>
    public Task<int> CountWaitingAsync(CancellationToken token) => Task.FromResult(database.Read(c => c.Query(
        "SELECT count(*) FROM jobs INDEXED BY jobs_by_status WHERE hub=$hub AND status IN ($queued, $scheduled)", r => r.GetInt32(0),
        ("$hub", hub), ("$queued", (int)JobStatus.Queued), ("$scheduled", (int)JobStatus.Scheduled)))[0]);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Job>> QueueDueAsync(DateTimeOffset now, int max, CancellationToken token)
    {
        if (await NextStartAsync(token) is { } next && next <= now)
        {
            await database.WriteAsync(c => c.Execute(
                "UPDATE jobs SET status=$queued WHERE hub=$hub AND status=$scheduled AND start<=$now",
                ("$queued", (int)JobStatus.Queued), ("$hub", hub), ("$scheduled", (int)JobStatus.Scheduled), ("$now", now)), token);
        }
        return database.Read(c => c.Query(
            $"SELECT {Columns} FROM jobs INDEXED BY jobs_by_status WHERE hub=$hub AND status=$queued ORDER BY start, sequence LIMIT $max", Read,
            ("$hub", hub), ("$queued", (int)JobStatus.Queued), ("$max", max)));
    }

    /// <inheritdoc/>
    public Task<DateTimeOffset?> NextStartAsync(CancellationToken token) => Task.FromResult(database.Read(c => c.Query(
        "SELECT min(start) FROM jobs INDEXED BY jobs_by_status WHERE hub=$hub AND status=$scheduled", r => r.TimeOrNull(0),
        ("$hub", hub), ("$scheduled", (int)JobStatus.Scheduled)))[0]);

    /// <inheritdoc/>
    public Task<bool> BeginAsync(string jobId, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "UPDATE jobs SET status=$running, began=$now WHERE hub=$hub AND job_id=$job AND status=$queued",
        ("$running", (int)JobStatus.Running), ("$now", now), ("$hub", hub), ("$job", jobId), ("$queued", (int)JobStatus.Queued)) == 1, token);

    /// <inheritdoc/>
    public Task AddDevicesAsync(string jobId, IReadOnlyCollection<string> devices, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c =>
    {
        var added = 0;
        foreach (var device in devices)
        {
            added += c.Execute(
                """
                INSERT INTO job_devices (hub, job_id, device_id, status, created, updated)
                SELECT $hub, $job, $device, 0, $now, $now WHERE EXISTS (SELECT 1 FROM jobs WHERE hub=$hub AND job_id=$job AND status=$running)
                ON CONFLICT DO NOTHING
                """,
                ("$hub", hub), ("$job", jobId), ("$device", device), ("$now", now), ("$running", (int)JobStatus.Running));
        }
        return Count(c, jobId, new DeviceJobCounts(added, 0, 0, 0, 0));
    }, token);

    /// <inheritdoc/>
    public Task NoteListedAsync(string jobId, CancellationToken token)
        => database.WriteAsync(c => c.Execute("UPDATE jobs SET listed=1 WHERE hub=$hub AND job_id=$job", ("$hub", hub), ("$job", jobId)), token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ClaimAsync(string jobId, int max, DateTimeOffset now, CancellationToken token) => database.WriteAsync<IReadOnlyList<string>>(c =>
    {
        var claimed = c.Query(
            """
            UPDATE job_devices SET status=1, started=$now, updated=$now
            WHERE hub=$hub AND job_id=$job AND EXISTS (SELECT 1 FROM jobs WHERE hub=$hub AND job_id=$job AND status=$running)
                AND device_id IN (SELECT device_id FROM job_devices INDEXED BY job_devices_open
                    WHERE hub=$hub AND job_id=$job AND status=0 AND status IN (0, 1) ORDER BY device_id LIMIT $max)
            RETURNING device_id
            """,
            r => r.GetString(0), ("$now", now), ("$hub", hub), ("$job", jobId), ("$running", (int)JobStatus.Running), ("$max", max));
        Count(c, jobId, new DeviceJobCounts(-claimed.Count, claimed.Count, 0, 0, 0));
        return claimed;
    }, token);

    /// <inheritdoc/>
    public Task NoteResultAsync(string jobId, string deviceId, DeviceJobResult result, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c =>
    {
        var noted = c.Execute(
            """
            UPDATE job_devices SET status=$status, ended=$now, updated=$now, method_status=$method, payload=$payload, error_code=$code, error_description=$description
            WHERE hub=$hub AND job_id=$job AND device_id=$device AND status=1
            """,
            ("$status", (int)result.Status), ("$now", now), ("$method", result.Method?.Status), ("$payload", result.Method?.Payload.ToArray()),
            ("$code", result.Error?.Code), ("$description", result.Error?.Description), ("$hub", hub), ("$job", jobId), ("$device", deviceId));
        var failed = result.Error is null ? 0 : noted;
        return Count(c, jobId, new DeviceJobCounts(0, -noted, noted - failed, failed, 0));
    }, token);

    /// <inheritdoc/>
    public Task ReleaseAsync(string jobId, DeviceJobError error, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c =>
    {
        if (Find(c, jobId) is not { } job)
            return 0;
        if (job.Type == JobType.ScheduleDeviceMethod)
        {
            var failed = End(c, jobId, DeviceJobStatus.Running, DeviceJobStatus.Failed, error, now, int.MaxValue);
            return Count(c, jobId, new DeviceJobCounts(0, -failed, 0, failed, 0));
        }
        if (job.IsOver)
        {
            var canceled = End(c, jobId, DeviceJobStatus.Running, DeviceJobStatus.Canceled, null, now, int.MaxValue);
            return Count(c, jobId, new DeviceJobCounts(0, -canceled, 0, 0, canceled));
        }
        var released = c.Execute(
            "UPDATE job_devices SET status=0, started=NULL, updated=$now WHERE hub=$hub AND job_id=$job AND status=1 AND status IN (0, 1)",
            ("$now", now), ("$hub", hub), ("$job", jobId));
        return Count(c, jobId, new DeviceJobCounts(released, -released, 0, 0, 0));
    }, token);

    /// <inheritdoc/>
    public Task<bool> EndAsync(string jobId, JobStatus status, string? reason, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        UPDATE jobs SET status=$status, failure_reason=$reason, ended=$now
        WHERE hub=$hub AND job_id=$job AND status IN ($queued, $scheduled, $running)
        """,
        ("$status", (int)status), ("$reason", reason), ("$now", now), ("$hub", hub), ("$job", jobId), ("$queued", (int)JobStatus.Queued),
        ("$scheduled", (int)JobStatus.Scheduled), ("$running", (int)JobStatus.Running)) == 1, token);

    /// <inheritdoc/>
    public async Task<bool> CloseDevicesAsync(string jobId, DeviceJobError? error, DateTimeOffset now, CancellationToken token) => await database.WriteAsync(c =>
    {
        var closed = End(c, jobId, DeviceJobStatus.Pending, error is null ? DeviceJobStatus.Canceled : DeviceJobStatus.Failed, error, now, Chunk);
        Count(c, jobId, error is null ? new DeviceJobCounts(-closed, 0, 0, 0, closed) : new DeviceJobCounts(-closed, 0, 0, closed, 0));
        return closed;
    }, token) == Chunk;

    /// <inheritdoc/>
    public Task<IReadOnlyList<Job>> UnfinishedAsync(CancellationToken token) => Task.FromResult<IReadOnlyList<Job>>(database.Read(c => c.Query(
        $"""
        SELECT {Columns} FROM jobs
        WHERE hub=$hub AND (status=$running OR (status NOT IN ($queued, $scheduled) AND (pending>0 OR running>0))) ORDER BY sequence
        """,
        Read, ("$hub", hub), ("$running", (int)JobStatus.Running), ("$queued", (int)JobStatus.Queued), ("$scheduled", (int)JobStatus.Scheduled))));

    /// <inheritdoc/>
    public async Task<bool> PruneAsync(DateTimeOffset endedBefore, CancellationToken token)
    {
        var oldest = database.Read(c => c.QueryFirst(
            "SELECT job_id FROM jobs INDEXED BY jobs_by_end WHERE hub=$hub AND ended IS NOT NULL AND ended<$before ORDER BY ended LIMIT 1", r => r.GetString(0),
            ("$hub", hub), ("$before", endedBefore)));
        if (oldest is null)
            return false;
        await database.WriteAsync(c =>
        {
            var rows = c.Execute(
                """
                DELETE FROM job_devices WHERE hub=$hub AND job_id=$job
                    AND device_id IN (SELECT device_id FROM job_devices WHERE hub=$hub AND job_id=$job ORDER BY device_id LIMIT $max)
                """, ("$hub", hub), ("$job", oldest), ("$max", Chunk));
            return rows == Chunk ? rows : c.Execute("DELETE FROM jobs WHERE hub=$hub AND job_id=$job", ("$hub", hub), ("$job", oldest));
        }, token);
        return true;
    }

    private Job? Find(SqliteConnection connection, string jobId)
        => connection.QueryFirst($"SELECT {Columns} FROM jobs WHERE hub=$hub AND job_id=$job", Read, ("$hub", hub), ("$job", jobId));

    /// <summary>Ends open rows. Gives their number.</summary>
    private int End(SqliteConnection connection, string jobId, DeviceJobStatus from, DeviceJobStatus to, DeviceJobError? error, DateTimeOffset now, int max)
        => connection.Execute(
            """
            UPDATE job_devices SET status=$to, ended=$now, updated=$now, error_code=$code, error_description=$description
            WHERE hub=$hub AND job_id=$job AND device_id IN (SELECT device_id FROM job_devices INDEXED BY job_devices_open
                WHERE hub=$hub AND job_id=$job AND status=$from AND status IN (0, 1) ORDER BY device_id LIMIT $max)
            """,
            ("$to", (int)to), ("$now", now), ("$code", error?.Code), ("$description", error?.Description), ("$hub", hub), ("$job", jobId),
            ("$from", (int)from), ("$max", max));

    /// <summary>Adds to the counters of a job, in the transaction that moves its rows.</summary>
    private int Count(SqliteConnection connection, string jobId, DeviceJobCounts by) => by == default ? 0 : connection.Execute(
        """
        UPDATE jobs SET pending=pending+$pending, running=running+$running, succeeded=succeeded+$succeeded, failed=failed+$failed, canceled=canceled+$canceled
        WHERE hub=$hub AND job_id=$job
        """,
        ("$pending", by.Pending), ("$running", by.Running), ("$succeeded", by.Succeeded), ("$failed", by.Failed), ("$canceled", by.Canceled),
        ("$hub", hub), ("$job", jobId));

    private static Job Read(SqliteDataReader row) => new()
    {
        Sequence = row.GetInt64(0),
        Id = row.GetString(1),
        Type = (JobType)row.GetInt32(2),
        Condition = row.GetString(3),
        Body = row.GetFieldValue<byte[]>(4),
        MaxExecution = TimeSpan.FromSeconds(row.GetInt64(5)),
        CreatedTime = row.TimeOrNull(6)!.Value,
        StartTime = row.TimeOrNull(7)!.Value,
        BeganTime = row.TimeOrNull(8),
        EndTime = row.TimeOrNull(9),
        Status = (JobStatus)row.GetInt32(10),
        Listed = row.GetBoolean(11),
        FailureReason = row.TextOrNull(12),
        Devices = new DeviceJobCounts(row.GetInt64(13), row.GetInt64(14), row.GetInt64(15), row.GetInt64(16), row.GetInt64(17)),
    };
}
