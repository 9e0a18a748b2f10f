using System.Text;
using QRCoder;

namespace Homeport.Agent.Portal;

/// <summary>Style, script and pictures. Nothing comes from elsewhere.</summary>
internal static class PortalAssets
{
    private static readonly Dictionary<string, string> Types = new(StringComparer.Ordinal)
    {
        ["/portal.css"] = "text/css; charset=utf-8",
        ["/portal.js"] = "text/javascript; charset=utf-8",
        ["/favicon.svg"] = "image/svg+xml",
    };

    public static (string Type, byte[] Bytes)? Find(string path)
    {
        if (!Types.TryGetValue(path, out var type))
            return null;
        using var stream = typeof(PortalAssets).Assembly.GetManifestResourceStream("portal" + path)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return (type, bytes);
    }

    /// <summary>Characters of one code at most, with the least redundancy (ISO/IEC 18004, version 40, L).</summary>
    public const int MaxQrText = 2953;

    private const int MaxRedundant = 2000;

    /// <summary>A QR code as SVG. The endorsement key, 424 characters, fits well; its certificate, three times as long, closely.</summary>
    public static byte[] QrCode(string text)
    {
        using var data = QRCodeGenerator.GenerateQrCode(text, text.Length > MaxRedundant ? QRCodeGenerator.ECCLevel.L : QRCodeGenerator.ECCLevel.M);
        using var code = new SvgQRCode(data);
        return Encoding.UTF8.GetBytes(code.GetGraphic(4));
    }
}
