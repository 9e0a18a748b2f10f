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

    private const int NameAt = 2;
    private const int ValueLengthSize = 4;

    /// <summary>Where the name of a property goes that is written to <paramref name="target"/>.</summary>
    public static Span<byte> NameRoom(Span<byte> target) => target[NameAt..];

    /// <summary>Where its value goes.</summary>
    public static Span<byte> ValueRoom(Span<byte> target, int nameLength) => target[(NameAt + nameLength + ValueLengthSize)..];

    /// <summary>Closes a property whose name and value stand in their rooms. Returns its size in bytes.</summary>
    /// <param name="target">Where the property starts.</param>
    /// <param name="nameLength">Bytes of the name.</param>
    /// <param name="valueLength">Bytes of the value, null for a property without one.</param>
    public static int Close(Span<byte> target, int nameLength, int? valueLength)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(target, checked((ushort)nameLength));
        BinaryPrimitives.WriteUInt32LittleEndian(target[(NameAt + nameLength)..], valueLength is { } length ? (uint)length + 1 : 0);
        return Overhead + nameLength + (valueLength ?? 0);
    }

    /// <summary>Writes a property. Returns its size in bytes.</summary>
    public static int Write(Span<byte> target, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        name.CopyTo(NameRoom(target));
        value.CopyTo(ValueRoom(target, name.Length));
        return Close(target, name.Length, value.Length);
    }

    /// <summary>Writes a whole block. Names have up to 65,535 bytes in UTF-8.</summary>
    public static byte[] Write(IReadOnlyCollection<KeyValuePair<string, string?>> properties)
    {
        var size = properties.Sum(p => Overhead + Encoding.UTF8.GetByteCount(p.Key) + (p.Value is null ? 0 : Encoding.UTF8.GetByteCount(p.Value)));
        var block = new byte[size];
        var room = block.AsSpan();
        foreach (var (name, value) in properties)
        {
            var nameLength = Encoding.UTF8.GetBytes(name, NameRoom(room));
            int? valueLength = value is null ? null : Encoding.UTF8.GetBytes(value, ValueRoom(room, nameLength));
            room = room[Close(room, nameLength, valueLength)..];
        }
        return block;
    }

    /// <summary>Reads a whole block. The block comes from a batch whose checksum was right.</summary>
    public static IReadOnlyList<KeyValuePair<string, string?>> Read(ReadOnlySpan<byte> block)
    {
        var properties = new List<KeyValuePair<string, string?>>();
        var reader = new Reader(block);
        while (reader.Read())
            properties.Add(new(Encoding.UTF8.GetString(reader.Name), reader.HasValue ? Encoding.UTF8.GetString(reader.Value) : null));
        return properties;
    }

    /// <summary>Goes through a block without copying it.</summary>
    /// <param name="block">The block; it comes from a batch whose checksum was right.</param>
    public ref struct Reader(ReadOnlySpan<byte> block)
    {
        private ReadOnlySpan<byte> _rest = block;

        /// <summary>Name of the current property, UTF-8.</summary>
        public ReadOnlySpan<byte> Name { get; private set; }

        /// <summary>Its value, UTF-8.</summary>
        public ReadOnlySpan<byte> Value { get; private set; }

        /// <summary>False for a property without a value.</summary>
        public bool HasValue { get; private set; }

        /// <summary>Goes to the next property. False at the end.</summary>
        public bool Read()
        {
            if (_rest.IsEmpty)
                return false;
            var nameLength = BinaryPrimitives.ReadUInt16LittleEndian(_rest);
            Name = _rest.Slice(NameAt, nameLength);
            var length = BinaryPrimitives.ReadUInt32LittleEndian(_rest[(NameAt + nameLength)..]);
            HasValue = length > 0;
            var valueAt = NameAt + nameLength + ValueLengthSize;
            Value = _rest.Slice(valueAt, HasValue ? (int)(length - 1) : 0);
            _rest = _rest[(valueAt + Value.Length)..];
            return true;
        }
    }
}
