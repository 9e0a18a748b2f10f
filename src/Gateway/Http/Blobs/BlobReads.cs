using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Xml;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;
using Microsoft.AspNetCore.Http;

namespace Homeport.Gateway.Http.Blobs;

/// <summary>Get Blob, Get Blob Properties, Get Block List and List Blobs.</summary>
internal static class BlobReads
{
    private const int MaxPage = 5000;
    private const int BufferSize = 128 * 1024;

    /// <summary>GET and HEAD of a blob, whole or one range.</summary>
    public static async Task GetAsync(BlobApi api, HttpContext context, BlobRequest request)
    {
        await using var blob = await api.Stores[request.Container].OpenAsync(request.Address, context.RequestAborted);
        if (blob is null)
        {
            await api.RefuseAsync(context, NotFound());
            return;
        }
        var properties = blob.Properties;
        var condition = BlobHeaders.Condition(context);
        if (condition.IfNoneMatch is not null && (condition with { IfMatch = null }).Check(properties) is not null)
        {
            BlobAnswers.SetVersion(context, properties);
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        if ((condition with { IfNoneMatch = null }).Check(properties) is { } unmet)
        {
            await api.RefuseAsync(context, unmet);
            return;
        }
        var header = context.Request.Headers["x-ms-range"].FirstOrDefault() ?? context.Request.Headers.Range.FirstOrDefault();
        if (!BlobRange.TryRead(header, properties.Size, out var range))
        {
            context.Response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{properties.Size}");
            await api.RefuseAsync(context, new Refusal(BlobErrors.InvalidRange, $"The blob has {properties.Size} bytes", "Ask for a range inside of it."));
            return;
        }
        Describe(context, properties, range);
        BlobHeaders.Override(context, request.Query);
        if (!HttpMethods.IsHead(context.Request.Method))
            await CopyAsync(blob.Data, range ?? new BlobRange(0, properties.Size), context);
    }

    /// <summary>GET of a blob's blocks.</summary>
    public static async Task GetBlocksAsync(BlobApi api, HttpContext context, BlobRequest request)
    {
        var type = request.Query.GetValueOrDefault("blocklisttype", "committed").ToLowerInvariant();
        if (type is not ("committed" or "uncommitted" or "all"))
        {
            await api.RefuseAsync(context, new Refusal(BlobErrors.InvalidQueryParameterValue, "blocklisttype is not committed, uncommitted or all", "Correct the query."));
            return;
        }
        if (await api.Stores[request.Container].ListBlocksAsync(request.Address, context.RequestAborted) is not { } blocks)
        {
            await api.RefuseAsync(context, NotFound());
            return;
        }
        if (blocks.Blob is not null)
            BlobAnswers.SetVersion(context, blocks.Blob);
        context.Response.Headers["x-ms-blob-content-length"] = (blocks.Blob?.Size ?? 0).ToString(CultureInfo.InvariantCulture);
        await BlobAnswers.WriteXmlAsync(context, StatusCodes.Status200OK, xml => BlockListXml.Write(xml, blocks, type));
    }

    /// <summary>GET of a container's list.</summary>
    public static async Task ListAsync(BlobApi api, HttpContext context, BlobRequest request)
    {
        var max = MaxPage;
        if (request.Query.TryGetValue("maxresults", out var text)
            && (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out max) || max < 1))
        {
            await api.RefuseAsync(context, new Refusal(BlobErrors.InvalidQueryParameterValue, "maxresults is not a number from 1 on", "Correct the query."));
            return;
        }
        var prefix = request.Query.GetValueOrDefault("prefix", "");
        var marker = request.Query.GetValueOrDefault("marker", "");
        if (request.Query.ContainsKey("delimiter") || !TryReadMarker(marker, out var after))
        {
            await api.RefuseAsync(context, new Refusal(BlobErrors.InvalidQueryParameterValue, "The list has no delimiter, and its marker is the NextMarker of the page before", "Correct the query."));
            return;
        }
        var page = await api.Stores[request.Container].ListAsync(request.Container, prefix, after, Math.Min(max, MaxPage), context.RequestAborted);
        await BlobAnswers.WriteXmlAsync(context, StatusCodes.Status200OK, xml =>
        {
            xml.WriteStartElement("EnumerationResults");
            xml.WriteAttributeString("ServiceEndpoint", $"https://{context.Request.Host}/");
            xml.WriteAttributeString("ContainerName", request.Container);
            xml.WriteElementString("Prefix", prefix);
            xml.WriteElementString("Marker", marker);
            xml.WriteElementString("MaxResults", XmlConvert.ToString(max));
            xml.WriteStartElement("Blobs");
            foreach (var blob in page.Blobs)
                WriteBlob(xml, blob);
            xml.WriteEndElement();
            xml.WriteElementString("NextMarker", page.After is null ? "" : Base64Url.EncodeToString(Encoding.UTF8.GetBytes(page.After)));
            xml.WriteEndElement();
        });
    }

