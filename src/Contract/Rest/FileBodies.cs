namespace Homeport.Contract.Rest;

/// <summary>A device asks where to put a file.</summary>
/// <param name="BlobName">Its name, without the device's.</param>
public sealed record UploadRequestBody(string? BlobName);

/// <summary>Where a device puts a file: <c>https://{hostName}/{containerName}/{blobName}{sasToken}</c>.</summary>
/// <param name="CorrelationId">Names the upload when the device reports its end.</param>
/// <param name="HostName">Host, port if it is not 443, and what else stands in front of the container; no scheme.</param>
/// <param name="ContainerName">Container of the hub.</param>
/// <param name="BlobName">Device id, slash, the name that was asked for.</param>
/// <param name="SasToken">Starts with a question mark.</param>
public sealed record UploadTicketBody(string CorrelationId, string HostName, string ContainerName, string BlobName, string SasToken);

/// <summary>
/// A device reports the end of an upload. The status that it adds for people is not read: clients send numbers, texts and null there.
/// </summary>
/// <param name="CorrelationId">From the ticket; some clients have it in the path only.</param>
/// <param name="IsSuccess">True when the file is there.</param>
public sealed record UploadReportBody(string? CorrelationId, bool? IsSuccess);

/// <summary>What the service side hears of an uploaded file. Source: Azure "Upload files with IoT Hub", section "File upload notifications".</summary>
public sealed record FileNotificationBody(
    string DeviceId,
    string BlobUri,
    string BlobName,
    ServiceTime LastUpdatedTime,
    long BlobSizeInBytes,
    ServiceTime EnqueuedTimeUtc);

/// <summary>Access to the hub's container for those who fetch the files.</summary>
/// <param name="ContainerUri">The container, without the token.</param>
/// <param name="SasToken">Starts with a question mark; reads, lists and deletes.</param>
/// <param name="Expires">End of the token.</param>
public sealed record BlobAccessBody(string ContainerUri, string SasToken, ServiceTime Expires);
