using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Hub.ImportExport;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Imports and exports of one hub in SQLite. Requests are sealed, since they hold access to storage accounts.</summary>
public sealed class SqliteRegistryJobStore(SqliteDatabase database, SecretSeal seal, string hub) : IRegistryJobStore
{
    private const string Columns = "job_id, status, request, created, started, ended, progress, position, begun, reason";
    private const string Active = "status IN (0, 1)";

    /// <inheritdoc/>
    public Task<bool> InsertAsync(RegistryJob job, CancellationToken token)
    {
        var request = seal.Seal(JsonSerializer.SerializeToUtf8Bytes(job.Request, Json.Default.ImportExportJob), Context(job.JobId));
        return database.WriteAsync(c => c.Execute(
            $"""
            INSERT INTO registry_jobs (hub, job_id, type, status, request, created, progress, position, begun)
            SELECT $hub, $job, $type, $status, $request, $created, $progress, $position, $begun
            WHERE NOT EXISTS (SELECT 1 FROM registry_jobs WHERE hub=$hub AND {Active})
            """,
            ("$hub", hub), ("$job", job.JobId), ("$type", job.IsImport ? 1 : 0), ("$status", (int)job.Status), ("$request", request), ("$created", job.Created),
            ("$progress", job.Progress.Percent), ("$position", job.Progress.Position), ("$begun", job.Progress.Begun)) == 1, token);
    }

    /// <inheritdoc/>
    public Task<RegistryJob?> FindAsync(string jobId, CancellationToken token) => Task.FromResult(database.Read(c => c.QueryFirst(
        $"SELECT {Columns} FROM registry_jobs WHERE hub=$hub AND job_id=$job", Read, ("$hub", hub), ("$job", jobId))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<RegistryJob>> ListAsync(int max, CancellationToken token) => Task.FromResult<IReadOnlyList<RegistryJob>>(database.Read(c => c.Query(
        $"SELECT {Columns} FROM registry_jobs WHERE hub=$hub ORDER BY created DESC, job_id LIMIT $max", Read, ("$hub", hub), ("$max", max))));

    /// <inheritdoc/>
    public Task<RegistryJob?> FindActiveAsync(CancellationToken token) => Task.FromResult(database.Read(c => c.QueryFirst(
        $"SELECT {Columns} FROM registry_jobs WHERE hub=$hub AND {Active}", Read, ("$hub", hub))));

    /// <inheritdoc/>
    public Task<bool> BeginAsync(string jobId, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c => c.Execute(
        $"UPDATE registry_jobs SET status=1, started=coalesce(started, $now) WHERE hub=$hub AND job_id=$job AND {Active}",
        ("$now", now), ("$hub", hub), ("$job", jobId)) == 1, token);

    /// <inheritdoc/>
    public Task<bool> NoteAsync(string jobId, RegistryJobProgress progress, IReadOnlyCollection<RegistryJobError> errors, CancellationToken token) => database.WriteAsync(c =>
    {
        var active = c.Execute(
            $"UPDATE registry_jobs SET progress=$progress, position=$position, begun=$begun WHERE hub=$hub AND job_id=$job AND {Active}",
            ("$progress", progress.Percent), ("$position", progress.Position), ("$begun", progress.Begun), ("$hub", hub), ("$job", jobId)) == 1;
        foreach (var error in active ? errors : [])
        {
            c.Execute("INSERT OR REPLACE INTO registry_job_errors (hub, job_id, line, entry) VALUES ($hub, $job, $line, $entry)",
                ("$hub", hub), ("$job", jobId), ("$line", error.Line), ("$entry", error.Entry));
        }
        return active;
    }, token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<RegistryJobError>> ErrorsAsync(string jobId, long after, int max, CancellationToken token)
        => Task.FromResult<IReadOnlyList<RegistryJobError>>(database.Read(c => c.Query(
            "SELECT line, entry FROM registry_job_errors WHERE hub=$hub AND job_id=$job AND line>$after ORDER BY line LIMIT $max",
            r => new RegistryJobError(r.GetInt64(0), r.GetString(1)), ("$hub", hub), ("$job", jobId), ("$after", after), ("$max", max))));

    /// <inheritdoc/>
    public Task<bool> EndAsync(string jobId, RegistryJobStatus status, string? reason, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c => c.Execute(
        $"""
        UPDATE registry_jobs SET status=$status, reason=$reason, ended=$now, progress=CASE $status WHEN $completed THEN 100 ELSE progress END
        WHERE hub=$hub AND job_id=$job AND {Active}
        """,
        ("$status", (int)status), ("$reason", reason), ("$now", now), ("$completed", (int)RegistryJobStatus.Completed), ("$hub", hub), ("$job", jobId)) == 1, token);

    /// <inheritdoc/>
    public Task PruneAsync(DateTimeOffset endedBefore, CancellationToken token) => database.WriteAsync(c =>
    {
        c.Execute(
            "DELETE FROM registry_job_errors WHERE hub=$hub AND job_id IN (SELECT job_id FROM registry_jobs WHERE hub=$hub AND ended<=$before)",
            ("$hub", hub), ("$before", endedBefore));
        return c.Execute("DELETE FROM registry_jobs WHERE hub=$hub AND ended<=$before", ("$hub", hub), ("$before", endedBefore));
    }, token);

    private RegistryJob Read(SqliteDataReader row)
    {
        var jobId = row.GetString(0);
        var request = JsonSerializer.Deserialize(seal.Unseal(row.BytesOrNull(2), Context(jobId)), Json.Default.ImportExportJob);
        return new RegistryJob(jobId, request!, row.TimeOrNull(3)!.Value)
        {
            Status = (RegistryJobStatus)row.GetInt32(1),
            Started = row.TimeOrNull(4),
            Ended = row.TimeOrNull(5),
            Progress = new RegistryJobProgress(row.GetInt32(6), row.GetInt64(7), row.GetInt64(8)),
            Reason = row.TextOrNull(9),
        };
    }

    private string Context(string jobId) => $"registry-job/{hub}/{jobId}";
}
