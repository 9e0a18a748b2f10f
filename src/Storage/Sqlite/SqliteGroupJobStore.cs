using System.Text.Json;
using Homeport.Operations.Jobs;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>The jobs over device groups of one application in SQLite.</summary>
public sealed class SqliteGroupJobStore(SqliteDatabase database, string application) : IGroupJobStore
{
    private const int Chunk = 5000;

    private const string Columns = """
        sequence, id, display_name, description, group_id, organization, data, batch, threshold, status, reason, listed, created, created_by, began, ended
        """;

    /// <inheritdoc/>
    public Task<bool> InsertAsync(GroupJob job, string? failedOf, CancellationToken token) => database.WriteAsync(c =>
    {
        var inserted = c.Execute(
            """
            INSERT INTO group_jobs (application, id, display_name, description, group_id, organization, data, batch, threshold, status, listed, created, created_by)
            VALUES ($application, $id, $name, $description, $group, $organization, $data, $batch, $threshold, $status, $listed, $created, $by) ON CONFLICT DO NOTHING
            """,
            ("$application", application), ("$id", job.Id), ("$name", job.DisplayName), ("$description", job.Description), ("$group", job.Group), ("$organization", job.Organization),
            ("$data", JsonSerializer.Serialize(job.Data, GroupJobJson.Default.IReadOnlyListJobData)), ("$batch", job.Batch is null ? null : JsonSerializer.Serialize(job.Batch, GroupJobJson.Default.JobShare)),
            ("$threshold", job.CancellationThreshold is null ? null : JsonSerializer.Serialize(job.CancellationThreshold, GroupJobJson.Default.JobThreshold)),
            ("$status", (int)job.Status), ("$listed", job.Listed), ("$created", job.Created), ("$by", job.CreatedBy)) == 1;
        if (inserted && failedOf is not null)
        {
            c.Execute(
                """
                INSERT INTO group_job_devices (application, job_id, device_id, place, status, updated)
                SELECT application, $id, device_id, row_number() OVER (ORDER BY place) - 1, 0, $created FROM group_job_devices
                WHERE application=$application AND job_id=$failed AND status=3
                """, ("$id", job.Id), ("$created", job.Created), ("$application", application), ("$failed", failedOf));
        }
        return inserted;
    }, token);

    /// <inheritdoc/>
    public Task<GroupJob?> FindAsync(string id, CancellationToken token) => Task.FromResult(database.Read(c
        => c.QueryFirst($"SELECT {Columns} FROM group_jobs WHERE application=$application AND id=$id", Read, ("$application", application), ("$id", id)) is { } job ? WithCounts(c, job) : null));

