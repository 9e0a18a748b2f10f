using Homeport.Hub.Events;
using Homeport.Log;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Events of one hub on their way to the log, in SQLite.</summary>
public sealed class SqliteEventStore(SqliteDatabase database, string hub) : IEventStore
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<(long Number, HubEvent? Event)>> ReadAsync(int max, CancellationToken token)
        => Task.FromResult<IReadOnlyList<(long, HubEvent?)>>(database.Read(c => c.Query(
            "SELECT number, source, device_id, module_id, generation_id, properties, body FROM events WHERE hub=$hub ORDER BY number LIMIT $max", Read,
            ("$hub", hub), ("$max", max))));

    /// <inheritdoc/>
    public Task DeleteAsync(long upTo, CancellationToken token)
        => database.WriteAsync(c => c.Execute("DELETE FROM events WHERE hub=$hub AND number<=$number", ("$hub", hub), ("$number", upTo)), token);

    /// <summary>Adds an event in the transaction of what it tells of.</summary>
    internal static void Insert(SqliteConnection connection, string hub, HubEvent? happened)
    {
        if (happened is null)
            return;
        connection.Execute(
            """
            INSERT INTO events (hub, source, device_id, module_id, generation_id, properties, body)
            VALUES ($hub, $source, $device, $module, $generation, $properties, $body)
            """,
            ("$hub", hub), ("$source", (int)happened.Source), ("$device", happened.DeviceId), ("$module", happened.ModuleId ?? ""),
            ("$generation", happened.GenerationId), ("$properties", happened.Properties.ToArray()), ("$body", happened.Body.ToArray()));
    }

    private static (long, HubEvent?) Read(SqliteDataReader row) => (row.GetInt64(0), new HubEvent(
        (MessageSource)row.GetByte(1), row.GetString(2), row.GetString(3) is { Length: > 0 } module ? module : null, row.GetString(4),
        row.GetFieldValue<byte[]>(5), row.GetFieldValue<byte[]>(6)));
}
