using Homeport.Hub.Files;

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
    public Task<bool> CloseAsync(string deviceId, string correlationId, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "DELETE FROM file_uploads WHERE hub=$hub AND device_id=$device AND correlation_id=$id",
        ("$hub", hub), ("$device", deviceId), ("$id", correlationId)) == 1, token);
}
