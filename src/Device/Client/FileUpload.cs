namespace Homeport.Device.Client;

/// <summary>Asks where to put a file.</summary>
public sealed class FileUploadSasUriRequest
{
    /// <summary>Its name; may have slashes.</summary>
    public string BlobName { get; set; } = "";
}

/// <summary>Where to put a file.</summary>
public sealed record FileUploadSasUriResponse(string CorrelationId, string HostName, string ContainerName, string BlobName, string SasToken)
{
    /// <summary>The whole address with its token: for whoever puts the file, and for nobody else.</summary>
    public Uri GetBlobUri()
        => new($"https://{HostName}/{ContainerName}/{string.Join('/', BlobName.Split('/').Select(Uri.EscapeDataString))}{SasToken}");

    /// <summary>Without the token.</summary>
    public override string ToString() => $"{HostName}/{ContainerName}/{BlobName}";
}

/// <summary>Reports the end of an upload.</summary>
public sealed class FileUploadCompletionNotification
{
    public string CorrelationId { get; set; } = "";

    public bool IsSuccess { get; set; }

    /// <summary>Of the store.</summary>
    public int StatusCode { get; set; }

    public string? StatusDescription { get; set; }
}
