using Homeport.Contract.Errors;

namespace Homeport.Hub.Files;

/// <summary>Files come in by the server's own blob door, on the host name of the hub.</summary>
/// <param name="store">Where they are kept.</param>
/// <param name="account">Signs.</param>
/// <param name="container">Container of the hub.</param>
/// <param name="hosts">Names of the server, the hub's first.</param>
/// <param name="port">Port of HTTPS.</param>
public sealed class BuiltInUploadStorage(IBlobStore store, BlobAccount account, string container, IReadOnlyList<string> hosts, int port) : IUploadStorage
{
    private const int HttpsPort = 443;

    /// <inheritdoc/>
    public string Container => container;

    private string OwnHost => port == HttpsPort ? hosts[0] : $"{hosts[0]}:{port}";

    /// <summary>Keeps the name by which the client came, since that is the one that it resolves and trusts.</summary>
    public UploadAddress Offer(string blobName, string permissions, string? askedHost, DateTimeOffset expiry)
    {
        var asked = askedHost is not null && hosts.Contains(askedHost.Split(':')[0], StringComparer.OrdinalIgnoreCase) ? askedHost : OwnHost;
        return new UploadAddress(asked, BlobSas.Create(account, container, blobName, permissions, expiry));
    }

    /// <inheritdoc/>
    public async Task<Outcome<UploadedFile>> FindAsync(string blobName, CancellationToken token)
    {
        try
        {
            return await store.FindAsync(new BlobAddress(container, blobName), token) is { } blob
                ? new UploadedFile(UriOf(OwnHost, container, blobName), blob.Size, blob.LastModified)
                : new Refusal(BlobErrors.BlobNotFound, $"The container '{container}' has no blob of this name", "Upload it first.");
        }
        catch (BlobStoreException e)
        {
            return e.Refusal with { Error = HubErrors.ServiceUnavailable };
        }
    }

    /// <summary>Address of a blob: its name percent-encoded, the slashes left.</summary>
    public static string UriOf(string host, string container, string blobName)
        => $"https://{host}/{container}/{string.Join('/', blobName.Split('/').Select(Uri.EscapeDataString))}";
}
