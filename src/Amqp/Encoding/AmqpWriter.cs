using System.Buffers.Binary;

namespace Homeport.Amqp.Encoding;

/// <summary>
/// Writes values into a buffer that grows, each in its smallest encoding. Lists and maps are closed with their count, and shrink to
/// the short form where they fit. Not for several threads at once.
/// </summary>
public sealed partial class AmqpWriter
{
    private const int FirstCapacity = 512;

    /// <summary>Constructor, size and count of a large compound.</summary>
    private const int LargeHeader = 9;

    /// <summary>The same of a small one.</summary>
    private const int SmallHeader = 3;

    private byte[] _buffer = [];

    /// <summary>Number of bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>The bytes written, until more are.</summary>
    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, Length);

    /// <summary>The same as memory.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _buffer.AsMemory(0, Length);

    /// <summary>Bytes that the buffer holds.</summary>
    public int Capacity => _buffer.Length;

    /// <summary>Forgets what was written.</summary>
    /// <param name="keep">A larger buffer than this is given back.</param>
    public void Clear(int keep = int.MaxValue)
    {
        Length = 0;
        if (_buffer.Length > keep)
            _buffer = [];
    }

    /// <summary>Goes back to an earlier length.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        Length = length;
    }

    /// <summary>Bytes already written, for filling in what was not known before.</summary>
    public Span<byte> Patch(int at, int count) => _buffer.AsSpan(at, count);

    /// <summary>Room for so many more bytes, which count as written.</summary>
    public Span<byte> Reserve(int count)
    {
        if (_buffer.Length - Length < count)
            Array.Resize(ref _buffer, Math.Max(Math.Max(FirstCapacity, _buffer.Length * 2), Length + count));
        var room = _buffer.AsSpan(Length, count);
        Length += count;
        return room;
    }

    /// <summary>Bytes as they are.</summary>
    public void WriteRaw(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Reserve(bytes.Length));

    public void WriteNull() => WriteByte(FormatCode.Null);

    public void WriteBoolean(bool value) => WriteByte(value ? FormatCode.True : FormatCode.False);

    public void WriteUByte(byte value) => WriteShort(FormatCode.UByte, value);

    public void WriteUShort(ushort value) => BinaryPrimitives.WriteUInt16BigEndian(Code(FormatCode.UShort, 2), value);

    public void WriteUInt(uint value)
    {
        if (value == 0)
            WriteByte(FormatCode.UInt0);
        else if (value <= byte.MaxValue)
            WriteShort(FormatCode.SmallUInt, (byte)value);
        else
            BinaryPrimitives.WriteUInt32BigEndian(Code(FormatCode.UInt, 4), value);
    }

    public void WriteULong(ulong value)
    {
        if (value == 0)
            WriteByte(FormatCode.ULong0);
        else if (value <= byte.MaxValue)
            WriteShort(FormatCode.SmallULong, (byte)value);
        else
            BinaryPrimitives.WriteUInt64BigEndian(Code(FormatCode.ULong, 8), value);
    }

    public void WriteInt(int value)
    {
        if (value is >= sbyte.MinValue and <= sbyte.MaxValue)
            WriteShort(FormatCode.SmallInt, (byte)value);
        else
            BinaryPrimitives.WriteInt32BigEndian(Code(FormatCode.Int, 4), value);
    }

    public void WriteLong(long value)
    {
        if (value is >= sbyte.MinValue and <= sbyte.MaxValue)
            WriteShort(FormatCode.SmallLong, (byte)value);
        else
            BinaryPrimitives.WriteInt64BigEndian(Code(FormatCode.Long, 8), value);
    }

    /// <summary>Writes milliseconds since 1970-01-01T00:00:00Z.</summary>
    public void WriteTimestamp(long milliseconds) => BinaryPrimitives.WriteInt64BigEndian(Code(FormatCode.Timestamp, 8), milliseconds);

    public void WriteUuid(Guid value) => value.TryWriteBytes(Code(FormatCode.Uuid, 16), bigEndian: true, out _);

    public void WriteBinary(ReadOnlySpan<byte> value) => WriteVariable(FormatCode.Binary8, FormatCode.Binary32, value);

    public void WriteString(ReadOnlySpan<char> value) => WriteText(FormatCode.String8, FormatCode.String32, value);

    /// <summary>Writes a string whose UTF-8 is at hand.</summary>
    public void WriteUtf8(ReadOnlySpan<byte> value) => WriteVariable(FormatCode.String8, FormatCode.String32, value);

    public void WriteSymbol(ReadOnlySpan<char> value) => WriteText(FormatCode.Symbol8, FormatCode.Symbol32, value);

    /// <summary>Writes a symbol whose bytes are at hand.</summary>
    public void WriteSymbolUtf8(ReadOnlySpan<byte> value) => WriteVariable(FormatCode.Symbol8, FormatCode.Symbol32, value);

    /// <summary>Writes the descriptor of the value that comes next.</summary>
    public void WriteDescriptor(ulong descriptor)
    {
        WriteByte(FormatCode.Described);
        WriteULong(descriptor);
    }

    /// <summary>Writes an array of symbols.</summary>
    public void WriteSymbols(IReadOnlyList<string> symbols)
    {
        var wide = symbols.Any(s => s.Length > byte.MaxValue);
        var size = symbols.Sum(s => s.Length + (wide ? 4 : 1));
        var large = size + 2 > byte.MaxValue || symbols.Count > byte.MaxValue;
        BeginArray(large, size, symbols.Count, wide ? FormatCode.Symbol32 : FormatCode.Symbol8);
        foreach (var symbol in symbols)
        {
            if (wide)
                BinaryPrimitives.WriteInt32BigEndian(Reserve(4), symbol.Length);
            else
                WriteByte((byte)symbol.Length);
            System.Text.Encoding.ASCII.GetBytes(symbol, Reserve(symbol.Length));
        }
    }

    /// <summary>Opens a list; the returned place goes to <see cref="EndList"/>.</summary>
    public int BeginList() => BeginCompound();

    /// <summary>Closes a list with the number of items that were written since.</summary>
    public void EndList(int start, int count)
    {
        if (count == 0)
        {
            Length = start;
            WriteByte(FormatCode.List0);
            return;
        }
        EndCompound(start, count, FormatCode.List8, FormatCode.List32);
    }

    /// <summary>Opens a map; the returned place goes to <see cref="EndMap"/>.</summary>
    public int BeginMap() => BeginCompound();

    /// <summary>Closes a map with the number of keys and values, pairs counting twice.</summary>
    public void EndMap(int start, int count) => EndCompound(start, count, FormatCode.Map8, FormatCode.Map32);

    internal void WriteByte(byte value) => Reserve(1)[0] = value;

    private void WriteShort(byte code, byte value)
    {
        var room = Reserve(2);
        room[1] = value;
        room[0] = code;
    }

    private Span<byte> Code(byte code, int width)
    {
        var room = Reserve(1 + width);
        room[0] = code;
        return room[1..];
    }

    private void WriteVariable(byte small, byte large, ReadOnlySpan<byte> value)
    {
        if (value.Length <= byte.MaxValue)
            WriteShort(small, (byte)value.Length);
        else
            BinaryPrimitives.WriteInt32BigEndian(Code(large, 4), value.Length);
        WriteRaw(value);
    }

    private void WriteText(byte small, byte large, ReadOnlySpan<char> value)
    {
        var length = System.Text.Encoding.UTF8.GetByteCount(value);
        if (length <= byte.MaxValue)
            WriteShort(small, (byte)length);
        else
            BinaryPrimitives.WriteInt32BigEndian(Code(large, 4), length);
        System.Text.Encoding.UTF8.GetBytes(value, Reserve(length));
    }

    private void BeginArray(bool large, int elementBytes, int count, byte constructor)
    {
        if (large)
        {
            var room = Reserve(10);
            room[0] = FormatCode.Array32;
            BinaryPrimitives.WriteInt32BigEndian(room[1..], 4 + 1 + elementBytes);
            BinaryPrimitives.WriteInt32BigEndian(room[5..], count);
            room[9] = constructor;
            return;
        }
        var small = Reserve(4);
        small[0] = FormatCode.Array8;
        small[1] = (byte)(1 + 1 + elementBytes);
        small[2] = (byte)count;
        small[3] = constructor;
    }

    private int BeginCompound()
    {
        var start = Length;
        Reserve(LargeHeader);
        return start;
    }

    private void EndCompound(int start, int count, byte small, byte large)
    {
        var body = Length - start - LargeHeader;
        var header = _buffer.AsSpan(start);
        if (body < byte.MaxValue && count <= byte.MaxValue)
        {
            header.Slice(LargeHeader, body).CopyTo(header[SmallHeader..]);
            header[0] = small;
            header[1] = (byte)(body + 1);
            header[2] = (byte)count;
            Length = start + SmallHeader + body;
            return;
        }
        header[0] = large;
        BinaryPrimitives.WriteInt32BigEndian(header[1..], body + 4);
        BinaryPrimitives.WriteInt32BigEndian(header[5..], count);
    }
}
