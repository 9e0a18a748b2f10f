using Homeport.Contract.Errors;
using Homeport.Hub.Twins;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Twins of one hub in SQLite.</summary>
public sealed class SqliteTwinStore(SqliteDatabase database, string hub) : ITwinStore
{
    internal const string Columns = """
        device_id, module_id, counter, version, tags, desired, desired_metadata, desired_version, reported, reported_metadata, reported_version, model_id
        """;

    /// <inheritdoc/>
    public Task<Twin?> FindAsync(string deviceId, string? moduleId, CancellationToken token)
        => Task.FromResult(database.Read(c => Find(c, deviceId, moduleId)));

    /// <inheritdoc/>
    public Task<Outcome<TwinChange>?> ChangeAsync(
        string deviceId, string? moduleId, Func<Twin, Outcome<TwinChange>> change, Action<TwinChange> committed, CancellationToken token)
        => database.WriteAsync<Outcome<TwinChange>?>(
            c =>
            {
                if (Find(c, deviceId, moduleId) is not { } twin)
                    return null;
                var outcome = change(twin);
                if (outcome.Value is { } changed && !ReferenceEquals(changed.Twin, twin))
                {
                    Save(c, twin, changed.Twin);
                    foreach (var happened in changed.Events ?? [])
                        SqliteEventStore.Insert(c, hub, happened);
                }
                return outcome;
            },
            outcome =>
            {
                if (outcome?.Value is { } changed)
                    committed(changed);
            }, token);

    /// <summary>Adds the twin of a new identity, in the transaction that adds the identity.</summary>
    internal static void Insert(SqliteConnection connection, string hub, Twin twin)
    {
        connection.Execute(
            $"""
            INSERT OR REPLACE INTO twins (hub, {Columns})
            VALUES ($hub, $device, $module, $counter, $version, $tags, $desired, $desiredMetadata, $desiredVersion, $reported, $reportedMetadata, $reportedVersion, $model)
            """, Parameters(hub, twin));
        if (twin.Tags.Length > 2)
            TwinTags.Write(connection, hub, twin);
    }

    /// <summary>Deletes the twin of an identity, or those of a device with its modules.</summary>
    internal static void Delete(SqliteConnection connection, string hub, string deviceId, string? moduleId)
    {
        foreach (var table in (ReadOnlySpan<string>)["twins", "twin_tags", "mqtt_sessions", "configuration_status", "template_devices", "device_commands"])
        {
            connection.Execute($"DELETE FROM {table} WHERE hub=$hub AND device_id=$device AND ($module IS NULL OR module_id=$module)",
                ("$hub", hub), ("$device", deviceId), ("$module", moduleId));
        }
    }

    internal static Twin Read(SqliteDataReader row) => new()
    {
        DeviceId = row.GetString(0),
        ModuleId = row.GetString(1) is { Length: > 0 } module ? module : null,
        Counter = row.GetInt64(2),
        Version = row.GetInt64(3),
        Tags = row.GetFieldValue<byte[]>(4),
        Desired = new TwinSection(row.GetFieldValue<byte[]>(5), row.GetFieldValue<byte[]>(6), row.GetInt64(7)),
        Reported = new TwinSection(row.GetFieldValue<byte[]>(8), row.GetFieldValue<byte[]>(9), row.GetInt64(10)),
        ModelId = row.GetString(11),
        Configurations = row.GetFieldValue<byte[]>(12),
    };

    private Twin? Find(SqliteConnection connection, string deviceId, string? moduleId) => connection.QueryFirst(
        $"SELECT {Columns}, {SqliteConfigurationStore.StatusOf("twins")} FROM twins WHERE hub=$hub AND device_id=$device AND module_id=$module", Read,
        ("$hub", hub), ("$device", deviceId), ("$module", moduleId ?? ""));

    private void Save(SqliteConnection connection, Twin before, Twin twin)
    {
        connection.Execute(
            """
            UPDATE twins SET counter=$counter, version=$version, tags=$tags, desired=$desired, desired_metadata=$desiredMetadata, desired_version=$desiredVersion,
                reported=$reported, reported_metadata=$reportedMetadata, reported_version=$reportedVersion, model_id=$model
            WHERE hub=$hub AND device_id=$device AND module_id=$module
            """, Parameters(hub, twin));
        if (!before.Tags.Span.SequenceEqual(twin.Tags.Span))
            TwinTags.Write(connection, hub, twin);
    }

    private static (string, object?)[] Parameters(string hub, Twin twin) =>
    [
        ("$hub", hub), ("$device", twin.DeviceId), ("$module", twin.ModuleId ?? ""), ("$counter", twin.Counter), ("$version", twin.Version),
        ("$tags", twin.Tags.ToArray()), ("$desired", twin.Desired.Properties.ToArray()), ("$desiredMetadata", twin.Desired.Metadata.ToArray()),
        ("$desiredVersion", twin.Desired.Version), ("$reported", twin.Reported.Properties.ToArray()), ("$reportedMetadata", twin.Reported.Metadata.ToArray()),
        ("$reportedVersion", twin.Reported.Version), ("$model", twin.ModelId),
    ];
}
