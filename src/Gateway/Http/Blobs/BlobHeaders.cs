using System.Text;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;
using Microsoft.AspNetCore.Http;

namespace Homeport.Gateway.Http.Blobs;

/// <summary>What a client says of a blob in headers.</summary>
internal static class BlobHeaders
{
    private const string Metadata = "x-ms-meta-";
    private static readonly string[] Kept = ["Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control"];

    /// <summary>Headers of the signature that replace those of the blob. Source: Azure "Create a service SAS".</summary>
    private static readonly (string Field, string Header)[] Overrides =
        [("rsct", "Content-Type"), ("rsce", "Content-Encoding"), ("rscl", "Content-Language"), ("rscd", "Content-Disposition"), ("rscc", "Cache-Control")];

    /// <summary>Reads the headers to keep with a blob. <paramref name="plain"/>: those of the request itself count, too.</summary>
    public static Outcome<BlobDescription> Read(HttpContext context, bool plain)
    {
        var found = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase) { ["Content-Type"] = "application/octet-stream" };
        foreach (var name in Kept)
        {
            var special = context.Request.Headers[name == "Cache-Control" ? "x-ms-blob-cache-control" : "x-ms-blob-" + name.ToLowerInvariant()].ToString();
            var value = special.Length > 0 || !plain ? special : context.Request.Headers[name].ToString();
            if (value.Length > 0)
                found[name] = value;
        }
        foreach (var (name, value) in context.Request.Headers.Where(h => h.Key.StartsWith(Metadata, StringComparison.OrdinalIgnoreCase)))
            found[name.ToLowerInvariant()] = value.ToString();
        if (found.FirstOrDefault(h => !Ascii.IsValid(h.Value) || h.Value.Any(char.IsControl)) is { Key: not null } bad)
            return new Refusal(BlobErrors.InvalidHeaderValue, $"The header {bad.Key} has characters that are not printable ASCII", "Encode the value.");
        return Md5(context.Request.Headers["x-ms-blob-content-md5"].ToString()).Succeeded(out var md5, out var refusal)
            ? new BlobDescription(found, md5.Value)
            : refusal;
    }

    /// <summary>Reads the body with what was announced of it.</summary>
    public static Outcome<BlobBody> Body(HttpContext context)
    {
        if (context.Request.Headers.ContainsKey("x-ms-content-crc64") || context.Request.Headers.ContainsKey("x-ms-copy-source") || context.Request.Headers.ContainsKey("x-ms-lease-id"))
            return new Refusal(BlobErrors.UnsupportedHeader, "CRC64, copies and leases are not offered", "Leave the header out; Content-MD5 is checked.");
        return Md5(context.Request.Headers.ContentMD5.ToString()).Succeeded(out var md5, out var refusal)
            ? new BlobBody(context.Request.Body, context.Request.ContentLength, md5.Value)
            : refusal;
    }

    /// <summary>The conditions of the request.</summary>
    public static BlobCondition Condition(HttpContext context, bool onlyNew = false)
        => new(TextOrNull(context.Request.Headers.IfMatch), TextOrNull(context.Request.Headers.IfNoneMatch), onlyNew);

    public static void Override(HttpContext context, IReadOnlyDictionary<string, string> query)
    {
        foreach (var (field, header) in Overrides)
        {
            if (query.TryGetValue(field, out var value) && Ascii.IsValid(value) && !value.Any(char.IsControl))
                context.Response.Headers[header] = value;
        }
    }

    private static string? TextOrNull(string? header) => string.IsNullOrEmpty(header) ? null : header;

    private static Outcome<Checksum> Md5(string text)
    {
        var bytes = new byte[16];
        if (text.Length == 0)
            return new Checksum(null);
        return Convert.TryFromBase64String(text, bytes, out var length) && length == bytes.Length
            ? new Checksum(bytes)
            : new Refusal(BlobErrors.InvalidMd5, "The MD5 header cannot be read", "Send the Base64 text of 16 bytes.");
    }

    private sealed record Checksum(byte[]? Value);
}
