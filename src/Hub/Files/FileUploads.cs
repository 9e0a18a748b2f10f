using System.Security.Cryptography;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.CloudToDevice;

namespace Homeport.Hub.Files;

/// <summary>
/// Files of devices: a device asks for an address, puts the file there, and reports the end. The service side is told of files that
/// arrived. Source: Azure "Upload files with IoT Hub".
/// </summary>
public sealed class FileUploads(IUploadStorage storage, IUploadStore uploads, ServiceBoundQueue notifications, TimeProvider time)
{
    /// <summary>Uploads that a device may have open.</summary>
    public const int MaxOpen = 10;

    /// <summary>How long an address can be used, and an upload stays open.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromHours(1);

    private static readonly TimeSpan ReadLife = TimeSpan.FromMinutes(5);

    /// <summary>Opens an upload.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="name">Name that it gives the file.</param>
    /// <param name="askedHost">Host and port under which it reached the hub.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<UploadTicketBody>> OpenAsync(string deviceId, string? name, string? askedHost, CancellationToken token)
    {
        if (string.IsNullOrEmpty(name))
            return new Refusal(HubErrors.ArgumentNull, "blobName is missing", "Send {\"blobName\":\"name of the file\"}.");
        var blobName = $"{deviceId}/{name}";
        if (BlobAddress.CheckName(blobName) is { } bad)
            return new Refusal(HubErrors.ArgumentInvalid, $"blobName with the device's id in front: {bad}", "Choose another name.");

        var now = time.GetUtcNow();
        // The signature has whole seconds; the upload ends with it.
        var expires = DateTimeOffset.FromUnixTimeSeconds((now + Life).ToUnixTimeSeconds());
        var upload = new FileUpload(deviceId, RandomNumberGenerator.GetHexString(32, lowercase: true), blobName, expires);
        if (!await uploads.OpenAsync(upload, MaxOpen, now, token))
        {
            return new Refusal(HubErrors.DeviceMaximumActiveFileUploadLimitExceeded, $"Device '{deviceId}' has {MaxOpen} open uploads",
                $"Report the end of an upload, also of one that failed; else it ends after {Life.TotalMinutes} minutes.");
        }
        var address = storage.Offer(blobName, "rw", askedHost, expires);
        return new UploadTicketBody(upload.CorrelationId, address.HostName, storage.Container, blobName, address.SasToken);
    }

    /// <summary>Closes an upload, and tells the service side if the file is there. Null when it is done.</summary>
    public async Task<Refusal?> CloseAsync(string deviceId, string? correlationId, bool success, CancellationToken token)
    {
        if (string.IsNullOrEmpty(correlationId))
            return new Refusal(HubErrors.ArgumentNull, "correlationId is missing", "Send the one that came with the address.");
        var upload = await uploads.FindAsync(deviceId, correlationId, time.GetUtcNow(), token);
        if (upload is null)
            return NotOpen(deviceId);
        UploadedFile? file = null;
        if (success)
        {
            if ((await storage.FindAsync(upload.BlobName, token)).Succeeded(out file, out var refusal))
                await NotifyAsync(upload, file, token);
            else if (refusal.Error != BlobErrors.BlobNotFound)
                return refusal;
        }
        var noted = file is null ? null : new DeviceFile(upload.BlobName, file.Size, time.GetUtcNow());
        // Last, so that a crash before it lets the device report again.
        return await uploads.CloseAsync(deviceId, correlationId, noted, token) ? null : NotOpen(deviceId);
    }

    /// <summary>The latest files of a device, the newest first.</summary>
    public Task<IReadOnlyList<DeviceFile>> ListAsync(string deviceId, CancellationToken token) => uploads.ListAsync(deviceId, token);

    /// <summary>Makes an address by which somebody may read a file for some minutes; refuses when it is not there any more.</summary>
    /// <param name="file">The file.</param>
    /// <param name="askedHost">Host and port under which the reader reached the server.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<Uri>> LinkAsync(DeviceFile file, string? askedHost, CancellationToken token)
    {
        if (!(await storage.FindAsync(file.BlobName, token)).Succeeded(out _, out var refusal))
            return refusal;
        var address = storage.Offer(file.BlobName, "r", askedHost, time.GetUtcNow() + ReadLife);
        return new Uri(BuiltInUploadStorage.UriOf(address.HostName, storage.Container, file.BlobName) + address.SasToken);
    }

    private Task NotifyAsync(FileUpload upload, UploadedFile file, CancellationToken token)
    {
        var now = time.GetUtcNow();
        var body = new FileNotificationBody(upload.DeviceId, file.Uri, upload.BlobName, file.LastModified, file.Size, now);
        return notifications.AddAsync(upload.CorrelationId, JsonSerializer.Serialize(body, Json.Default.FileNotificationBody), token);
    }

    private static Refusal NotOpen(string deviceId) => new(HubErrors.InvalidFileUploadCorrelationId, $"Device '{deviceId}' has no such open upload",
        $"Ask for a new address; an upload ends with its report, or {Life.TotalMinutes} minutes after it was opened.");
}
