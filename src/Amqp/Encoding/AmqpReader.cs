using System.Buffers.Binary;
using System.Text.Unicode;

namespace Homeport.Amqp.Encoding;

/// <summary>
/// Reads values from bytes without copying them. The first thing that is wrong makes the reader fail: from then on all reads give
/// nothing, and <see cref="Error"/> says what it was, so a caller asks once, at the end.
/// </summary>
/// <remarks>
/// A reader of a list's items gives null for items that are not there, as the standard wants for fields at the end of a composite
/// (AMQP 1.0 part 1, section 1.4).
/// </remarks>
public ref partial struct AmqpReader
{
    private const int OpenEnd = -1;
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly byte _constructor;
    private int _at;
    private int _left;
    private string? _error;

    /// <summary>Reads values until the bytes end.</summary>
    public AmqpReader(ReadOnlySpan<byte> bytes)
        : this(bytes, OpenEnd, 0)
    {
    }

    private AmqpReader(ReadOnlySpan<byte> bytes, int left, byte constructor)
    {
        _bytes = bytes;
        _left = left;
        _constructor = constructor;
    }

    /// <summary>True once something was wrong.</summary>
    public readonly bool Failed => _error is not null;

    /// <summary>What was wrong, for an error description.</summary>
    public readonly string? Error => _error;

    /// <summary>True while there is something to read.</summary>
    public readonly bool More => _error is null && (_left == OpenEnd ? _at < _bytes.Length : _left > 0);

    /// <summary>Items that are left of a list, map (keys and values) or array.</summary>
    public readonly int ItemsLeft => Math.Max(0, _left);

    /// <summary>The bytes not read yet.</summary>
    public readonly ReadOnlySpan<byte> Rest => _bytes[_at..];

    /// <summary>Makes the reader fail; the first reason counts.</summary>
    public void Fail(string reason)
    {
        _error ??= reason;
        _left = 0;
        _at = _bytes.Length;
    }

    /// <summary>Fails as another reader of the same bytes did, if it did.</summary>
    public void FailWith(AmqpReader part)
    {
        if (part._error is { } reason)
            Fail(reason);
    }

    public bool? ReadBoolean()
    {
        switch (Next())
        {
            case FormatCode.Null:
                return null;
            case FormatCode.True:
                return true;
            case FormatCode.False:
                return false;
            case FormatCode.Boolean:
                return Take(1) is [var value] ? value != 0 : null;
            case var other:
                return Unexpected<bool>("a boolean", other);
        }
    }

    public byte? ReadUByte() => Next() switch
    {
        FormatCode.Null => null,
        FormatCode.UByte => Take(1) is [var value] ? value : null,
        var other => Unexpected<byte>("a ubyte", other),
    };

    public ushort? ReadUShort() => Next() switch
    {
        FormatCode.Null => null,
        FormatCode.UShort => Take(2) is { IsEmpty: false } bytes ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : null,
        var other => Unexpected<ushort>("a ushort", other),
    };

    public uint? ReadUInt() => Next() switch
    {
        FormatCode.Null => null,
        FormatCode.UInt0 => 0,
        FormatCode.SmallUInt => Take(1) is [var value] ? value : null,
        FormatCode.UInt => Take(4) is { IsEmpty: false } bytes ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : null,
        var other => Unexpected<uint>("a uint", other),
    };

    public ulong? ReadULong() => Next() switch
    {
        FormatCode.Null => null,
        FormatCode.ULong0 => 0,
        FormatCode.SmallULong => Take(1) is [var value] ? value : null,
        FormatCode.ULong => Take(8) is { IsEmpty: false } bytes ? BinaryPrimitives.ReadUInt64BigEndian(bytes) : null,
        var other => Unexpected<ulong>("a ulong", other),
    };

    public int? ReadInt() => Next() switch
    {
        FormatCode.Null => null,
        FormatCode.SmallInt => Take(1) is [var value] ? (sbyte)value : null,
        FormatCode.Int => Take(4) is { IsEmpty: false } bytes ? BinaryPrimitives.ReadInt32BigEndian(bytes) : null,
        var other => Unexpected<int>("an int", other),
    };

    public long? ReadLong() => Next() switch
    {
        FormatCode.Null => null,
        FormatCode.SmallLong => Take(1) is [var value] ? (sbyte)value : null,
        FormatCode.Long => Take(8) is { IsEmpty: false } bytes ? BinaryPrimitives.ReadInt64BigEndian(bytes) : null,
        var other => Unexpected<long>("a long", other),
    };

    /// <summary>Milliseconds since 1970-01-01T00:00:00Z.</summary>
    public long? ReadTimestamp() => Next() switch
    {
        FormatCode.Null => null,
        FormatCode.Timestamp => Take(8) is { IsEmpty: false } bytes ? BinaryPrimitives.ReadInt64BigEndian(bytes) : null,
        var other => Unexpected<long>("a timestamp", other),
    };

    public string? ReadString()
    {
        var code = Next();
        switch (code)
        {
            case FormatCode.Null:
                return null;
            case FormatCode.String8 or FormatCode.String32:
                return Text(TakeVariable(code));
            default:
                Unexpected("a string", code);
                return null;
        }
    }

    /// <summary>A symbol's text. Strings are taken as well: one of the SDKs writes them where the standard has symbols.</summary>
    public string? ReadSymbol()
    {
        var bytes = ReadUtf8(out var isNull);
        return isNull ? null : Text(bytes);
    }

    /// <summary>The bytes of a string or symbol, as they stand; whether they are UTF-8 is not looked at.</summary>
    public ReadOnlySpan<byte> ReadUtf8(out bool isNull)
    {
        var code = Next();
        isNull = code == FormatCode.Null;
        if (isNull)
            return default;
        if (code is FormatCode.String8 or FormatCode.String32 or FormatCode.Symbol8 or FormatCode.Symbol32)
            return TakeVariable(code);
        Unexpected("a string or symbol", code);
        isNull = true;
        return default;
    }

    public ReadOnlySpan<byte> ReadBinary(out bool isNull)
    {
        var code = Next();
        isNull = code == FormatCode.Null;
        if (isNull)
            return default;
        if (code is FormatCode.Binary8 or FormatCode.Binary32)
            return TakeVariable(code);
        Unexpected("a binary", code);
        isNull = true;
        return default;
    }

    /// <summary>A reader of a list's items; it fails together with its caller's <see cref="FailWith"/>.</summary>
    public AmqpReader ReadList(out bool isNull) => ReadCompound(FormatCode.List8, FormatCode.List32, "a list", out isNull);

    /// <summary>A reader of a map's keys and values in turn.</summary>
    public AmqpReader ReadMap(out bool isNull)
    {
        var map = ReadCompound(FormatCode.Map8, FormatCode.Map32, "a map", out isNull);
        if (map._left % 2 != 0 && !map.Failed)
        {
            Fail("a map has a key without a value");
            map.Fail("a map has a key without a value");
        }
        return map;
    }

    /// <summary>The symbols of an array, or the one symbol that stands for it (AMQP 1.0 part 1, section 1.4: multiple).</summary>
    public string[]? ReadSymbols()
    {
        switch (ReadValue())
        {
            case null:
                return null;
            case Symbol one:
                return [one.Value];
            case AmqpArray many:
                return [.. many.Texts];
            default:
                Fail("found something that is no symbol and no array of symbols");
                return null;
        }
    }

    /// <summary>The numeric descriptor of the value that comes next; it stands before that value. Null, and failed, when there is none that is known.</summary>
    public ulong? ReadDescriptor()
    {
        var code = Next();
        if (code != FormatCode.Described)
        {
            Unexpected("a described value", code);
            return null;
        }
        // The value behind the descriptor is the same item.
        if (_left >= 0)
            _left++;
        code = TakeByte();
        switch (code)
        {
            case FormatCode.SmallULong:
                return Take(1) is [var value] ? value : null;
            case FormatCode.ULong:
                return Take(8) is { IsEmpty: false } bytes ? BinaryPrimitives.ReadUInt64BigEndian(bytes) : null;
            case FormatCode.ULong0:
                return 0;
            case FormatCode.Symbol8 or FormatCode.Symbol32:
                var name = TakeVariable(code);
                if (Descriptor.Find(name) is { } known)
                    return known;
                Fail("found a descriptor that is not known");
                return null;
            default:
                Unexpected("a descriptor", code);
                return null;
        }
    }

    /// <summary>A reader of the fields of a described list, null when there is nothing.</summary>
    public AmqpReader ReadComposite(ulong descriptor, string name, out bool isNull)
    {
        isNull = IsNull();
        if (isNull)
        {
            SkipValue();
            return default;
        }
        if (ReadDescriptor() is { } found && found != descriptor)
            Fail($"found a composite 0x{found:x} where {name} is expected");
        var fields = ReadList(out isNull);
        if (isNull)
            Fail($"{name} has no fields");
        return fields;
    }

    /// <summary>True when the next value is null or there is none.</summary>
    public readonly bool IsNull() => !More || (_constructor == 0 ? _bytes[_at] : _constructor) == FormatCode.Null;

    /// <summary>The constructor of the next value; null's when there is none.</summary>
    public readonly byte PeekCode() => !More ? FormatCode.Null : _constructor == 0 ? _at < _bytes.Length ? _bytes[_at] : FormatCode.Null : _constructor;

    /// <summary>Skips a value and gives its bytes, constructor and all.</summary>
    public ReadOnlySpan<byte> SkipValue()
    {
        var start = _at;
        var code = Next();
        for (var depth = 0; code == FormatCode.Described; depth++)
        {
            if (depth == MaxDepth)
            {
                Fail("descriptors are nested too deep");
                return default;
            }
            var descriptor = TakeByte();
            if (descriptor == FormatCode.Described)
            {
                Fail("a descriptor is itself described");
                return default;
            }
            SkipBody(descriptor);
            code = TakeByte();
        }
        SkipBody(code);
        return Failed ? default : _bytes[start.._at];
    }

    private void SkipBody(byte code)
    {
        var width = FormatCode.FixedWidth(code);
        if (width >= 0)
            Take(width);
        else if (FormatCode.LengthWidth(code) > 0)
            TakeVariable(code);
        else
            Unexpected("a value", code);
    }

    private AmqpReader ReadCompound(byte small, byte large, string what, out bool isNull)
    {
        var code = Next();
        isNull = code == FormatCode.Null;
        if (isNull)
            return default;
        if (code == FormatCode.List0 && small == FormatCode.List8)
            return new AmqpReader(default, 0, 0);
        if (code != small && code != large)
        {
            Unexpected(what, code);
            return Broken();
        }
        var width = FormatCode.LengthWidth(code);
        var body = TakeVariable(code);
        if (body.Length < width)
        {
            Fail($"{what} is too short for its count");
            return Broken();
        }
        var count = width == 1 ? body[0] : BinaryPrimitives.ReadUInt32BigEndian(body);
        // An item takes at least a byte: a count above that lies.
        if (count > (uint)(body.Length - width))
        {
            Fail($"{what} says that it has {count} items in {body.Length - width} bytes");
            return Broken();
        }
        return new AmqpReader(body[width..], (int)count, 0);
    }

    private readonly AmqpReader Broken()
    {
        var broken = new AmqpReader(default, 0, 0);
        broken.Fail(_error!);
        return broken;
    }

    private byte Next()
    {
        if (_error is not null || _left == 0)
            return FormatCode.Null;
        if (_left > 0)
            _left--;
        return _constructor == 0 ? TakeByte() : _constructor;
    }

    private byte TakeByte()
    {
        if (_at < _bytes.Length)
            return _bytes[_at++];
        Fail("the bytes end in the middle of a value");
        return FormatCode.Null;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (_bytes.Length - _at < count)
        {
            Fail("the bytes end in the middle of a value");
            return default;
        }
        var taken = _bytes.Slice(_at, count);
        _at += count;
        return taken;
    }

    private ReadOnlySpan<byte> TakeVariable(byte code)
    {
        var width = Take(FormatCode.LengthWidth(code));
        if (width.IsEmpty)
            return default;
        var length = width.Length == 1 ? width[0] : BinaryPrimitives.ReadUInt32BigEndian(width);
        if (length <= (uint)(_bytes.Length - _at))
            return Take((int)length);
        Fail($"a value says that it has {length} bytes, {_bytes.Length - _at} are left");
        return default;
    }

    private string? Text(ReadOnlySpan<byte> bytes)
    {
        if (Failed)
            return null;
        if (Utf8.IsValid(bytes))
            return System.Text.Encoding.UTF8.GetString(bytes);
        Fail("a text is no UTF-8");
        return null;
    }

    private T? Unexpected<T>(string expected, byte code)
        where T : struct
    {
        Unexpected(expected, code);
        return null;
    }

    private void Unexpected(string expected, byte code) => Fail($"found constructor 0x{code:x2} where {expected} is expected");
}
