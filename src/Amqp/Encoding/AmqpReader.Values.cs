using System.Buffers.Binary;
using System.Text;

namespace Homeport.Amqp.Encoding;

public ref partial struct AmqpReader
{
    /// <summary>Compound and described values inside each other.</summary>
    private const int MaxDepth = 16;

    /// <summary>Elements of an array that take no bytes, which could be any number of them.</summary>
    private const int MaxEmptyElements = 4096;

    /// <summary>
    /// Reads a value of any type: null, <see cref="bool"/>, <see cref="byte"/> to <see cref="ulong"/>, <see cref="sbyte"/> to <see cref="long"/>,
    /// <see cref="float"/>, <see cref="double"/>, <see cref="AmqpDecimal"/>, <see cref="Rune"/>, <see cref="DateTimeOffset"/>, <see cref="Guid"/>,
    /// byte array, <see cref="string"/>, <see cref="Symbol"/>, <see cref="List{T}"/> of object, <see cref="AmqpMap"/>, <see cref="AmqpArray"/>,
    /// <see cref="Described"/>.
    /// </summary>
    public object? ReadValue() => ReadValue(0);

    private object? ReadValue(int depth)
    {
        if (depth > MaxDepth)
        {
            Fail("values are nested too deep");
            return null;
        }
        if (_constructor == 0 && More && _at < _bytes.Length && _bytes[_at] is FormatCode.List8 or FormatCode.List32 or FormatCode.List0)
            return ReadItems(depth);
        if (_constructor == 0 && More && _at < _bytes.Length && _bytes[_at] is FormatCode.Map8 or FormatCode.Map32)
            return ReadPairs(depth);
        var code = Next();
        return code == FormatCode.Described ? ReadDescribed(depth) : ReadBody(code, depth);
    }

    private Described ReadDescribed(int depth)
    {
        // Descriptor and value are one item.
        var left = _left;
        _left = OpenEnd;
        var descriptor = ReadValue(depth + 1);
        var value = ReadValue(depth + 1);
        if (!Failed)
            _left = left;
        return new Described(descriptor, value);
    }

    private object? ReadBody(byte code, int depth)
    {
        if (FormatCode.FixedWidth(code) is >= 0 and var width)
            return Failed || (Take(width) is var bytes && Failed) ? null : Fixed(code, bytes);
        switch (code)
        {
            case FormatCode.Binary8 or FormatCode.Binary32:
                return TakeVariable(code).ToArray();
            case FormatCode.String8 or FormatCode.String32:
                return Text(TakeVariable(code));
            case FormatCode.Symbol8 or FormatCode.Symbol32:
                return Text(TakeVariable(code)) is { } text ? new Symbol(text) : null;
            case FormatCode.Array8 or FormatCode.Array32:
                return ReadArray(code, depth);
            case FormatCode.List8 or FormatCode.List32 or FormatCode.Map8 or FormatCode.Map32:
                return ReadElement(code, depth);
            default:
                Unexpected("a value", code);
                return null;
        }
    }

    private object? Fixed(byte code, ReadOnlySpan<byte> bytes)
    {
        switch (code)
        {
            case FormatCode.Null: return null;
            case FormatCode.True: return true;
            case FormatCode.False: return false;
            case FormatCode.Boolean: return bytes[0] != 0;
            case FormatCode.UByte: return bytes[0];
            case FormatCode.Byte: return (sbyte)bytes[0];
            case FormatCode.UShort: return BinaryPrimitives.ReadUInt16BigEndian(bytes);
            case FormatCode.Short: return BinaryPrimitives.ReadInt16BigEndian(bytes);
            case FormatCode.UInt0: return 0u;
            case FormatCode.SmallUInt: return (uint)bytes[0];
            case FormatCode.UInt: return BinaryPrimitives.ReadUInt32BigEndian(bytes);
            case FormatCode.SmallInt: return (int)(sbyte)bytes[0];
            case FormatCode.Int: return BinaryPrimitives.ReadInt32BigEndian(bytes);
            case FormatCode.ULong0: return 0ul;
            case FormatCode.SmallULong: return (ulong)bytes[0];
            case FormatCode.ULong: return BinaryPrimitives.ReadUInt64BigEndian(bytes);
            case FormatCode.SmallLong: return (long)(sbyte)bytes[0];
            case FormatCode.Long: return BinaryPrimitives.ReadInt64BigEndian(bytes);
            case FormatCode.Float: return BinaryPrimitives.ReadSingleBigEndian(bytes);
            case FormatCode.Double: return BinaryPrimitives.ReadDoubleBigEndian(bytes);
            case FormatCode.Timestamp: return Time(BinaryPrimitives.ReadInt64BigEndian(bytes));
            case FormatCode.Uuid: return new Guid(bytes, bigEndian: true);
            case FormatCode.List0: return new List<object?>();
            case FormatCode.Char: return Character(BinaryPrimitives.ReadUInt32BigEndian(bytes));
            default: return new AmqpDecimal(bytes);
        }
    }

    private Rune? Character(uint value)
    {
        if (Rune.IsValid(value))
            return new Rune(value);
        Fail("a character is no Unicode scalar value");
        return null;
    }

    private DateTimeOffset? Time(long milliseconds)
    {
        if (milliseconds >= DateTimeOffset.MinValue.ToUnixTimeMilliseconds() && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds())
            return DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
        Fail("a timestamp is outside of the years 1 to 9999");
        return null;
    }

    private List<object?> ReadItems(int depth)
    {
        var reader = ReadList(out _);
        var items = new List<object?>(Math.Min(reader.ItemsLeft, 64));
        while (reader.More)
            items.Add(reader.ReadValue(depth + 1));
        FailWith(reader);
        return items;
    }

    private AmqpMap ReadPairs(int depth)
    {
        var reader = ReadMap(out _);
        var map = new AmqpMap();
        while (reader.More)
        {
            var key = reader.ReadValue(depth + 1);
            map.Add(key, reader.ReadValue(depth + 1));
        }
        FailWith(reader);
        return map;
    }

    /// <summary>A list or map inside an array: its constructor stands in front of the array.</summary>
    private object? ReadElement(byte code, int depth)
    {
        var body = TakeVariable(code);
        if (Failed)
            return null;
        var element = new AmqpReader(Rebuilt(code, body));
        var value = element.ReadValue(depth + 1);
        FailWith(element);
        return value;
    }

    private static byte[] Rebuilt(byte code, ReadOnlySpan<byte> body)
    {
        var width = FormatCode.LengthWidth(code);
        var bytes = new byte[1 + width + body.Length];
        bytes[0] = code;
        if (width == 1)
            bytes[1] = (byte)body.Length;
        else
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(1), body.Length);
        body.CopyTo(bytes.AsSpan(1 + width));
        return bytes;
    }

    private AmqpArray ReadArray(byte code, int depth)
    {
        var width = FormatCode.LengthWidth(code);
        var body = TakeVariable(code);
        var empty = new AmqpArray([]);
        if (Failed)
            return empty;
        if (body.Length <= width)
        {
            Fail("an array is too short for its count and constructor");
            return empty;
        }
        var count = width == 1 ? body[0] : BinaryPrimitives.ReadUInt32BigEndian(body);
        var rest = body[width..];
        object? descriptor = null;
        if (rest[0] == FormatCode.Described)
        {
            var prefix = new AmqpReader(rest[1..]);
            descriptor = prefix.ReadValue(depth + 1);
            if (prefix.Failed || prefix.Rest.IsEmpty)
            {
                Fail("the descriptor of an array cannot be read");
                return empty;
            }
            rest = prefix.Rest;
        }
        var constructor = rest[0];
        var elementWidth = FormatCode.FixedWidth(constructor);
        var most = elementWidth == 0 ? MaxEmptyElements : (uint)(rest.Length - 1) / (uint)Math.Max(1, elementWidth);
        if (count > most || constructor == FormatCode.Described)
        {
            Fail($"an array says that it has {count} elements in {rest.Length - 1} bytes");
            return empty;
        }
        var reader = new AmqpReader(rest[1..], (int)count, constructor);
        var items = new List<object?>(Math.Min((int)count, 64));
        while (reader.More)
            items.Add(reader.ReadBody(reader.Next(), depth + 1));
        FailWith(reader);
        return new AmqpArray(items) { Descriptor = descriptor };
    }
}
