using System.Globalization;
using System.Text;
using System.Xml;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;
using Microsoft.AspNetCore.Http;

namespace Homeport.Gateway.Http.Blobs;

/// <summary>Answers of the blob REST API: headers and XML as storage clients read them.</summary>
internal static class BlobAnswers
{
    private const string XmlType = "application/xml";
    private const int MaxClientId = 1024;

    /// <summary>Headers that every answer has.</summary>
    public static void Begin(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers["x-ms-request-id"] = Guid.NewGuid().ToString();
        var version = context.Request.Headers["x-ms-version"].ToString();
        headers["x-ms-version"] = version.Length == 10 && version.All(c => char.IsAsciiDigit(c) || c == '-') ? version : BlobSas.Version;
        var client = context.Request.Headers["x-ms-client-request-id"].ToString();
        if (client.Length is > 0 and <= MaxClientId && Ascii.IsValid(client))
            headers["x-ms-client-request-id"] = client;
    }

    /// <summary>Keeps and sends a refusal.</summary>
    public static Task RefuseAsync(this BlobApi api, HttpContext context, Refusal refusal)
    {
        api.Explanations.Keep(refusal, "blobs");
        context.Response.Headers["x-ms-request-id"] = refusal.TrackingId;
        context.Response.Headers["x-ms-error-code"] = refusal.Error.Name;
        var time = api.Time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);
        return WriteXmlAsync(context, refusal.Error.HttpStatus, xml =>
        {
            xml.WriteStartElement("Error");
            xml.WriteElementString("Code", refusal.Error.Name);
            xml.WriteElementString("Message", $"{refusal.Text}\nRequestId:{refusal.TrackingId}\nTime:{time}");
            xml.WriteEndElement();
        });
    }

    /// <summary>Writes an XML body; none to HEAD.</summary>
    public static async Task WriteXmlAsync(HttpContext context, int status, Action<XmlWriter> write)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = XmlType;
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        using var text = new MemoryStream();
        using (var xml = XmlWriter.Create(text, new XmlWriterSettings { Encoding = new UTF8Encoding(false) }))
            write(xml);
        context.Response.ContentLength = text.Length;
        await context.Response.Body.WriteAsync(text.GetBuffer().AsMemory(0, (int)text.Length), context.RequestAborted);
    }

    /// <summary>The headers by which a blob is told from its earlier content.</summary>
    public static void SetVersion(HttpContext context, BlobProperties blob)
    {
        context.SetETag(blob.ETag);
        context.Response.Headers.LastModified = blob.LastModified.UtcDateTime.ToString("R", CultureInfo.InvariantCulture);
    }

    /// <summary>Everything that is known of a blob.</summary>
    public static void SetProperties(HttpContext context, BlobProperties blob)
    {
        SetVersion(context, blob);
        var headers = context.Response.Headers;
        headers["x-ms-blob-type"] = "BlockBlob";
        headers["x-ms-creation-time"] = blob.Created.UtcDateTime.ToString("R", CultureInfo.InvariantCulture);
        headers["x-ms-lease-status"] = "unlocked";
        headers["x-ms-lease-state"] = "available";
        headers.AcceptRanges = "bytes";
        // A device chose content and type, and this is the host name of the hub: a browser must neither guess nor run anything.
        headers.XContentTypeOptions = "nosniff";
        headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        foreach (var (name, value) in blob.Headers)
            headers[name] = value;
    }

    /// <summary>Answers a write.</summary>
    public static void Created(HttpContext context, BlobProperties? blob)
    {
        context.Response.StatusCode = StatusCodes.Status201Created;
        context.Response.ContentLength = 0;
        context.Response.Headers["x-ms-request-server-encrypted"] = "false";
        if (blob is null)
            return;
        SetVersion(context, blob);
        if (blob.Md5 is not null)
            context.Response.Headers.ContentMD5 = Convert.ToBase64String(blob.Md5);
    }
}
