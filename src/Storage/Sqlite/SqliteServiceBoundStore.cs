using Homeport.Hub.CloudToDevice;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>What services of one hub have to read, in SQLite.</summary>
public sealed class SqliteServiceBoundStore(SqliteDatabase database, string hub) : IServiceBoundStore
{
    private const int DropSize = 500;

    /// <inheritdoc/>
    public Task AddAsync(ServiceBoundKind kind, string payload, DateTimeOffset now, DateTimeOffset expiry, CancellationToken token)
        => database.WriteAsync(c => Insert(c, hub, kind, payload, now, expiry), token);

    /// <inheritdoc/>
    public IReadOnlyList<ServiceBoundRecord> Read(ServiceBoundKind kind, long after, int max, DateTimeOffset now) => database.Read(c => c.Query(
        """
        SELECT sequence, enqueued, payload FROM servicebound INDEXED BY servicebound_by_kind
        WHERE hub=$hub AND kind=$kind AND sequence>$after AND expires>$now ORDER BY sequence LIMIT $max
        """,
        r => new ServiceBoundRecord(r.GetInt64(0), r.TimeOrNull(1)!.Value, r.GetString(2)),
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

    /// <summary>Adds a record inside the transaction of what it tells of.</summary>
    internal static int Insert(SqliteConnection connection, string hub, ServiceBoundKind kind, string payload, DateTimeOffset now, DateTimeOffset expiry)
        => connection.Execute(
            "INSERT INTO servicebound (hub, kind, enqueued, expires, deliveries, payload) VALUES ($hub, $kind, $enqueued, $expires, 0, $payload)",
            ("$hub", hub), ("$kind", (int)kind), ("$enqueued", now), ("$expires", expiry), ("$payload", payload));
}
