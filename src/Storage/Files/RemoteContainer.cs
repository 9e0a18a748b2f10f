using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Xml.Linq;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;

namespace Homeport.Storage.Files;

/// <summary>
/// A container of a storage account elsewhere, over the Azure Blob REST API with a shared access signature: Get Blob, Put Block and
/// Put Block List.
/// </summary>
public sealed class RemoteContainer(Uri uri, HttpClient http) : IBlobContainer
{
    private static readonly TimeSpan CallTime = TimeSpan.FromSeconds(60);

    /// <inheritdoc/>
    public async Task<Outcome<ContainedBlob>> OpenAsync(string blobName, CancellationToken token)
    {
        using var request = Request(HttpMethod.Get, blobName, "");
        var outcome = await SendAsync(request, HttpStatusCode.OK, token);
        if (!outcome.Succeeded(out var response, out var refusal))
            return refusal;
        return new ContainedBlob(await response.Content.ReadAsStreamAsync(token), response.Content.Headers.ContentLength);
    }

    /// <inheritdoc/>
    public async Task<Refusal?> StageAsync(string blobName, string blockId, ReadOnlyMemory<byte> block, CancellationToken token)
    {
        using var request = Request(HttpMethod.Put, blobName, "&comp=block&blockid=" + Uri.EscapeDataString(blockId));
        request.Content = new ReadOnlyMemoryContent(block);
        return await FinishAsync(request, token);
    }

    /// <inheritdoc/>
    public async Task<Refusal?> CommitAsync(string blobName, IReadOnlyList<string> blockIds, CancellationToken token)
    {
        using var request = Request(HttpMethod.Put, blobName, "&comp=blocklist");
        var list = new XElement("BlockList", blockIds.Select(id => new XElement("Uncommitted", id)));
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes("<?xml version=\"1.0\" encoding=\"utf-8\"?>" + list));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/xml");
        return await FinishAsync(request, token);
    }

    private HttpRequestMessage Request(HttpMethod method, string blobName, string more)
    {
        var path = string.Join('/', blobName.Split('/').Select(Uri.EscapeDataString));
        var request = new HttpRequestMessage(method, new Uri($"{uri.GetLeftPart(UriPartial.Path).TrimEnd('/')}/{path}{uri.Query}{more}"));
        request.Headers.Add("x-ms-version", BlobSas.Version);
        return request;
    }

    private async Task<Refusal?> FinishAsync(HttpRequestMessage request, CancellationToken token)
    {
        if (!(await SendAsync(request, HttpStatusCode.Created, token)).Succeeded(out var response, out var refusal))
            return refusal;
        response.Dispose();
        return null;
    }

    private async Task<Outcome<HttpResponseMessage>> SendAsync(HttpRequestMessage request, HttpStatusCode expected, CancellationToken token)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(CallTime);
        try
        {
            var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            if (response.StatusCode == expected)
                return response;
            var code = response.Headers.TryGetValues("x-ms-error-code", out var codes) ? codes.First() : "";
            response.Dispose();
            return Failed(string.Create(CultureInfo.InvariantCulture, $"answered with status {(int)response.StatusCode} {code}").TrimEnd());
        }
        catch (HttpRequestException e)
        {
            return Failed($"cannot be reached ({e.HttpRequestError})");
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            return Failed("did not answer in time");
        }
    }

    private Refusal Failed(string what) => new(HubErrors.BlobContainerValidationError, $"The container at {uri.Authority}{uri.AbsolutePath} {what}",
        "Check that it is there and what its signature permits: read for an import, read and write for the output.");
}
