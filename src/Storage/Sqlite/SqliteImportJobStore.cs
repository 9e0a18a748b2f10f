using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Homeport.Provisioning.Bulk;
using Homeport.Provisioning.Bulk.Jobs;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>The imports of one application in SQLite. Error files may hold keys: they are sealed.</summary>
public sealed class SqliteImportJobStore(SqliteDatabase database, SecretSeal seal, string application) : IImportJobStore
{
    private const string Columns = """
        sequence, id, file_name, bytes, sha256, total, options, columns, status, reason, processed, made, updated, skipped, failed, created, began, ended
        """;

    /// <inheritdoc/>
    public Task InsertAsync(ImportJob job, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        INSERT INTO import_jobs (application, id, file_name, bytes, sha256, total, options, columns, status, fresh, created)
        VALUES ($application, $id, $name, $bytes, $sha256, $total, $options, $columns, $status, x'', $created)
        """,
        ("$application", application), ("$id", job.Id), ("$name", job.File.Name), ("$bytes", job.File.Bytes), ("$sha256", job.File.Sha256), ("$total", job.File.Rows),
        ("$options", JsonSerializer.Serialize(job.Options, ImportJobJson.Default.ImportOptions)), ("$columns", JsonSerializer.Serialize(job.IgnoredColumns, ImportJobJson.Default.IReadOnlyListString)),
        ("$status", (int)job.Status), ("$created", job.Created)), token);

    /// <inheritdoc/>
    public Task<ImportJob?> FindAsync(string id, CancellationToken token) => Task.FromResult(database.Read(c
        => c.QueryFirst($"SELECT {Columns} FROM import_jobs WHERE application=$application AND id=$id", Read, ("$application", application), ("$id", id))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<ImportJob>> ListAsync(long before, int max, CancellationToken token) => Task.FromResult<IReadOnlyList<ImportJob>>(database.Read(c => c.Query(
        $"SELECT {Columns} FROM import_jobs WHERE application=$application AND sequence<$before ORDER BY sequence DESC LIMIT $max", Read,
        ("$application", application), ("$before", before), ("$max", max))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<ImportJob>> OpenAsync(int max, CancellationToken token) => Task.FromResult<IReadOnlyList<ImportJob>>(database.Read(c => c.Query(
        $"SELECT {Columns} FROM import_jobs WHERE application=$application AND status IN (0, 1) ORDER BY status DESC, sequence LIMIT $max", Read, ("$application", application), ("$max", max))));

    /// <inheritdoc/>
    public Task<byte[]?> BeginAsync(string id, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c => c.QueryFirst(
        "UPDATE import_jobs SET status=1, began=coalesce(began, $now) WHERE application=$application AND id=$id AND status IN (0, 1) RETURNING fresh", r => r.GetFieldValue<byte[]>(0),
        ("$now", now), ("$application", application), ("$id", id)), token);

    /// <inheritdoc/>
    public Task<bool> SaveAsync(string id, ImportStep step, CancellationToken token) => database.WriteAsync(c =>
    {
        if (step.Errors.Length > 0)
        {
            var place = c.Query("SELECT coalesce(max(place)+1, 0) FROM import_errors WHERE application=$application AND job_id=$id", r => r.GetInt64(0), ("$application", application), ("$id", id))[0];
            c.Execute("INSERT INTO import_errors (application, job_id, place, rows) VALUES ($application, $id, $place, $rows)",
                ("$application", application), ("$id", id), ("$place", place), ("$rows", seal.Seal(Encoding.UTF8.GetBytes(step.Errors), ContextOf(id, place))));
        }
        var (processed, created, updated, skipped, failed) = step.Counts;
        return c.Query(
            """
            UPDATE import_jobs SET processed=$processed, made=$made, updated=$updated, skipped=$skipped, failed=$failed, fresh=$fresh
            WHERE application=$application AND id=$id RETURNING cancelling
            """, r => r.GetInt64(0),
            ("$processed", processed), ("$made", created), ("$updated", updated), ("$skipped", skipped), ("$failed", failed), ("$fresh", step.Fresh), ("$application", application), ("$id", id))[0] == 0;
    }, token);

    /// <inheritdoc/>
    public Task<bool> CancelAsync(string id, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        UPDATE import_jobs SET cancelling=1, ended=CASE WHEN status=0 THEN $now END, status=CASE WHEN status=0 THEN 5 ELSE status END
        WHERE application=$application AND id=$id AND status IN (0, 1)
        """, ("$now", now), ("$application", application), ("$id", id)) == 1, token);

    /// <inheritdoc/>
    public Task EndAsync(string id, ImportJobStatus status, string? reason, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "UPDATE import_jobs SET status=$status, reason=$reason, ended=$now, fresh=x'' WHERE application=$application AND id=$id AND status=1",
        ("$status", (int)status), ("$reason", reason), ("$now", now), ("$application", application), ("$id", id)), token);

    /// <inheritdoc/>
    public async IAsyncEnumerable<string> ErrorsAsync(string id, [EnumeratorCancellation] CancellationToken token)
    {
        await Task.CompletedTask;
        for (var place = 0L; ; place++)
        {
            token.ThrowIfCancellationRequested();
            var part = database.Read(c => c.QueryFirst(
                "SELECT rows FROM import_errors WHERE application=$application AND job_id=$id AND place=$place", r => r.GetFieldValue<byte[]>(0), ("$application", application), ("$id", id), ("$place", place)));
            if (part is null)
                yield break;
            yield return Encoding.UTF8.GetString(seal.Unseal(part, ContextOf(id, place))!);
        }
    }

    /// <inheritdoc/>
    public Task PruneAsync(DateTimeOffset filesBefore, DateTimeOffset jobsBefore, CancellationToken token) => database.WriteAsync(c =>
    {
        c.Execute("DELETE FROM import_errors WHERE application=$application AND job_id IN (SELECT id FROM import_jobs WHERE application=$application AND ended<=$before)",
            ("$application", application), ("$before", filesBefore));
        return c.Execute("DELETE FROM import_jobs WHERE application=$application AND ended<=$before", ("$application", application), ("$before", jobsBefore));
    }, token);

    private static string ContextOf(string id, long place) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"errors of import {id}/{place}");

    private static ImportJob Read(SqliteDataReader row) => new()
    {
        Sequence = row.GetInt64(0),
        Id = row.GetString(1),
        File = new ImportFile(row.GetString(2), row.GetInt64(3), row.GetString(4), row.GetInt64(5)),
        Options = JsonSerializer.Deserialize(row.GetString(6), ImportJobJson.Default.ImportOptions)!,
        IgnoredColumns = JsonSerializer.Deserialize(row.GetString(7), ImportJobJson.Default.IReadOnlyListString)!,
        Status = (ImportJobStatus)row.GetInt32(8),
        Reason = row.TextOrNull(9),
        Counts = new ImportCounts(row.GetInt64(10), row.GetInt64(11), row.GetInt64(12), row.GetInt64(13), row.GetInt64(14)),
        Created = row.TimeOrNull(15)!.Value,
        Began = row.TimeOrNull(16),
        Ended = row.TimeOrNull(17),
    };
}

[JsonSerializable(typeof(ImportOptions))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class ImportJobJson : JsonSerializerContext;
