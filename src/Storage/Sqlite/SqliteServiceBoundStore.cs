using Homeport.Hub.CloudToDevice;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>What services of one hub have to read, in SQLite.</summary>
public sealed class SqliteServiceBoundStore(SqliteDatabase database, string hub) : IServiceBoundStore
{
    private const int DropSize = 500;

    /// <inheritdoc/>
    public Task AddAsync(ServiceBoundKind kind, NewServiceBoundRecord record, CancellationToken token)
        => database.WriteAsync(c => Insert(c, hub, kind, record), token);

    /// <inheritdoc/>
    public IReadOnlyList<ServiceBoundRecord> Read(ServiceBoundKind kind, long after, int max, DateTimeOffset now) => database.Read(c => c.Query(
        """
        SELECT sequence, enqueued, payload, deliveries FROM servicebound INDEXED BY servicebound_by_kind
        WHERE hub=$hub AND kind=$kind AND sequence>$after AND expires>$now ORDER BY sequence LIMIT $max
        """,
        r => new ServiceBoundRecord(r.GetInt64(0), r.TimeOrNull(1)!.Value, r.GetString(2), r.GetInt32(3)),
        ("$hub", hub), ("$kind", (int)kind), ("$after", after), ("$now", now), ("$max", max)));

    /// <inheritdoc/>
    public Task RemoveAsync(ServiceBoundKind kind, IReadOnlyCollection<long> sequences, CancellationToken token) => database.WriteAsync(c =>
    {
        foreach (var sequence in sequences)
            c.Execute("DELETE FROM servicebound WHERE sequence=$sequence AND hub=$hub AND kind=$kind", ("$sequence", sequence), ("$hub", hub), ("$kind", (int)kind));
        return sequences.Count;
    }, token);

    /// <inheritdoc/>
    public Task AbandonAsync(ServiceBoundKind kind, IReadOnlyCollection<long> sequences, int maxDeliveries, CancellationToken token) => database.WriteAsync(c =>
    {
        foreach (var sequence in sequences)
        {
            c.Execute("UPDATE servicebound SET deliveries=deliveries+1 WHERE sequence=$sequence AND hub=$hub AND kind=$kind",
                ("$sequence", sequence), ("$hub", hub), ("$kind", (int)kind));
            c.Execute("DELETE FROM servicebound WHERE sequence=$sequence AND hub=$hub AND kind=$kind AND deliveries>=$max",
                ("$sequence", sequence), ("$hub", hub), ("$kind", (int)kind), ("$max", maxDeliveries));
        }
        return sequences.Count;
    }, token);

    /// <inheritdoc/>
    public async Task<bool> DropExpiredAsync(ServiceBoundKind kind, DateTimeOffset now, CancellationToken token)
    {
        var any = database.Read(c => c.Query(
            "SELECT 1 FROM servicebound WHERE hub=$hub AND kind=$kind AND expires<=$now LIMIT 1", r => r.GetInt32(0),
            ("$hub", hub), ("$kind", (int)kind), ("$now", now))).Count > 0;
        return any && await database.WriteAsync(c => c.Execute(
            """
            DELETE FROM servicebound WHERE sequence IN (
                SELECT sequence FROM servicebound WHERE hub=$hub AND kind=$kind AND expires<=$now ORDER BY expires LIMIT $max)
            """,
            ("$hub", hub), ("$kind", (int)kind), ("$now", now), ("$max", DropSize)), token) == DropSize;
    }

    /// <inheritdoc/>
    public async Task<bool> DropOldestAsync(ServiceBoundKind kind, int capacity, CancellationToken token)
    {
        var newest = database.Read(c => c.Query(
            "SELECT sequence FROM servicebound INDEXED BY servicebound_by_kind WHERE hub=$hub AND kind=$kind ORDER BY sequence DESC LIMIT 1 OFFSET $capacity",
            r => r.GetInt64(0), ("$hub", hub), ("$kind", (int)kind), ("$capacity", capacity)));
        return newest.Count > 0 && await database.WriteAsync(c => c.Execute(
            """
            DELETE FROM servicebound WHERE sequence IN (
                SELECT sequence FROM servicebound WHERE hub=$hub AND kind=$kind AND sequence<=$newest ORDER BY sequence LIMIT $max)
            """,
            ("$hub", hub), ("$kind", (int)kind), ("$newest", newest[0]), ("$max", DropSize)), token) == DropSize;
    }

    /// <summary>Adds a record inside the transaction of what it tells of.</summary>
    internal static int Insert(SqliteConnection connection, string hub, ServiceBoundKind kind, NewServiceBoundRecord record)
        => connection.Execute(
            """
            INSERT INTO servicebound (hub, kind, enqueued, expires, deliveries, payload, id) VALUES ($hub, $kind, $enqueued, $expires, 0, $payload, $id)
            ON CONFLICT (hub, kind, id) WHERE id IS NOT NULL DO NOTHING
            """,
            ("$hub", hub), ("$kind", (int)kind), ("$enqueued", record.EnqueuedTime), ("$expires", record.Expiry), ("$payload", record.Payload), ("$id", record.Id));
}
