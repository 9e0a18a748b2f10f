using Homeport.Hub.Files;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Open uploads of one hub in SQLite.</summary>
public sealed class SqliteUploadStore(SqliteDatabase database, string hub) : IUploadStore
{
    /// <inheritdoc/>
    public Task<bool> OpenAsync(FileUpload upload, int limit, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c =>
    {
        // Of all devices, so that nothing else has to clean up.
        c.Execute("DELETE FROM file_uploads WHERE expires<=$now", ("$now", now));
        return c.Execute(
            """
            INSERT INTO file_uploads (hub, device_id, correlation_id, blob_name, expires)
            SELECT $hub, $device, $id, $blob, $expires
            WHERE (SELECT count(*) FROM file_uploads WHERE hub=$hub AND device_id=$device) < $limit
            """,
            ("$hub", hub), ("$device", upload.DeviceId), ("$id", upload.CorrelationId), ("$blob", upload.BlobName), ("$expires", upload.Expires), ("$limit", limit)) == 1;
    }, token);

    /// <inheritdoc/>
    public Task<FileUpload?> FindAsync(string deviceId, string correlationId, DateTimeOffset now, CancellationToken token)
        => Task.FromResult(database.Read(c => c.QueryFirst(
            "SELECT blob_name, expires FROM file_uploads WHERE hub=$hub AND device_id=$device AND correlation_id=$id AND expires>$now",
            r => new FileUpload(deviceId, correlationId, r.GetString(0), r.TimeOrNull(1)!.Value),
            ("$hub", hub), ("$device", deviceId), ("$id", correlationId), ("$now", now))));

    /// <inheritdoc/>
    public Task<bool> CloseAsync(string deviceId, string correlationId, DeviceFile? file, CancellationToken token) => database.WriteAsync(c =>
    {
        var closed = c.Execute("DELETE FROM file_uploads WHERE hub=$hub AND device_id=$device AND correlation_id=$id", ("$hub", hub), ("$device", deviceId), ("$id", correlationId)) == 1;
        if (closed && file is not null)
            Note(c, deviceId, file);
        return closed;
    }, token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeviceFile>> ListAsync(string deviceId, CancellationToken token)
        => Task.FromResult<IReadOnlyList<DeviceFile>>(database.Read(c => c.Query(
            "SELECT blob_name, size, time FROM uploaded_files WHERE hub=$hub AND device_id=$device ORDER BY time DESC, id DESC",
            r => new DeviceFile(r.GetString(0), r.GetInt64(1), r.TimeOrNull(2)!.Value), ("$hub", hub), ("$device", deviceId))));

    private void Note(SqliteConnection connection, string deviceId, DeviceFile file)
    {
        connection.Execute(
            """
            INSERT INTO uploaded_files (hub, device_id, blob_name, size, time) VALUES ($hub, $device, $blob, $size, $time)
            ON CONFLICT (hub, device_id, blob_name) DO UPDATE SET size=excluded.size, time=excluded.time
            """,
            ("$hub", hub), ("$device", deviceId), ("$blob", file.BlobName), ("$size", file.Size), ("$time", file.Time));
        connection.Execute(
            """
            DELETE FROM uploaded_files WHERE hub=$hub AND device_id=$device
            AND id NOT IN (SELECT id FROM uploaded_files WHERE hub=$hub AND device_id=$device ORDER BY time DESC, id DESC LIMIT $kept)
            """,
            ("$hub", hub), ("$device", deviceId), ("$kept", IUploadStore.FilesPerDevice));
    }
}
