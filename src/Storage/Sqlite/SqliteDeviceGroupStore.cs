using Homeport.Contract.Errors;
using Homeport.Operations.Groups;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>The device groups of one application in SQLite.</summary>
public sealed class SqliteDeviceGroupStore(SqliteDatabase database, string application) : IDeviceGroupStore
{
    private const string Columns = "id, display_name, description, filter, organization, changed, changed_by, version";

    /// <inheritdoc/>
    public Task<DeviceGroup?> FindAsync(string id, CancellationToken token) => Task.FromResult(database.Read(c => Find(c, id)));

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeviceGroup>> ListAsync(string? after, int max, CancellationToken token) => Task.FromResult<IReadOnlyList<DeviceGroup>>(database.Read(c => c.Query(
        $"SELECT {Columns} FROM device_groups WHERE application=$application AND id>$after ORDER BY id LIMIT $max", Read,
        ("$application", application), ("$after", after ?? ""), ("$max", max))));

    /// <inheritdoc/>
    public Task<int> CountAsync(CancellationToken token)
        => Task.FromResult(database.Read(c => c.Query("SELECT count(*) FROM device_groups WHERE application=$application", r => r.GetInt32(0), ("$application", application)))[0]);

    /// <inheritdoc/>
    public Task<Outcome<DeviceGroup>> ChangeAsync(string id, Func<DeviceGroup?, Outcome<DeviceGroup>> change, CancellationToken token) => database.WriteAsync(c =>
    {
        var before = Find(c, id);
        var outcome = change(before);
        if (outcome.Value is not { } wanted)
            return outcome;
        var after = wanted with { Version = (before?.Version ?? 0) + 1 };
        c.Execute(
            $"""
            INSERT INTO device_groups (application, {Columns}) VALUES ($application, $id, $name, $description, $filter, $organization, $changed, $by, $version)
            ON CONFLICT DO UPDATE SET display_name=excluded.display_name, description=excluded.description, filter=excluded.filter, organization=excluded.organization,
                changed=excluded.changed, changed_by=excluded.changed_by, version=excluded.version
            """,
            ("$application", application), ("$id", after.Id), ("$name", after.DisplayName), ("$description", after.Description), ("$filter", after.Filter),
            ("$organization", after.Organization), ("$changed", after.Changed), ("$by", after.ChangedBy), ("$version", after.Version));
        return after;
    }, token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(string id, CancellationToken token)
        => database.WriteAsync(c => c.Execute("DELETE FROM device_groups WHERE application=$application AND id=$id", ("$application", application), ("$id", id)) == 1, token);

    private DeviceGroup? Find(SqliteConnection connection, string id)
        => connection.QueryFirst($"SELECT {Columns} FROM device_groups WHERE application=$application AND id=$id", Read, ("$application", application), ("$id", id));

    private static DeviceGroup Read(SqliteDataReader row) => new()
    {
        Id = row.GetString(0),
        DisplayName = row.GetString(1),
        Description = row.TextOrNull(2),
        Filter = row.GetString(3),
        Organization = row.TextOrNull(4),
        Changed = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(5)),
        ChangedBy = row.TextOrNull(6),
        Version = row.GetInt64(7),
    };
}