    /// <inheritdoc/>
    public Task<IReadOnlyList<GroupJob>> ListAsync(long before, int max, CancellationToken token) => Task.FromResult<IReadOnlyList<GroupJob>>(database.Read(c => c.Query(
        $"SELECT {Columns} FROM group_jobs WHERE application=$application AND sequence<$before ORDER BY sequence DESC LIMIT $max", Read,
        ("$application", application), ("$before", before), ("$max", max)).ConvertAll(job => WithCounts(c, job))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<GroupJob>> OpenAsync(int max, CancellationToken token) => Task.FromResult<IReadOnlyList<GroupJob>>(database.Read(c => c.Query(
        $"SELECT {Columns} FROM group_jobs WHERE application=$application AND status IN (0, 1) ORDER BY status DESC, sequence LIMIT $max", Read, ("$application", application), ("$max", max))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<GroupJobDevice>> DevicesAsync(string id, string? after, int max, CancellationToken token) => Task.FromResult<IReadOnlyList<GroupJobDevice>>(database.Read(c => c.Query(
        "SELECT device_id, status, error, text, updated FROM group_job_devices WHERE application=$application AND job_id=$id AND device_id>$after ORDER BY device_id LIMIT $max",
        r => new GroupJobDevice(r.GetString(0), (GroupJobDeviceStatus)r.GetInt32(1), r.TextOrNull(2), r.TextOrNull(3), r.TimeOrNull(4)!.Value),
        ("$application", application), ("$id", id), ("$after", after ?? ""), ("$max", max))));

    /// <inheritdoc/>
    public Task<bool> MoveAsync(string id, IReadOnlyCollection<GroupJobStatus> from, GroupJobStatus to, string? reason, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        UPDATE group_jobs SET status=$to, reason=$reason, began=CASE WHEN $to=1 THEN coalesce(began, $now) ELSE began END, ended=CASE WHEN $to IN (2, 3, 4) THEN $now END
        WHERE application=$application AND id=$id AND status IN (SELECT value FROM json_each($from))
        """,
        ("$to", (int)to), ("$reason", reason), ("$now", now), ("$application", application), ("$id", id), ("$from", $"[{string.Join(',', from.Select(s => (int)s))}]")) == 1, token);

    /// <inheritdoc/>
    public Task AddDevicesAsync(string id, IReadOnlyCollection<string> devices, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c =>
    {
        var place = c.Query("SELECT coalesce(max(place)+1, 0) FROM group_job_devices WHERE application=$application AND job_id=$id", r => r.GetInt64(0), ("$application", application), ("$id", id))[0];
        foreach (var device in devices)
        {
            place += c.Execute(
                "INSERT INTO group_job_devices (application, job_id, device_id, place, status, updated) VALUES ($application, $id, $device, $place, 0, $now) ON CONFLICT DO NOTHING",
                ("$application", application), ("$id", id), ("$device", device), ("$place", place), ("$now", now));
        }
        return 0;
    }, token);

    /// <inheritdoc/>
    public Task NoteListedAsync(string id, CancellationToken token)
        => database.WriteAsync(c => c.Execute("UPDATE group_jobs SET listed=1 WHERE application=$application AND id=$id", ("$application", application), ("$id", id)), token);

    /// <inheritdoc/>
    public Task<long?> FirstPendingAsync(string id, CancellationToken token) => Task.FromResult(database.Read(c => c.Query(
        "SELECT min(place) FROM group_job_devices WHERE application=$application AND job_id=$id AND status=0", r => r.IsDBNull(0) ? null : (long?)r.GetInt64(0), ("$application", application), ("$id", id)))[0]);

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ClaimAsync(string id, long limit, int max, DateTimeOffset now, CancellationToken token) => database.WriteAsync<IReadOnlyList<string>>(c => c.Query(
        """
        UPDATE group_job_devices SET status=1, updated=$now
        WHERE application=$application AND job_id=$id AND EXISTS (SELECT 1 FROM group_jobs WHERE application=$application AND id=$id AND status=1)
            AND device_id IN (SELECT device_id FROM group_job_devices INDEXED BY group_job_devices_by_status
                WHERE application=$application AND job_id=$id AND status=0 AND place<$limit ORDER BY place LIMIT $max)
        RETURNING device_id
        """, r => r.GetString(0), ("$now", now), ("$application", application), ("$id", id), ("$limit", limit), ("$max", max)), token);

    /// <inheritdoc/>
    public Task NoteResultAsync(string id, GroupJobDevice result, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "UPDATE group_job_devices SET status=$status, error=$error, text=$text, updated=$now WHERE application=$application AND job_id=$id AND device_id=$device AND status=1",
        ("$status", (int)result.Status), ("$error", result.Error), ("$text", result.Text), ("$now", result.Updated), ("$application", application), ("$id", id), ("$device", result.DeviceId)), token);

    /// <inheritdoc/>
    public Task<long> CountFailedAsync(string id, long from, long limit, CancellationToken token) => Task.FromResult(database.Read(c => c.Query(
        "SELECT count(*) FROM group_job_devices WHERE application=$application AND job_id=$id AND status=3 AND place>=$from AND place<$limit", r => r.GetInt64(0),
        ("$application", application), ("$id", id), ("$from", from), ("$limit", limit)))[0]);

    /// <inheritdoc/>
    public Task ReleaseAsync(string id, (string Error, string Text)? failure, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "UPDATE group_job_devices SET status=$status, error=$error, text=$text, updated=$now WHERE application=$application AND job_id=$id AND status=1",
        ("$status", (int)(failure is null ? GroupJobDeviceStatus.Pending : GroupJobDeviceStatus.Failed)), ("$error", failure?.Error), ("$text", failure?.Text), ("$now", now),
        ("$application", application), ("$id", id)), token);

    /// <inheritdoc/>
    public async Task<bool> PruneAsync(DateTimeOffset endedBefore, CancellationToken token)
    {
        var oldest = database.Read(c => c.QueryFirst(
            "SELECT id FROM group_jobs INDEXED BY group_jobs_by_end WHERE application=$application AND ended IS NOT NULL AND ended<$before ORDER BY ended LIMIT 1", r => r.GetString(0),
            ("$application", application), ("$before", endedBefore)));
        if (oldest is null)
            return false;
        await database.WriteAsync(c =>
        {
            var rows = c.Execute(
                """
                DELETE FROM group_job_devices WHERE application=$application AND job_id=$id
                    AND device_id IN (SELECT device_id FROM group_job_devices WHERE application=$application AND job_id=$id ORDER BY device_id LIMIT $max)
                """, ("$application", application), ("$id", oldest), ("$max", Chunk));
            return rows == Chunk ? rows : c.Execute("DELETE FROM group_jobs WHERE application=$application AND id=$id", ("$application", application), ("$id", oldest));
        }, token);
        return true;
    }

    private GroupJob WithCounts(SqliteConnection connection, GroupJob job)
    {
        var counts = new long[4];
        foreach (var (status, count) in connection.Query(
            "SELECT status, count(*) FROM group_job_devices WHERE application=$application AND job_id=$id GROUP BY status", r => (r.GetInt32(0), r.GetInt64(1)), ("$application", application), ("$id", job.Id)))
        {
            counts[status] = count;
        }
        return job with { Devices = new GroupJobCounts(counts[0], counts[1], counts[2], counts[3]) };
    }

    private static GroupJob Read(SqliteDataReader row) => new()
    {
        Sequence = row.GetInt64(0),
        Id = row.GetString(1),
        DisplayName = row.GetString(2),
        Description = row.TextOrNull(3),
        Group = row.GetString(4),
        Organization = row.TextOrNull(5),
        Data = JsonSerializer.Deserialize(row.GetString(6), GroupJobJson.Default.IReadOnlyListJobData)!,
        Batch = row.TextOrNull(7) is { } batch ? JsonSerializer.Deserialize(batch, GroupJobJson.Default.JobShare) : null,
        CancellationThreshold = row.TextOrNull(8) is { } threshold ? JsonSerializer.Deserialize(threshold, GroupJobJson.Default.JobThreshold) : null,
        Status = (GroupJobStatus)row.GetInt32(9),
        Reason = row.TextOrNull(10),
        Listed = row.GetBoolean(11),
        Created = row.TimeOrNull(12)!.Value,
        CreatedBy = row.TextOrNull(13),
        Began = row.TimeOrNull(14),
        Ended = row.TimeOrNull(15),
    };
}
