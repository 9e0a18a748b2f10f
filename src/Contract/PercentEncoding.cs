using System.Text;

namespace Homeport.Contract;

/// <summary>Percent-encoding (RFC 3986 section 2.1) as lenient as the SDKs need it: a bad sequence stays literal and '+' stays '+'.</summary>
public static class PercentEncoding
{
    /// <summary>Decodes <c>%XX</c> in a text. Bytes that are no UTF-8 become U+FFFD.</summary>
    public static string Decode(string text)
    {
        if (!text.Contains('%', StringComparison.Ordinal))
            return text;
        var bytes = Encoding.UTF8.GetBytes(text);
        var length = Decode(bytes, bytes);
        return Encoding.UTF8.GetString(bytes, 0, length);
    }

    /// <summary>Decodes <c>%XX</c> from <paramref name="source"/> to <paramref name="target"/> (same length or more; may be the same memory). Returns the bytes written.</summary>
    public static int Decode(ReadOnlySpan<byte> source, Span<byte> target)
    {
        var written = 0;
        for (var i = 0; i < source.Length; i++)
        {
            if (source[i] == '%' && i + 2 < source.Length && Nibble(source[i + 1]) is >= 0 and var high && Nibble(source[i + 2]) is >= 0 and var low)
            {
                target[written++] = (byte)((high << 4) | low);
                i += 2;
            }
            else
            {
                target[written++] = source[i];
            }
        }
        return written;
    }

    private static int Nibble(byte c) => c switch
    {
        >= (byte)'0' and <= (byte)'9' => c - '0',
        >= (byte)'a' and <= (byte)'f' => c - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => c - 'A' + 10,
        _ => -1,
    };
}
