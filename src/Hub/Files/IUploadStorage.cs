using Homeport.Contract.Errors;

namespace Homeport.Hub.Files;

/// <summary>Where the files of devices go: the built-in blob store, or an account elsewhere.</summary>
public interface IUploadStorage
{
    /// <summary>Container of the hub.</summary>
    string Container { get; }

    /// <summary>Makes an address that gives access to one blob.</summary>
    /// <param name="blobName">Name inside the container.</param>
    /// <param name="permissions">Letters of a shared access signature, as <c>rw</c>.</param>
    /// <param name="askedHost">Host and port under which the client reached the server.</param>
    /// <param name="expiry">End of the permission.</param>
    UploadAddress Offer(string blobName, string permissions, string? askedHost, DateTimeOffset expiry);

    /// <summary>Finds an uploaded file; refuses with <see cref="BlobErrors.BlobNotFound"/> when it is not there.</summary>
    Task<Outcome<UploadedFile>> FindAsync(string blobName, CancellationToken token);
}

/// <summary>Host (with port and path in front of the container, without scheme) and token (with its question mark).</summary>
public sealed record UploadAddress(string HostName, string SasToken)
{
    /// <summary>Host only: the token stays out of logs.</summary>
    public override string ToString() => HostName;
}

/// <summary>A file that is there.</summary>
/// <param name="Uri">Address, without permission.</param>
/// <param name="Size">Length in bytes.</param>
/// <param name="LastModified">When it was written.</param>
public sealed record UploadedFile(string Uri, long Size, DateTimeOffset LastModified);
