using Homeport.Contract.Errors;
using Homeport.Operations.Relationships;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>The relationships between devices of one application in SQLite.</summary>
public sealed class SqliteRelationshipStore(SqliteDatabase database, string application) : IRelationshipStore
{
    private const string Columns = "source, id, name, target, version";

    /// <inheritdoc/>
    public Task<DeviceRelationship?> FindAsync(string source, string id, CancellationToken token) => Task.FromResult(database.Read(c => Find(c, source, id)));

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeviceRelationship>> ListAsync(string deviceId, DeviceRelationship? after, int max, CancellationToken token)
        => Task.FromResult<IReadOnlyList<DeviceRelationship>>(database.Read(c => c.Query(
            $"""
            SELECT {Columns} FROM device_relationships WHERE application=$application AND source=$device AND (source, id)>($source, $id)
            UNION SELECT {Columns} FROM device_relationships WHERE application=$application AND target=$device AND (source, id)>($source, $id)
            ORDER BY source, id LIMIT $max
            """, Read, ("$application", application), ("$device", deviceId), ("$source", after?.Source ?? ""), ("$id", after?.Id ?? ""), ("$max", max))));

    /// <inheritdoc/>
    public Task<int> CountAsync(string source, CancellationToken token) => Task.FromResult(database.Read(c => c.Query(
        "SELECT count(*) FROM device_relationships WHERE application=$application AND source=$source", r => r.GetInt32(0), ("$application", application), ("$source", source)))[0]);

    /// <inheritdoc/>
    public Task<Outcome<DeviceRelationship>> ChangeAsync(string source, string id, Func<DeviceRelationship?, Outcome<DeviceRelationship>> change, CancellationToken token) => database.WriteAsync(c =>
    {
        var before = Find(c, source, id);
        var outcome = change(before);
        if (outcome.Value is not { } wanted)
            return outcome;
        var after = wanted with { Version = (before?.Version ?? 0) + 1 };
        c.Execute(
            $"""
            INSERT INTO device_relationships (application, {Columns}) VALUES ($application, $source, $id, $name, $target, $version)
            ON CONFLICT DO UPDATE SET name=excluded.name, target=excluded.target, version=excluded.version
            """, ("$application", application), ("$source", source), ("$id", id), ("$name", after.Name), ("$target", after.Target), ("$version", after.Version));
        return after;
    }, token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(string source, string id, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "DELETE FROM device_relationships WHERE application=$application AND source=$source AND id=$id", ("$application", application), ("$source", source), ("$id", id)) == 1, token);

    private DeviceRelationship? Find(SqliteConnection connection, string source, string id) => connection.QueryFirst(
        $"SELECT {Columns} FROM device_relationships WHERE application=$application AND source=$source AND id=$id", Read, ("$application", application), ("$source", source), ("$id", id));

    private static DeviceRelationship Read(SqliteDataReader row) => new() { Source = row.GetString(0), Id = row.GetString(1), Name = row.GetString(2), Target = row.GetString(3), Version = row.GetInt64(4) };
}
