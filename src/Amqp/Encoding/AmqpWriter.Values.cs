using System.Buffers.Binary;
using System.Text;

namespace Homeport.Amqp.Encoding;

public sealed partial class AmqpWriter
{
    /// <summary>Writes a value of any type that <see cref="AmqpReader.ReadValue()"/> gives.</summary>
    /// <exception cref="ArgumentException">AMQP has no such type.</exception>
    public void WriteValue(object? value)
    {
        switch (value)
        {
            case null: WriteNull(); break;
            case bool v: WriteBoolean(v); break;
            case byte v: WriteUByte(v); break;
            case ushort v: WriteUShort(v); break;
            case uint v: WriteUInt(v); break;
            case ulong v: WriteULong(v); break;
            case sbyte v: WriteShort(FormatCode.Byte, (byte)v); break;
            case short v: BinaryPrimitives.WriteInt16BigEndian(Code(FormatCode.Short, 2), v); break;
            case int v: WriteInt(v); break;
            case long v: WriteLong(v); break;
            case float v: BinaryPrimitives.WriteSingleBigEndian(Code(FormatCode.Float, 4), v); break;
            case double v: BinaryPrimitives.WriteDoubleBigEndian(Code(FormatCode.Double, 8), v); break;
            case AmqpDecimal v: v.CopyTo(Code(DecimalCode(v), v.Width)); break;
            case Rune v: BinaryPrimitives.WriteInt32BigEndian(Code(FormatCode.Char, 4), v.Value); break;
            case DateTimeOffset v: WriteTimestamp(v.ToUnixTimeMilliseconds()); break;
            case Guid v: WriteUuid(v); break;
            case string v: WriteString(v); break;
            case Symbol v: WriteSymbol(v.Value); break;
            case byte[] v: WriteBinary(v); break;
            case ReadOnlyMemory<byte> v: WriteBinary(v.Span); break;
            default: WriteCompound(value); break;
        }
    }

    private void WriteCompound(object value)
    {
        switch (value)
        {
            case Described described:
                WriteByte(FormatCode.Described);
                WriteValue(described.Descriptor);
                WriteValue(described.Value);
                break;
            case AmqpMap map:
                WriteMap(map);
                break;
            case AmqpArray array:
                WriteArray(array);
                break;
            case IReadOnlyList<object?> list:
                var start = BeginList();
                foreach (var item in list)
                    WriteValue(item);
                EndList(start, list.Count);
                break;
            default:
                throw new ArgumentException($"AMQP has no type for {value.GetType().Name}.", nameof(value));
        }
    }

    /// <summary>Writes a map.</summary>
    public void WriteMap(AmqpMap map)
    {
        var start = BeginMap();
        foreach (var (key, value) in map)
        {
            WriteValue(key);
            WriteValue(value);
        }
        EndMap(start, map.Count * 2);
    }

    private static byte DecimalCode(AmqpDecimal value) => value.Width switch
    {
        4 => FormatCode.Decimal32,
        8 => FormatCode.Decimal64,
        16 => FormatCode.Decimal128,
        _ => throw new ArgumentException("A decimal without bytes.", nameof(value)),
    };

    /// <summary>All elements share one constructor, so each is written in the widest form of its type.</summary>
    private void WriteArray(AmqpArray array)
    {
        var constructor = array.Items.Count == 0 ? FormatCode.Null : ElementCode(array.Items[0]);
        var header = Length;
        Reserve(LargeHeader);
        if (array.Descriptor is not null)
        {
            WriteByte(FormatCode.Described);
            WriteValue(array.Descriptor);
        }
        WriteByte(constructor);
        foreach (var item in array.Items)
        {
            if (ElementCode(item) != constructor)
                throw new ArgumentException("The elements of an array are of different types.", nameof(array));
            WriteElement(item);
        }
        EndCompound(header, array.Items.Count, FormatCode.Array8, FormatCode.Array32);
    }

    private static byte ElementCode(object? item) => item switch
    {
        null => FormatCode.Null,
        bool => FormatCode.Boolean,
        byte => FormatCode.UByte,
        ushort => FormatCode.UShort,
        uint => FormatCode.UInt,
        ulong => FormatCode.ULong,
        sbyte => FormatCode.Byte,
        short => FormatCode.Short,
        int => FormatCode.Int,
        long => FormatCode.Long,
        float => FormatCode.Float,
        double => FormatCode.Double,
        AmqpDecimal v => DecimalCode(v),
        Rune => FormatCode.Char,
        DateTimeOffset => FormatCode.Timestamp,
        Guid => FormatCode.Uuid,
        byte[] or ReadOnlyMemory<byte> => FormatCode.Binary32,
        string => FormatCode.String32,
        Symbol => FormatCode.Symbol32,
        AmqpMap => FormatCode.Map32,
        AmqpArray => FormatCode.Array32,
        IReadOnlyList<object?> => FormatCode.List32,
        _ => throw new ArgumentException($"AMQP has no array of {item.GetType().Name}.", nameof(item)),
    };

    private void WriteElement(object? item)
    {
        switch (item)
        {
            case null: break;
            case bool v: WriteByte(v ? (byte)1 : (byte)0); break;
            case uint v: BinaryPrimitives.WriteUInt32BigEndian(Reserve(4), v); break;
            case ulong v: BinaryPrimitives.WriteUInt64BigEndian(Reserve(8), v); break;
            case int v: BinaryPrimitives.WriteInt32BigEndian(Reserve(4), v); break;
            case long v: BinaryPrimitives.WriteInt64BigEndian(Reserve(8), v); break;
            case byte[] v: WriteElementBytes(v); break;
            case ReadOnlyMemory<byte> v: WriteElementBytes(v.Span); break;
            case string v: WriteElementBytes(System.Text.Encoding.UTF8.GetBytes(v)); break;
            case Symbol v: WriteElementBytes(System.Text.Encoding.UTF8.GetBytes(v.Value)); break;
            case AmqpMap or AmqpArray or IReadOnlyList<object?>: WriteLargeElement(item); break;
            default: WriteWithoutCode(item); break;
        }
    }

    private void WriteElementBytes(ReadOnlySpan<byte> bytes)
    {
        BinaryPrimitives.WriteInt32BigEndian(Reserve(4), bytes.Length);
        WriteRaw(bytes);
    }

    /// <summary>Types with a single encoding are what they are elsewhere, but for the constructor.</summary>
    private void WriteWithoutCode(object item)
    {
        var start = Length;
        WriteValue(item);
        _buffer.AsSpan(start + 1, Length - start - 1).CopyTo(_buffer.AsSpan(start));
        Length--;
    }

    private void WriteLargeElement(object item)
    {
        var part = new AmqpWriter();
        part.WriteValue(item);
        // Behind the constructor stand size and count, in one or four bytes each; here it has to be four.
        var bytes = part.Written;
        var small = bytes[0] is FormatCode.List8 or FormatCode.Map8 or FormatCode.Array8;
        var empty = bytes[0] == FormatCode.List0;
        var count = empty ? 0 : small ? bytes[2] : BinaryPrimitives.ReadInt32BigEndian(bytes[5..]);
        var body = empty ? default : bytes[(small ? SmallHeader : LargeHeader)..];
        BinaryPrimitives.WriteInt32BigEndian(Reserve(4), body.Length + 4);
        BinaryPrimitives.WriteInt32BigEndian(Reserve(4), count);
        WriteRaw(body);
    }
}
