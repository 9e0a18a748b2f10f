using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;

namespace Homeport.WebConsole;

/// <summary>Style sheet, scripts and icon, embedded in the program and compressed once. Their addresses change with their content, so browsers keep them.</summary>
internal static class ConsoleAssets
{
    private const string Prefix = "assets/";

    private static readonly Dictionary<string, Asset> All = Load();

    /// <summary>Address of a file.</summary>
    public static string Url(string name) => $"/console/assets/{name}?v={All[name].Version}";

    /// <summary>Sends a file.</summary>
    public static async Task SendAsync(HttpContext context)
    {
        if (!All.TryGetValue((string)context.Request.RouteValues["name"]!, out var asset))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        var compressed = context.Request.Headers.AcceptEncoding.ToString().Contains("br", StringComparison.OrdinalIgnoreCase);
        var bytes = compressed ? asset.Compressed : asset.Bytes;
        if (compressed)
            context.Response.Headers.ContentEncoding = "br";
        context.Response.Headers.Vary = "Accept-Encoding";
        context.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
        context.Response.ContentType = asset.Type;
        context.Response.ContentLength = bytes.Length;
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    private static Dictionary<string, Asset> Load()
    {
        var assembly = typeof(ConsoleAssets).Assembly;
        var all = new Dictionary<string, Asset>(StringComparer.Ordinal);
        foreach (var resource in assembly.GetManifestResourceNames().Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            using var copy = new MemoryStream();
            stream.CopyTo(copy);
            var bytes = copy.ToArray();
            all[resource[Prefix.Length..]] = new Asset(bytes, Compress(bytes), TypeOf(resource), Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 6)));
        }
        return all;
    }

    private static byte[] Compress(byte[] bytes)
    {
        using var target = new MemoryStream();
        using (var brotli = new BrotliStream(target, CompressionLevel.Optimal, leaveOpen: true))
            brotli.Write(bytes);
        return target.ToArray();
    }

    private static string TypeOf(string name) => Path.GetExtension(name) switch
    {
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        _ => "image/svg+xml",
    };

    private sealed record Asset(byte[] Bytes, byte[] Compressed, string Type, string Version);
}
