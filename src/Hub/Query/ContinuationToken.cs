using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Homeport.Hub.Query;

/// <summary>
/// Where the next page begins, as opaque text. Bytes in base64url: version, 8 bytes that stand for the query, 8 bytes of items
/// that TOP leaves or -1, 4 bytes index of the next group, then device and part, each with 2 bytes of length (-1 for none).
/// </summary>
/// <param name="Remaining">Items that TOP still allows.</param>
/// <param name="Group">Groups that were delivered.</param>
/// <param name="After">Last row that was delivered.</param>
internal sealed record ContinuationToken(long? Remaining, int Group, QueryKey? After)
{
    private const byte Format = 1;
    private const int MaxLength = 2048;
    private const int HeadLength = 21;

    public string Write(string query)
    {
        var device = Encoding.UTF8.GetBytes(After?.DeviceId ?? "");
        var part = Encoding.UTF8.GetBytes(After?.Part ?? "");
        var bytes = new byte[HeadLength + 4 + device.Length + part.Length];
        bytes[0] = Format;
        Mark(query).CopyTo(bytes, 1);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(9), Remaining ?? -1);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(17), Group);
        BinaryPrimitives.WriteInt16BigEndian(bytes.AsSpan(HeadLength), (short)(After is null ? -1 : device.Length));
        device.CopyTo(bytes, HeadLength + 2);
        BinaryPrimitives.WriteInt16BigEndian(bytes.AsSpan(HeadLength + 2 + device.Length), (short)(After?.Part is null ? -1 : part.Length));
        part.CopyTo(bytes, HeadLength + 4 + device.Length);
        return Base64Url.EncodeToString(bytes);
    }

    /// <summary>The token, or null when it is broken or of another query.</summary>
    public static ContinuationToken? Read(string text, string query)
    {
        if (text.Length > MaxLength || !Base64Url.IsValid(text))
            return null;
        var bytes = Base64Url.DecodeFromChars(text).AsSpan();
        if (bytes.Length < HeadLength + 4 || bytes[0] != Format || !bytes[1..9].SequenceEqual(Mark(query)))
            return null;
        var remaining = BinaryPrimitives.ReadInt64BigEndian(bytes[9..]);
        var group = BinaryPrimitives.ReadInt32BigEndian(bytes[17..]);
        var rest = bytes[HeadLength..];
        if (remaining < -1 || group < 0 || !Take(ref rest, out var device) || !Take(ref rest, out var part) || rest.Length > 0 || (device is null && part is not null))
            return null;
        return new ContinuationToken(remaining < 0 ? null : remaining, group, device is null ? null : new QueryKey(device, part));
    }

    private static bool Take(ref Span<byte> rest, out string? text)
    {
        text = null;
        if (rest.Length < 2)
            return false;
        var length = BinaryPrimitives.ReadInt16BigEndian(rest);
        rest = rest[2..];
        if (length < -1 || length > rest.Length)
            return false;
        if (length >= 0)
        {
            text = Encoding.UTF8.GetString(rest[..length]);
            rest = rest[length..];
        }
        return true;
    }

    private static byte[] Mark(string query) => SHA256.HashData(Encoding.UTF8.GetBytes(query))[..8];
}
