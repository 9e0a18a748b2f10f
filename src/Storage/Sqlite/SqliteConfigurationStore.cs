using Homeport.Hub.Configurations;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Configurations of one hub in SQLite.</summary>
public sealed class SqliteConfigurationStore(SqliteDatabase database, string hub) : IConfigurationStore
{
    private const int Chunk = 1000;
    private const string Columns = "id, version, schema_version, target_condition, priority, labels, content, metrics, created, updated";

    /// <inheritdoc/>
    public Task<Configuration?> FindAsync(string id, CancellationToken token) => Task.FromResult(database.Read(c => c.QueryFirst(
        $"SELECT {Columns} FROM configurations WHERE hub=$hub AND id=$id", Read, ("$hub", hub), ("$id", id))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<Configuration>> ListAsync(int max, CancellationToken token) => Task.FromResult<IReadOnlyList<Configuration>>(database.Read(c => c.Query(
        $"SELECT {Columns} FROM configurations WHERE hub=$hub ORDER BY id LIMIT $max", Read, ("$hub", hub), ("$max", max))));

    /// <inheritdoc/>
    public Task<InsertResult> InsertAsync(Configuration configuration, int limit, CancellationToken token) => database.WriteAsync(c =>
    {
        var inserted = c.Execute(
            $"""
            INSERT INTO configurations (hub, {Columns})
            SELECT $hub, $id, $version, $schema, $condition, $priority, $labels, $content, $metrics, $created, $updated
            WHERE (SELECT count(*) FROM configurations WHERE hub=$hub)<$limit
            ON CONFLICT DO NOTHING
            """, [.. Parameters(configuration), ("$limit", limit)]) == 1;
        if (inserted)
            return InsertResult.Added;
        return c.Query("SELECT 1 FROM configurations WHERE hub=$hub AND id=$id", r => r.GetInt32(0), ("$hub", hub), ("$id", configuration.Id)).Count > 0
            ? InsertResult.Exists
            : InsertResult.Full;
    }, token);

    /// <inheritdoc/>
    public Task<bool> ReplaceAsync(Configuration configuration, long version, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        UPDATE configurations SET version=$version, schema_version=$schema, target_condition=$condition, priority=$priority, labels=$labels, content=$content,
            metrics=$metrics, created=$created, updated=$updated
        WHERE hub=$hub AND id=$id AND version=$expected
        """, [.. Parameters(configuration), ("$expected", version)]) == 1, token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(string id, long? version, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "DELETE FROM configurations WHERE hub=$hub AND id=$id AND ($version IS NULL OR version=$version)",
        ("$hub", hub), ("$id", id), ("$version", version)) == 1, token);

    /// <inheritdoc/>
    public async Task<bool> ClearStatusAsync(string id, CancellationToken token) => await database.WriteAsync(c => c.Execute(
        """
        DELETE FROM configuration_status WHERE hub=$hub AND configuration=$id AND (device_id, module_id) IN (
            SELECT device_id, module_id FROM configuration_status INDEXED BY configuration_status_by_configuration WHERE hub=$hub AND configuration=$id LIMIT $max)
        """, ("$hub", hub), ("$id", id), ("$max", Chunk)), token) == Chunk;

    /// <inheritdoc/>
    public Task SetStatusAsync(IReadOnlyCollection<TwinConfigurations> twins, CancellationToken token) => database.WriteAsync(c =>
    {
        foreach (var twin in twins)
        {
            c.Execute("DELETE FROM configuration_status WHERE hub=$hub AND device_id=$device AND module_id=$module",
                ("$hub", hub), ("$device", twin.DeviceId), ("$module", twin.ModuleId ?? ""));
            foreach (var (configuration, status) in twin.States)
            {
                c.Execute(
                    """
                    INSERT INTO configuration_status (hub, device_id, module_id, configuration, status)
                    SELECT $hub, $device, $module, $configuration, $status
                    WHERE EXISTS (SELECT 1 FROM identities WHERE hub=$hub AND device_id=$device AND module_id=$module)
                        AND EXISTS (SELECT 1 FROM configurations WHERE hub=$hub AND id=$configuration)
                    """,
                    ("$hub", hub), ("$device", twin.DeviceId), ("$module", twin.ModuleId ?? ""), ("$configuration", configuration), ("$status", status));
            }
        }
        return twins.Count;
    }, token);

    /// <inheritdoc/>
    public Task<bool> HasStatusAsync(bool modules, CancellationToken token) => Task.FromResult(database.Read(c => c.Query(
        "SELECT 1 FROM configuration_status WHERE hub=$hub AND (module_id<>'')=$modules LIMIT 1", r => r.GetInt32(0),
        ("$hub", hub), ("$modules", modules))).Count > 0);

    /// <inheritdoc/>
    public Task<(long Targeted, long Applied)> CountAsync(string id, CancellationToken token) => Task.FromResult(database.Read(c => c.Query(
        """
        SELECT count(*), coalesce(sum(status=$applied), 0) FROM configuration_status INDEXED BY configuration_status_by_configuration
        WHERE hub=$hub AND configuration=$id
        """, r => (r.GetInt64(0), r.GetInt64(1)), ("$applied", TwinConfigurations.Applied), ("$hub", hub), ("$id", id)))[0]);

    /// <summary>True when any twin shows a configuration.</summary>
    internal static bool HasStatus(SqliteConnection connection, string hub)
        => connection.Query("SELECT 1 FROM configuration_status WHERE hub=$hub LIMIT 1", r => r.GetInt32(0), ("$hub", hub)).Count > 0;

    /// <summary>A column of JSON in UTF-8, in the order of the ids: what the twin of this table's row shows of configurations.</summary>
    internal static string StatusOf(string table) => $"""
        (SELECT CAST(json_group_object(s.configuration, json_object('status', s.status)) AS BLOB) FROM configuration_status s
         WHERE s.hub={table}.hub AND s.device_id={table}.device_id AND s.module_id={table}.module_id)
        """;

    private (string, object?)[] Parameters(Configuration configuration) =>
    [
        ("$hub", hub), ("$id", configuration.Id), ("$version", configuration.Version), ("$schema", configuration.SchemaVersion),
        ("$condition", configuration.TargetCondition), ("$priority", configuration.Priority), ("$labels", configuration.Labels.ToArray()),
        ("$content", configuration.Content.ToArray()), ("$metrics", configuration.MetricQueries.ToArray()),
        ("$created", configuration.CreatedTime), ("$updated", configuration.UpdatedTime),
    ];

    private static Configuration Read(SqliteDataReader row) => new()
    {
        Id = row.GetString(0),
        Version = row.GetInt64(1),
        SchemaVersion = row.GetString(2),
        TargetCondition = row.GetString(3),
        Priority = row.GetInt32(4),
        Labels = row.GetFieldValue<byte[]>(5),
        Content = row.GetFieldValue<byte[]>(6),
        MetricQueries = row.GetFieldValue<byte[]>(7),
        CreatedTime = row.TimeOrNull(8)!.Value,
        UpdatedTime = row.TimeOrNull(9)!.Value,
    };
}
