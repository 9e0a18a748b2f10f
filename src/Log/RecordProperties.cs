using System.Buffers.Binary;
using System.Text;

namespace Homeport.Log;

/// <summary>
/// The property block of a record: for each property <c>name length (u16) | name | value length + 1 (u32, 0 = null) | value</c>,
/// little-endian, names and values in UTF-8.
/// </summary>
public static class RecordProperties
{
    /// <summary>Bytes that a property takes besides its name and value.</summary>
    public const int Overhead = 6;

    /// <summary>Starts a property in place: writes name and value from <paramref name="name"/> and <paramref name="value"/>. Returns the bytes written.</summary>
    public static int Write(Span<byte> target, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, bool hasValue)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(target, (ushort)name.Length);
        name.CopyTo(target[2..]);
        var at = 2 + name.Length;
        BinaryPrimitives.WriteUInt32LittleEndian(target[at..], hasValue ? (uint)value.Length + 1 : 0);
        value.CopyTo(target[(at + 4)..]);
        return at + 4 + value.Length;
    }

    /// <summary>Reads a whole block. The block comes from a batch whose checksum was right.</summary>
    public static IReadOnlyList<KeyValuePair<string, string?>> Read(ReadOnlySpan<byte> block)
    {
        var properties = new List<KeyValuePair<string, string?>>();
        while (!block.IsEmpty)
        {
            var nameLength = BinaryPrimitives.ReadUInt16LittleEndian(block);
            var name = Encoding.UTF8.GetString(block.Slice(2, nameLength));
            var length = BinaryPrimitives.ReadUInt32LittleEndian(block[(2 + nameLength)..]);
            block = block[(2 + nameLength + 4)..];
            var valueLength = length == 0 ? 0 : (int)(length - 1);
            properties.Add(new(name, length == 0 ? null : Encoding.UTF8.GetString(block[..valueLength])));
            block = block[valueLength..];
        }
        return properties;
    }
}
