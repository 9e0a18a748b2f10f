using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Homeport.Mqtt;

/// <summary>Reads the fields of a packet's body one after the other. A field that is not there makes <see cref="Failed"/> true and reads as empty.</summary>
internal ref struct PacketReader(ReadOnlySpan<byte> body)
{
    private ReadOnlySpan<byte> _rest = body;

    /// <summary>A field did not fit into the body.</summary>
    public bool Failed { get; private set; }

    public readonly bool AtEnd => _rest.IsEmpty;

    public readonly ReadOnlySpan<byte> Rest => _rest;

    public byte ReadByte()
    {
        if (_rest.IsEmpty)
        {
            Failed = true;
            return 0;
        }
        var value = _rest[0];
        _rest = _rest[1..];
        return value;
    }

    public ushort ReadUInt16()
    {
        if (_rest.Length < 2)
        {
            Failed = true;
            _rest = default;
            return 0;
        }
        var value = BinaryPrimitives.ReadUInt16BigEndian(_rest);
        _rest = _rest[2..];
        return value;
    }

    /// <summary>Bytes with their length (u16) in front.</summary>
    public ReadOnlySpan<byte> ReadBytes()
    {
        var length = ReadUInt16();
        if (_rest.Length < length)
        {
            Failed = true;
            _rest = default;
            return default;
        }
        var value = _rest[..length];
        _rest = _rest[length..];
        return value;
    }

    /// <summary>UTF-8 text as MQTT allows it: well-formed and without U+0000. Source: MQTT 3.1.1 section 1.5.3.</summary>
    public ReadOnlySpan<byte> ReadText()
    {
        var value = ReadBytes();
        if (value.Contains((byte)0) || !Utf8.IsValid(value))
            Failed = true;
        return value;
    }

    public string ReadString()
    {
        var text = ReadText();
        return Failed ? "" : Encoding.UTF8.GetString(text);
    }
}
