using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Contract.Messages;
using Homeport.Log;

namespace Homeport.Gateway.Amqp.Devices;

/// <summary>
/// Writes the properties of a device's AMQP message as a record's property block. Its memory is used again for the next message; not
/// for several threads at once.
/// </summary>
internal sealed class PropertyBlock
{
    private const int KeptCapacity = 4096;
    private static readonly byte[][] Names =
    [
        "$.mid"u8.ToArray(), "$.uid"u8.ToArray(), "$.to"u8.ToArray(), [], [], "$.cid"u8.ToArray(), "$.ct"u8.ToArray(), "$.ce"u8.ToArray(), "$.exp"u8.ToArray(), "$.ctime"u8.ToArray(),
    ];

    private readonly byte[] _text = new byte[64];
    private byte[] _bytes = new byte[512];
    private int _length;

    /// <summary>The block.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>Bytes that count for the limit of a message: names and values, of system properties the values only.</summary>
    public int Counted { get; private set; }

    /// <summary>Starts a new block.</summary>
    public void Clear()
    {
        (_length, Counted) = (0, 0);
        if (_bytes.Length > KeptCapacity)
            _bytes = new byte[KeptCapacity];
    }

    /// <summary>Adds what the section says. Null when it could be read, else what was wrong.</summary>
    public string? Add(Section section, AmqpReader value)
    {
        switch (section)
        {
            case Section.Properties:
                return AddProperties(ref value);
            case Section.ApplicationProperties:
                return AddMap(ref value, isAnnotation: false);
            case Section.MessageAnnotations:
                return AddMap(ref value, isAnnotation: true);
            default:
                return null;
        }
    }

    private string? AddProperties(ref AmqpReader value)
    {
        var fields = value.ReadList(out _);
        foreach (var name in Names)
        {
            var isNull = fields.IsNull();
            if (isNull || name.Length == 0)
                fields.SkipValue();
            else
                Write(name, Text(ref fields), isSystem: true);
        }
        value.FailWith(fields);
        return value.Error;
    }

    private string? AddMap(ref AmqpReader value, bool isAnnotation)
    {
        var map = value.ReadMap(out _);
        while (map.More)
        {
            var name = map.ReadUtf8(out _);
            if (name.Length > MessageLimits.PropertyName)
                return "a property's name is too long";
            var system = SystemName(name, isAnnotation);
            if (isAnnotation && system.IsEmpty)
            {
                map.SkipValue();
                continue;
            }
            if (map.IsNull())
            {
                map.SkipValue();
                if (!isAnnotation)
                    WriteNull(name);
                continue;
            }
            var content = Text(ref map);
            if (map.Failed)
                break;
            Write(system.IsEmpty ? name : system, content, !system.IsEmpty);
        }
        value.FailWith(map);
        return value.Error;
    }

    private static ReadOnlySpan<byte> SystemName(ReadOnlySpan<byte> name, bool isAnnotation)
    {
        if (name.SequenceEqual("iothub-interface-id"u8))
            return "$.ifid"u8;
        if (name.SequenceEqual("dt-subject"u8))
            return "$.sub"u8;
        if (isAnnotation && name.SequenceEqual("Diagnostic-Id"u8))
            return "$.diagid"u8;
        if (isAnnotation && name.SequenceEqual("Correlation-Context"u8))
            return "$.diagctx"u8;
        if (name.SequenceEqual("iothub-creation-time-utc"u8))
            return "$.ctime"u8;
        if (name.SequenceEqual("iothub-message-schema"u8))
            return "$.schema"u8;
        return name.SequenceEqual("iothub-outputname"u8) ? "$.on"u8 : default;
    }

    /// <summary>The text of a value: of texts their bytes, of other simple values what a person would write; others fail.</summary>
    private ReadOnlySpan<byte> Text(scoped ref AmqpReader reader)
    {
        var room = _text.AsSpan();
        // Constructors of binaries, strings and symbols end in 0, 1 and 3.
        switch (reader.PeekCode())
        {
            case 0xa0 or 0xb0:
                return reader.ReadBinary(out _);
            case 0xa1 or 0xb1 or 0xa3 or 0xb3:
                return reader.ReadUtf8(out _);
            default:
                break;
        }
        var value = reader.ReadValue();
        var written = 0;
        var fits = value switch
        {
            bool v => Utf8Formatter.TryFormat(v, room, out written, 'l'),
            Guid v => Utf8Formatter.TryFormat(v, room, out written),
            DateTimeOffset v => Encoding.UTF8.TryGetBytes(v.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture), room, out written),
            IUtf8SpanFormattable v => v.TryFormat(room, out written, default, CultureInfo.InvariantCulture),
            _ => false,
        };
        if (fits)
            return room[..written];
        reader.Fail("a property is of a type that has no text");
        return default;
    }

    private void Write(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, bool isSystem)
    {
        _length += RecordProperties.Write(Room(name.Length + value.Length), name, value);
        Counted += (isSystem ? 0 : name.Length) + value.Length;
    }

    private void WriteNull(ReadOnlySpan<byte> name)
    {
        var room = Room(name.Length);
        name.CopyTo(RecordProperties.NameRoom(room));
        _length += RecordProperties.Close(room, name.Length, null);
        Counted += name.Length;
    }

    private Span<byte> Room(int size)
    {
        if (_bytes.Length - _length < size + RecordProperties.Overhead)
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + size + RecordProperties.Overhead));
        return _bytes.AsSpan(_length);
    }
}
