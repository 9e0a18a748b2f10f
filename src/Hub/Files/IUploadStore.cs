namespace Homeport.Hub.Files;

/// <summary>An upload that a device began.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="CorrelationId">Names the upload, unguessable.</param>
/// <param name="BlobName">Name inside the container, the device's id in front.</param>
/// <param name="Expires">End of the permission, and of the upload.</param>
public sealed record FileUpload(string DeviceId, string CorrelationId, string BlobName, DateTimeOffset Expires);

/// <summary>Keeps the open uploads of one hub. What it acknowledges outlives the process.</summary>
public interface IUploadStore
{
    /// <summary>Adds an upload unless the device has <paramref name="limit"/> of them that have not expired. False when it has.</summary>
    Task<bool> OpenAsync(FileUpload upload, int limit, DateTimeOffset now, CancellationToken token);

    /// <summary>Finds an upload of a device that has not expired.</summary>
    Task<FileUpload?> FindAsync(string deviceId, string correlationId, DateTimeOffset now, CancellationToken token);

    /// <summary>Removes an upload. False when it was not there.</summary>
    Task<bool> CloseAsync(string deviceId, string correlationId, CancellationToken token);
}