    private static Refusal NotFound() => new(BlobErrors.BlobNotFound, "There is no blob of this name", "Check the name; letters count as they are written.");

    private static void Describe(HttpContext context, BlobProperties blob, BlobRange? range)
    {
        BlobAnswers.SetProperties(context, blob);
        var md5 = blob.Md5 is null ? null : Convert.ToBase64String(blob.Md5);
        context.Response.ContentLength = range?.Count ?? blob.Size;
        if (range is { } part)
        {
            context.Response.StatusCode = StatusCodes.Status206PartialContent;
            context.Response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {part.Offset}-{part.Offset + part.Count - 1}/{blob.Size}");
            // Content-MD5 is that of the bytes sent.
            if (md5 is not null)
                context.Response.Headers["x-ms-blob-content-md5"] = md5;
        }
        else if (md5 is not null)
        {
            context.Response.Headers.ContentMD5 = md5;
        }
    }

    private static async Task CopyAsync(Stream data, BlobRange range, HttpContext context)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            data.Position = range.Offset;
            for (var left = range.Count; left > 0;)
            {
                var read = await data.ReadAsync(buffer.AsMemory(0, (int)Math.Min(left, BufferSize)), context.RequestAborted);
                if (read == 0)
                    throw new InvalidDataException("A blob's file is shorter than it was.");
                await context.Response.Body.WriteAsync(buffer.AsMemory(0, read), context.RequestAborted);
                left -= read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static bool TryReadMarker(string marker, out string? after)
    {
        after = null;
        if (marker.Length == 0)
            return true;
        if (!Base64Url.IsValid(marker))
            return false;
        after = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(marker));
        return true;
    }

    private static void WriteBlob(XmlWriter xml, BlobProperties blob)
    {
        xml.WriteStartElement("Blob");
        xml.WriteElementString("Name", blob.Name);
        xml.WriteStartElement("Properties");
        xml.WriteElementString("Creation-Time", blob.Created.UtcDateTime.ToString("R", CultureInfo.InvariantCulture));
        xml.WriteElementString("Last-Modified", blob.LastModified.UtcDateTime.ToString("R", CultureInfo.InvariantCulture));
        xml.WriteElementString("Etag", blob.ETag);
        xml.WriteElementString("Content-Length", XmlConvert.ToString(blob.Size));
        foreach (var name in (string[])["Content-Type", "Content-Encoding", "Content-Language", "Cache-Control", "Content-Disposition"])
            xml.WriteElementString(name, blob.Headers.GetValueOrDefault(name, ""));
        xml.WriteElementString("Content-MD5", blob.Md5 is null ? "" : Convert.ToBase64String(blob.Md5));
        xml.WriteElementString("BlobType", "BlockBlob");
        xml.WriteElementString("LeaseStatus", "unlocked");
        xml.WriteElementString("LeaseState", "available");
        xml.WriteEndElement();
        xml.WriteEndElement();
    }
}
