using Homeport.Templates.Devices;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>The last commands of devices of one hub.</summary>
public sealed class SqliteCommandStore(SqliteDatabase database, string hub) : ICommandStore
{
    /// <inheritdoc/>
    public Task AddAsync(CommandRecord record, int keep, CancellationToken token) => database.WriteAsync(c =>
    {
        c.Execute(
            """
            INSERT INTO device_commands (hub, device_id, module_id, command, id, request, response, response_code, time)
            VALUES ($hub, $device, $module, $command, $id, $request, $response, $code, $time)
            """,
            ("$hub", hub), ("$device", record.DeviceId), ("$module", record.ModuleId ?? ""), ("$command", record.Command), ("$id", record.Id), ("$request", record.Request),
            ("$response", record.Response), ("$code", record.ResponseCode), ("$time", record.Time));
        return c.Execute(
            """
            DELETE FROM device_commands WHERE hub=$hub AND device_id=$device AND module_id=$module AND command=$command AND id NOT IN
                (SELECT id FROM device_commands WHERE hub=$hub AND device_id=$device AND module_id=$module AND command=$command ORDER BY time DESC, id DESC LIMIT $keep)
            """, ("$hub", hub), ("$device", record.DeviceId), ("$module", record.ModuleId ?? ""), ("$command", record.Command), ("$keep", keep));
    }, token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<CommandRecord>> ListAsync(string deviceId, string? moduleId, string? command, int max, CancellationToken token) => Task.FromResult<IReadOnlyList<CommandRecord>>(database.Read(c => c.Query(
        """
        SELECT device_id, command, id, request, response, response_code, time, module_id FROM device_commands
        WHERE hub=$hub AND device_id=$device AND module_id=$module AND ($command IS NULL OR command=$command) ORDER BY time DESC, id DESC LIMIT $max
        """, Read, ("$hub", hub), ("$device", deviceId), ("$module", moduleId ?? ""), ("$command", command), ("$max", max))));

    private static CommandRecord Read(SqliteDataReader row)
        => new(row.GetString(0), row.GetString(1), row.GetString(2), row.TextOrNull(3), row.TextOrNull(4), row.GetInt32(5), row.TimeOrNull(6)!.Value) { ModuleId = row.GetString(7) is { Length: > 0 } module ? module : null };
}
