using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;

namespace Homeport.Device.Hub.Http;

/// <summary>Puts files into the store of the hub. Source: Azure "Upload files with IoT Hub"; the store speaks the REST API of Azure Blob.</summary>
internal sealed class FileUploads(HubHttp http)
{
    /// <summary>Larger files go in blocks of this size, so that none is in memory as a whole.</summary>
    private const int BlockBytes = 4 * 1024 * 1024;

    private static readonly MediaTypeHeaderValue Json = new("application/json", "utf-8");

    public async Task<FileUploadSasUriResponse> RequestAsync(string blobName, CancellationToken cancellationToken)
    {
        using var content = Body(writer => writer.WriteString("blobName", blobName));
        using var response = await http.CallAsync(HttpMethod.Post, "files", content, null, cancellationToken);
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var document = await JsonDocument.ParseAsync(body, cancellationToken: cancellationToken);
        return new FileUploadSasUriResponse(Text("correlationId"), Text("hostName"), Text("containerName"), Text("blobName"), Text("sasToken"));

        string Text(string name) => document.RootElement.TryGetProperty(name, out var value) && value.GetString() is { } text
            ? text
            : throw IotHubException.Of(HubLinkEnd.ProtocolError, $"The hub's ticket for the file has no '{name}'.");
    }

    public async Task ReportAsync(FileUploadCompletionNotification notification, CancellationToken cancellationToken)
    {
        using var content = Body(writer =>
        {
            writer.WriteString("correlationId", notification.CorrelationId);
            writer.WriteBoolean("isSuccess", notification.IsSuccess);
            writer.WriteNumber("statusCode", notification.StatusCode);
            writer.WriteString("statusDescription", notification.StatusDescription);
        });
        using var response = await http.CallAsync(HttpMethod.Post, "files/notifications", content, null, cancellationToken);
    }

    /// <summary>Ticket, file, report. When the store refuses, that is reported too, so that the hub does not wait for it.</summary>
    public async Task UploadAsync(string blobName, Stream source, CancellationToken cancellationToken)
    {
        var ticket = await RequestAsync(blobName, cancellationToken);
        HttpStatusCode? status = null;
        try
        {
            status = await PutAsync(ticket.GetBlobUri(), source, cancellationToken);
        }
        catch (Exception)
        {
            await ReportAsync(Notification(ticket, null), CancellationToken.None);
            throw;
        }

        await ReportAsync(Notification(ticket, status), cancellationToken);
        if (status != HttpStatusCode.Created)
            throw IotHubException.Of(HubLinkEnd.Rejected, $"The store answered {(int?)status} to the file '{blobName}'.");
    }

    private async Task<HttpStatusCode> PutAsync(Uri address, Stream source, CancellationToken cancellationToken)
    {
        var block = new byte[BlockBytes];
        var length = await source.ReadAtLeastAsync(block, BlockBytes, throwOnEndOfStream: false, cancellationToken);
        if (length < BlockBytes)
            return await PutAsync(address, block, length, "BlockBlob", cancellationToken);
        var ids = new List<string>();
        while (length > 0)
        {
            var id = Convert.ToBase64String(Encoding.ASCII.GetBytes(ids.Count.ToString("d8", CultureInfo.InvariantCulture)));
            var status = await PutAsync(new Uri($"{address}&comp=block&blockid={Uri.EscapeDataString(id)}"), block, length, null, cancellationToken);
            if (status != HttpStatusCode.Created)
                return status;
            ids.Add(id);
            length = await source.ReadAtLeastAsync(block, BlockBytes, throwOnEndOfStream: false, cancellationToken);
        }

        var list = Encoding.UTF8.GetBytes($"<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{string.Concat(ids.Select(static id => $"<Latest>{id}</Latest>"))}</BlockList>");
        return await PutAsync(new Uri($"{address}&comp=blocklist"), list, list.Length, null, cancellationToken);
    }

    private async Task<HttpStatusCode> PutAsync(Uri address, byte[] bytes, int length, string? blobType, CancellationToken cancellationToken)
    {
        using var content = new ByteArrayContent(bytes, 0, length);
        return await http.PutAsync(address, content, blobType, cancellationToken);
    }

    private static FileUploadCompletionNotification Notification(FileUploadSasUriResponse ticket, HttpStatusCode? status) => new()
    {
        CorrelationId = ticket.CorrelationId,
        IsSuccess = status == HttpStatusCode.Created,
        StatusCode = (int?)status ?? 0,
        StatusDescription = status?.ToString() ?? "not sent",
    };

    private static ByteArrayContent Body(Action<Utf8JsonWriter> write)
    {
        using var body = new MemoryStream();
        using (var writer = new Utf8JsonWriter(body))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        return new ByteArrayContent(body.ToArray()) { Headers = { ContentType = Json } };
    }
}
