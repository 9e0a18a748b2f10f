using System.Text;

namespace Homeport.Log;

/// <summary>Who sent a record and how it proved that, as stored with each record and shown to consumers.</summary>
/// <param name="DeviceId">Sending device.</param>
/// <param name="ModuleId">Sending module, or null.</param>
/// <param name="GenerationId">Tells a device from an earlier one with the same name.</param>
/// <param name="AuthMethod">The JSON text of <c>iothub-connection-auth-method</c>.</param>
/// <param name="ModelId">The model that the sender announced (<c>dt-dataschema</c>), or null.</param>
public sealed record RecordOrigin(string DeviceId, string? ModuleId, string GenerationId, string AuthMethod, string? ModelId = null)
{
    /// <summary>
    /// The origin as it stands in records: four texts, each with its length (u8) in front, and the model as the rest. Made once for a connection.
    /// </summary>
    internal byte[] Encode()
    {
        using var stream = new MemoryStream();
        foreach (var text in (ReadOnlySpan<string>)[DeviceId, ModuleId ?? "", GenerationId, AuthMethod])
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            if (bytes.Length > byte.MaxValue)
                throw new ArgumentException("A part of a record's origin is longer than 255 bytes.");
            stream.WriteByte((byte)bytes.Length);
            stream.Write(bytes);
        }
        stream.Write(Encoding.UTF8.GetBytes(ModelId ?? ""));
        if (stream.Length > ushort.MaxValue)
            throw new ArgumentException("A record's origin is longer than 65,535 bytes.");
        return stream.ToArray();
    }

    /// <summary>Reads an origin from a record whose batch's checksum was right.</summary>
    public static RecordOrigin Decode(ReadOnlySpan<byte> bytes)
    {
        var parts = new string[4];
        for (var i = 0; i < parts.Length; i++)
        {
            parts[i] = Encoding.UTF8.GetString(bytes.Slice(1, bytes[0]));
            bytes = bytes[(1 + bytes[0])..];
        }
        return new RecordOrigin(parts[0], parts[1].Length == 0 ? null : parts[1], parts[2], parts[3], bytes.IsEmpty ? null : Encoding.UTF8.GetString(bytes));
    }
}
