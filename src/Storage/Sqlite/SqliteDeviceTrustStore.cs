using System.Text.Json;
using Homeport.Hub.Trust;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Which roots the devices of one hub trust, in SQLite.</summary>
public sealed class SqliteDeviceTrustStore(SqliteDatabase database, string hub) : IDeviceTrustStore
{
    /// <inheritdoc/>
    public Task NoteAsync(string deviceId, IReadOnlyList<string> roots, DateTimeOffset time, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "INSERT INTO device_trust (hub, device_id, roots, seen) VALUES ($hub, $device, $roots, $time) ON CONFLICT (hub, device_id) DO UPDATE SET roots=$roots, seen=$time",
        ("$hub", hub), ("$device", deviceId), ("$roots", string.Join(' ', roots)), ("$time", time)), token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeviceTrust>> ListAsync(string? after, int max, CancellationToken token) => Task.FromResult<IReadOnlyList<DeviceTrust>>(database.Read(c => c.Query(
        """
        SELECT i.device_id, i.enabled, i.last_activity, d.roots, json_extract(CAST(t.reported AS TEXT), '$.trustedRoots')
        FROM identities i
        LEFT JOIN device_trust d ON d.hub=i.hub AND d.device_id=i.device_id
        LEFT JOIN twins t ON t.hub=i.hub AND t.device_id=i.device_id AND t.module_id=''
        WHERE i.hub=$hub AND i.module_id='' AND i.device_id>$after ORDER BY i.device_id LIMIT $max
        """, Read, ("$hub", hub), ("$after", after ?? ""), ("$max", max))));

    private static DeviceTrust Read(SqliteDataReader row) => new(
        row.GetString(0),
        row.GetInt32(1) != 0,
        row.IsDBNull(2) ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(2)),
        row.TextOrNull(3)?.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        row.IsDBNull(4) ? null : ReadReported(row.GetValue(4) as string));

    /// <summary>What a device reports is its own: anything else than a list of texts counts as no list.</summary>
    private static List<string>? ReadReported(string? json)
    {
        if (json is null || json.Length == 0 || json[0] != '[')
            return null;
        using var read = JsonDocument.Parse(json);
        return [.. read.RootElement.EnumerateArray().Where(e => e.ValueKind == JsonValueKind.String).Select(e => e.GetString()!)];
    }
}
