using Homeport.Hub.Events;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Identities of one hub in SQLite.</summary>
public sealed class SqliteIdentityStore(SqliteDatabase database, SecretSeal seal, string hub) : IIdentityStore
{
    private const string Columns = """
        device_id, module_id, generation_id, version, enabled, status_reason, status_time, auth_type, primary_key, secondary_key,
        primary_thumbprint, secondary_thumbprint, iot_edge, device_scope, managed_by, connection_time, last_activity, parent_scope
        """;

    /// <inheritdoc/>
    public Task<Identity?> FindAsync(string deviceId, string? moduleId, CancellationToken token)
        => Task.FromResult(database.Read(c => c.QueryFirst(
            $"SELECT {Columns} FROM identities WHERE hub=$hub AND device_id=$device AND module_id=$module", Read,
            ("$hub", hub), ("$device", deviceId), ("$module", moduleId ?? ""))));

    /// <inheritdoc/>
    public Task<string?> FindSimilarAsync(string deviceId, CancellationToken token)
        => Task.FromResult(database.Read(c => c.QueryFirst(
            "SELECT device_id FROM identities WHERE hub=$hub AND device_id=$device COLLATE NOCASE AND module_id='' LIMIT 1", r => r.GetString(0),
            ("$hub", hub), ("$device", deviceId))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<Identity>> ListDevicesAsync(int max, CancellationToken token)
        => Task.FromResult<IReadOnlyList<Identity>>(database.Read(c => c.Query(
            $"SELECT {Columns} FROM identities WHERE hub=$hub AND module_id='' ORDER BY device_id LIMIT $max", Read, ("$hub", hub), ("$max", max))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<Identity>> ListModulesAsync(string deviceId, CancellationToken token)
        => Task.FromResult<IReadOnlyList<Identity>>(database.Read(c => c.Query(
            $"SELECT {Columns} FROM identities WHERE hub=$hub AND device_id=$device AND module_id<>'' ORDER BY module_id", Read,
            ("$hub", hub), ("$device", deviceId))));

    /// <inheritdoc/>
    public Task<bool> InsertAsync(Identity identity, FirstState? first, CancellationToken token)
    {
        // Sealed before the write, which others wait for.
        var parameters = Parameters(identity);
        return database.WriteAsync(c =>
        {
            var inserted = c.Execute(
                $"""
                INSERT INTO identities (hub, {Columns})
                VALUES ($hub, $device, $module, $generation, $version, $enabled, $reason, $statusTime, $auth, $primaryKey, $secondaryKey,
                    $primaryThumbprint, $secondaryThumbprint, $edge, $scope, $managedBy, $connectionTime, $lastActivity, $parentScope)
                ON CONFLICT DO NOTHING
                """, parameters) == 1;
            if (inserted)
            {
                SqliteTwinStore.Insert(c, hub, first?.Twin ?? new Twin { DeviceId = identity.DeviceId, ModuleId = identity.ModuleId });
                SqliteEventStore.Insert(c, hub, first?.Event);
                Place(c, identity.DeviceId, first?.Placement);
            }
            return inserted;
        }, token);
    }

    /// <summary>The device is among those of the application as soon as it has an identity.</summary>
    private static void Place(SqliteConnection connection, string deviceId, Placement? placement)
    {
        if (placement is null or { Template: null, Organization: null })
            return;
        connection.Execute(
            "UPDATE devices SET template=$template, organization=$organization WHERE application='default' AND device_id=$device",
            ("$template", placement.Template), ("$organization", placement.Organization), ("$device", deviceId));
    }

    /// <inheritdoc/>
    public Task<bool> ReplaceAsync(Identity identity, long version, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        UPDATE identities SET version=$version, enabled=$enabled, status_reason=$reason, status_time=$statusTime, auth_type=$auth,
            primary_key=$primaryKey, secondary_key=$secondaryKey, primary_thumbprint=$primaryThumbprint, secondary_thumbprint=$secondaryThumbprint,
            iot_edge=$edge, device_scope=$scope, managed_by=$managedBy, parent_scope=$parentScope
        WHERE hub=$hub AND device_id=$device AND module_id=$module AND generation_id=$generation AND version=$expected
        """, [.. Parameters(identity), ("$expected", version)]) == 1, token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(string deviceId, string? moduleId, long? version, HubEvent? happened, CancellationToken token) => database.WriteAsync(c =>
    {
        var deleted = c.Execute(
            "DELETE FROM identities WHERE hub=$hub AND device_id=$device AND module_id=$module AND ($version IS NULL OR version=$version)",
            ("$hub", hub), ("$device", deviceId), ("$module", moduleId ?? ""), ("$version", version)) == 1;
        if (deleted && moduleId is null)
            c.Execute("DELETE FROM identities WHERE hub=$hub AND device_id=$device", ("$hub", hub), ("$device", deviceId));
        if (deleted)
        {
            SqliteTwinStore.Delete(c, hub, deviceId, moduleId);
            SqliteEventStore.Insert(c, hub, happened);
            c.Execute("DELETE FROM device_messages WHERE hub=$hub AND device_id=$device AND ($module IS NULL OR module_id=$module)",
                ("$hub", hub), ("$device", deviceId), ("$module", moduleId));
        }
        return deleted;
    }, token);

    /// <inheritdoc/>
    public Task<(long Total, long Enabled)> CountAsync(CancellationToken token)
        => Task.FromResult(database.Read(c => c.Query(
            "SELECT count(*), coalesce(sum(enabled), 0) FROM identities WHERE hub=$hub AND module_id=''", r => (r.GetInt64(0), r.GetInt64(1)), ("$hub", hub)))[0]);

    /// <inheritdoc/>
    public Task NoteActivityAsync(IReadOnlyCollection<IdentityActivity> activities, CancellationToken token) => database.WriteAsync(c =>
    {
        foreach (var activity in activities)
        {
            c.Execute(
                """
                UPDATE identities SET connection_time=coalesce($connection, connection_time), last_activity=$activity
                WHERE hub=$hub AND device_id=$device AND module_id=$module
                """,
                ("$hub", hub), ("$device", activity.DeviceId), ("$module", activity.ModuleId ?? ""),
                ("$connection", activity.ConnectionTime), ("$activity", activity.LastActivity));
        }
        return activities.Count;
    }, token);

    private (string, object?)[] Parameters(Identity identity) =>
    [
        ("$hub", hub), ("$device", identity.DeviceId), ("$module", identity.ModuleId ?? ""), ("$generation", identity.GenerationId),
        ("$version", identity.Version), ("$enabled", identity.Enabled), ("$reason", identity.StatusReason), ("$statusTime", identity.StatusTime),
        ("$auth", (int)identity.Authentication.Type),
        ("$primaryKey", seal.Seal(identity.Authentication.PrimaryKey, Context(identity.Key))),
        ("$secondaryKey", seal.Seal(identity.Authentication.SecondaryKey, Context(identity.Key))),
        ("$primaryThumbprint", identity.Authentication.PrimaryThumbprint), ("$secondaryThumbprint", identity.Authentication.SecondaryThumbprint),
        ("$edge", identity.IotEdge), ("$scope", identity.DeviceScope), ("$managedBy", identity.ManagedBy),
        ("$connectionTime", identity.ConnectionTime), ("$lastActivity", identity.LastActivity), ("$parentScope", identity.ParentScope),
    ];

    private Identity Read(SqliteDataReader row)
    {
        var deviceId = row.GetString(0);
        var moduleId = row.GetString(1) is { Length: > 0 } module ? module : null;
        var context = Context(Identity.KeyOf(deviceId, moduleId));
        return new Identity
        {
            DeviceId = deviceId,
            ModuleId = moduleId,
            GenerationId = row.GetString(2),
            Version = row.GetInt64(3),
            Enabled = row.GetBoolean(4),
            StatusReason = row.TextOrNull(5),
            StatusTime = row.TimeOrNull(6),
            Authentication = new Authentication(
                (AuthenticationType)row.GetInt32(7),
                seal.Unseal(row.BytesOrNull(8), context),
                seal.Unseal(row.BytesOrNull(9), context),
                row.TextOrNull(10),
                row.TextOrNull(11)),
            IotEdge = row.GetBoolean(12),
            DeviceScope = row.TextOrNull(13),
            ManagedBy = row.TextOrNull(14),
            ConnectionTime = row.TimeOrNull(15),
            LastActivity = row.TimeOrNull(16),
            ParentScope = row.TextOrNull(17),
        };
    }

    private string Context(string key) => $"identity/{hub}/{key}";
}
