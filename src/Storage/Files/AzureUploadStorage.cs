using System.Globalization;
using System.Net;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;

namespace Homeport.Storage.Files;

/// <summary>
/// Files go to a container of a storage account elsewhere. The server signs addresses there and asks for what arrived; no file comes by
/// here. The container has to exist.
/// </summary>
public sealed class AzureUploadStorage(AzureAccount account, string container, HttpClient http, TimeProvider time) : IUploadStorage
{
    private static readonly TimeSpan AskLife = TimeSpan.FromMinutes(15);

    // Clocks differ, and a signature without a start is valid at once.
    private static readonly TimeSpan AskTime = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public string Container => container;

    private string Host => account.Endpoint.Authority + account.Endpoint.AbsolutePath.TrimEnd('/');

    /// <inheritdoc/>
    public UploadAddress Offer(string blobName, string permissions, string? askedHost, DateTimeOffset expiry)
        => new(Host, BlobSas.Create(account.Account, container, blobName, permissions, expiry));

    /// <inheritdoc/>
    public async Task<Outcome<UploadedFile>> FindAsync(string blobName, CancellationToken token)
    {
        var uri = BuiltInUploadStorage.UriOf(Host, container, blobName);
        using var request = new HttpRequestMessage(HttpMethod.Head, uri + BlobSas.Create(account.Account, container, blobName, "r", time.GetUtcNow() + AskLife));
        request.Headers.Add("x-ms-version", BlobSas.Version);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(AskTime);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            if (response.StatusCode == HttpStatusCode.NotFound)
                return new Refusal(BlobErrors.BlobNotFound, $"The container '{container}' has no blob of this name", "Upload it first.");
            if (response.StatusCode != HttpStatusCode.OK || response.Content.Headers.ContentLength is not { } size)
                return Unavailable(string.Create(CultureInfo.InvariantCulture, $"answered with status {(int)response.StatusCode}"));
            return new UploadedFile(uri, size, response.Content.Headers.LastModified ?? time.GetUtcNow());
        }
        catch (HttpRequestException e)
        {
            return Unavailable($"cannot be asked ({e.HttpRequestError})");
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            return Unavailable("did not answer in time");
        }
    }

    private Refusal Unavailable(string what) => new(HubErrors.ServiceUnavailable, $"The storage account at {account.Endpoint.Authority} {what}",
        "Report again later; check the account's key, its container and the network.");
}
