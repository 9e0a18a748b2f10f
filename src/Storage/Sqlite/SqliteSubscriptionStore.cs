using System.Text.Json;
using Homeport.Hub.Live;

namespace Homeport.Storage.Sqlite;

/// <summary>MQTT sessions of one hub in SQLite.</summary>
public sealed class SqliteSubscriptionStore(SqliteDatabase database, string hub) : ISubscriptionStore
{
    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, int>?> FindAsync(string deviceId, string? moduleId, CancellationToken token)
    {
        var filters = database.Read(c => c.QueryFirst(
            "SELECT filters FROM mqtt_sessions WHERE hub=$hub AND device_id=$device AND module_id=$module", r => r.GetString(0),
            ("$hub", hub), ("$device", deviceId), ("$module", moduleId ?? "")));
        return Task.FromResult<IReadOnlyDictionary<string, int>?>(filters is null ? null : JsonSerializer.Deserialize(filters, StoredJson.Default.DictionaryStringInt32));
    }

    /// <inheritdoc/>
    public Task SaveAsync(string deviceId, string? moduleId, IReadOnlyDictionary<string, int> filters, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        INSERT OR REPLACE INTO mqtt_sessions (hub, device_id, module_id, filters)
        SELECT hub, device_id, module_id, $filters FROM identities WHERE hub=$hub AND device_id=$device AND module_id=$module
        """,
        ("$filters", JsonSerializer.Serialize(new Dictionary<string, int>(filters), StoredJson.Default.DictionaryStringInt32)),
        ("$hub", hub), ("$device", deviceId), ("$module", moduleId ?? "")), token);

    /// <inheritdoc/>
    public Task DeleteAsync(string deviceId, string? moduleId, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "DELETE FROM mqtt_sessions WHERE hub=$hub AND device_id=$device AND module_id=$module",
        ("$hub", hub), ("$device", deviceId), ("$module", moduleId ?? "")), token);
}
