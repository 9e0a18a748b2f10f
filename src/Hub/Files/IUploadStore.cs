namespace Homeport.Hub.Files;

/// <summary>An upload that a device began.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="CorrelationId">Names the upload, unguessable.</param>
/// <param name="BlobName">Name inside the container, the device's id in front.</param>
/// <param name="Expires">End of the permission, and of the upload.</param>
public sealed record FileUpload(string DeviceId, string CorrelationId, string BlobName, DateTimeOffset Expires);

/// <summary>A file that a device put into the hub's container.</summary>
/// <param name="BlobName">Name inside the container, the device's id in front.</param>
/// <param name="Size">Length in bytes.</param>
/// <param name="Time">When the device reported its end.</param>
public sealed record DeviceFile(string BlobName, long Size, DateTimeOffset Time);

/// <summary>Keeps the open uploads of one hub, and which files its devices have. What it acknowledges outlives the process.</summary>
public interface IUploadStore
{
    /// <summary>Files that are noted of a device; the oldest notes make room.</summary>
    const int FilesPerDevice = 100;

    /// <summary>Adds an upload unless the device has <paramref name="limit"/> of them that have not expired. False when it has.</summary>
    Task<bool> OpenAsync(FileUpload upload, int limit, DateTimeOffset now, CancellationToken token);

    /// <summary>Finds an upload of a device that has not expired.</summary>
    Task<FileUpload?> FindAsync(string deviceId, string correlationId, DateTimeOffset now, CancellationToken token);

    /// <summary>Removes an upload. False when it was not there.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="correlationId">The upload.</param>
    /// <param name="file">What arrived, to note it in the same transaction; null when nothing did.</param>
    /// <param name="token">Keeps a write that waits from being made.</param>
    Task<bool> CloseAsync(string deviceId, string correlationId, DeviceFile? file, CancellationToken token);

    /// <summary>The files of a device that are noted, the newest first.</summary>
    Task<IReadOnlyList<DeviceFile>> ListAsync(string deviceId, CancellationToken token);
}
