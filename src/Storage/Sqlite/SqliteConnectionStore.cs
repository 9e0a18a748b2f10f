using Homeport.Hub.Live;

namespace Homeport.Storage.Sqlite;

/// <summary>The connection history of one hub in SQLite.</summary>
public sealed class SqliteConnectionStore(SqliteDatabase database, string hub) : IConnectionStore
{
    /// <inheritdoc/>
    public Task AddAsync(IReadOnlyCollection<ConnectionNote> notes, CancellationToken token) => database.WriteAsync(c =>
    {
        foreach (var note in notes)
        {
            c.Execute(
                """
                INSERT INTO connection_history (hub, device_id, module_id, time, protocol, address, reason)
                SELECT hub, device_id, $module, $time, $protocol, $address, $reason FROM identities WHERE hub=$hub AND device_id=$device AND module_id=''
                """,
                ("$module", note.ModuleId), ("$time", note.Time), ("$protocol", note.Protocol), ("$address", note.Address), ("$reason", (int)note.Reason),
                ("$hub", hub), ("$device", note.DeviceId));
        }
        foreach (var device in notes.Select(n => n.DeviceId).Distinct(StringComparer.Ordinal))
        {
            c.Execute(
                """
                DELETE FROM connection_history WHERE hub=$hub AND device_id=$device
                AND id <= (SELECT id FROM connection_history WHERE hub=$hub AND device_id=$device ORDER BY id DESC LIMIT 1 OFFSET $kept)
                """,
                ("$hub", hub), ("$device", device), ("$kept", IConnectionStore.PerDevice));
        }
        return notes.Count;
    }, token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<ConnectionNote>> ListAsync(string deviceId, CancellationToken token)
        => Task.FromResult<IReadOnlyList<ConnectionNote>>(database.Read(c => c.Query(
            "SELECT module_id, time, protocol, address, reason FROM connection_history WHERE hub=$hub AND device_id=$device ORDER BY id DESC",
            r => new ConnectionNote(deviceId, r.TextOrNull(0), r.TimeOrNull(1)!.Value, r.GetString(2), r.TextOrNull(3), (CloseReason)r.GetInt32(4)),
            ("$hub", hub), ("$device", deviceId))));
}
