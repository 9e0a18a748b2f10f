using Homeport.People.Access;
using Homeport.People.Audit;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>The audit log in SQLite. The one writing thread gives the entries their order.</summary>
public sealed class SqliteAuditStore(SqliteDatabase database) : IAuditStore
{
    private const string Columns = "number, time, actor_kind, actor_id, actor_name, address, action, entity_type, entity_id, result, detail, previous_hash, hash";

    /// <inheritdoc/>
    public Task<AuditEntry> AppendAsync(Func<AuditEntry?, AuditEntry> next, CancellationToken token) => database.WriteAsync(c =>
    {
        var entry = next(c.QueryFirst($"SELECT {Columns} FROM audit ORDER BY number DESC LIMIT 1", Read));
        c.Execute(
            $"INSERT INTO audit ({Columns}) VALUES ($number, $time, $kind, $actor, $name, $address, $action, $type, $entity, $result, $detail, $previous, $hash)",
            ("$number", entry.Number), ("$time", entry.Time), ("$kind", (int)entry.ActorKind), ("$actor", entry.ActorId), ("$name", entry.ActorName),
            ("$address", entry.Address), ("$action", entry.Action), ("$type", entry.EntityType), ("$entity", entry.EntityId), ("$result", (int)entry.Result),
            ("$detail", entry.Detail), ("$previous", entry.PreviousHash), ("$hash", entry.Hash));
        return entry;
    }, token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<AuditEntry>> SearchAsync(AuditFilter filter, int max, CancellationToken token) => Task.FromResult<IReadOnlyList<AuditEntry>>(database.Read(c => c.Query(
        $"""
        SELECT {Columns} FROM audit
        WHERE ($before IS NULL OR number<$before) AND ($from IS NULL OR time>=$from) AND ($to IS NULL OR time<$to)
            AND ($actor IS NULL OR actor_id=$actor) AND ($action IS NULL OR action=$action) AND ($type IS NULL OR entity_type=$type)
            AND ($text IS NULL OR instr(lower(actor_name || ' ' || action || ' ' || entity_type || ' ' || entity_id || ' ' || coalesce(detail, '')), lower($text))>0)
        ORDER BY number DESC LIMIT $max
        """, Read, ("$before", filter.Before), ("$from", filter.From), ("$to", filter.To), ("$actor", Given(filter.ActorId)), ("$action", Given(filter.Action)),
        ("$type", Given(filter.EntityType)), ("$text", Given(filter.Text)), ("$max", max))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<AuditEntry>> ReadAsync(long after, int max, CancellationToken token) => Task.FromResult<IReadOnlyList<AuditEntry>>(database.Read(c => c.Query(
        $"SELECT {Columns} FROM audit WHERE number>$after ORDER BY number LIMIT $max", Read, ("$after", after), ("$max", max))));

    private static string? Given(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static AuditEntry Read(SqliteDataReader row) => new()
    {
        Number = row.GetInt64(0),
        Time = row.TimeOrNull(1)!.Value,
        ActorKind = (ActorKind)row.GetInt32(2),
        ActorId = row.GetString(3),
        ActorName = row.GetString(4),
        Address = row.TextOrNull(5),
        Action = row.GetString(6),
        EntityType = row.GetString(7),
        EntityId = row.GetString(8),
        Result = (AuditResult)row.GetInt32(9),
        Detail = row.TextOrNull(10),
        PreviousHash = row.GetFieldValue<byte[]>(11),
        Hash = row.GetFieldValue<byte[]>(12),
    };
}
