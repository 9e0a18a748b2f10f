using System.Buffers.Binary;

namespace Homeport.Mqtt;

/// <summary>PUBLISH, as views over its bytes. Source: MQTT 3.1.1 section 3.3.</summary>
public readonly ref struct PublishPacket
{
    private PublishPacket(int flags, ReadOnlySpan<byte> topic, ushort packetId, ReadOnlySpan<byte> payload)
    {
        Qos = (flags >> 1) & 3;
        Duplicate = (flags & 8) != 0;
        Retain = (flags & 1) != 0;
        Topic = topic;
        PacketId = packetId;
        Payload = payload;
    }

    /// <summary>Quality of service, 0 to 2.</summary>
    public int Qos { get; }

    /// <summary>The sender may have sent it before.</summary>
    public bool Duplicate { get; }

    public bool Retain { get; }

    /// <summary>Topic name in UTF-8, without wildcards.</summary>
    public ReadOnlySpan<byte> Topic { get; }

    /// <summary>Packet identifier; 0 with QoS 0.</summary>
    public ushort PacketId { get; }

    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>Reads the body of a PUBLISH frame. False when it is malformed.</summary>
    public static bool TryParse(int flags, ReadOnlySpan<byte> body, out PublishPacket packet)
    {
        packet = default;
        var qos = (flags >> 1) & 3;
        if (qos == 3 || (qos == 0 && (flags & 8) != 0))
            return false;
        var reader = new PacketReader(body);
        var topic = reader.ReadText();
        var packetId = qos == 0 ? (ushort)0 : reader.ReadUInt16();
        if (reader.Failed || topic.IsEmpty || topic.IndexOfAny((byte)'+', (byte)'#') >= 0 || (qos > 0 && packetId == 0))
            return false;
        packet = new PublishPacket(flags, topic, packetId, reader.Rest);
        return true;
    }

    /// <summary>A whole packet with quality of service 0, or 1 with its identifier.</summary>
    public static byte[] Make(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload, int qos = 0, ushort packetId = 0, bool duplicate = false)
    {
        var packet = new byte[MaxSize(topic.Length, payload.Length)];
        var length = Write(packet, topic, payload, qos, packetId, duplicate);
        return packet[..length];
    }

    /// <summary>Largest size of a packet with this topic and payload, in bytes.</summary>
    public static int MaxSize(int topicLength, int payloadLength) => Frame.MaxHeaderSize + 2 + topicLength + 2 + payloadLength;

    /// <summary>Writes a packet. Returns its size.</summary>
    /// <param name="target">Room for <see cref="MaxSize"/> bytes.</param>
    /// <param name="topic">Topic name in UTF-8.</param>
    /// <param name="payload">Payload.</param>
    /// <param name="qos">0 or 1.</param>
    /// <param name="packetId">Identifier, not 0, with QoS 1.</param>
    /// <param name="duplicate">Sent before.</param>
    public static int Write(Span<byte> target, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload, int qos, ushort packetId, bool duplicate = false)
    {
        var length = 2 + topic.Length + (qos > 0 ? 2 : 0) + payload.Length;
        var at = Frame.WriteHeader(target, PacketType.Publish, (qos << 1) | (duplicate ? 8 : 0), length);
        BinaryPrimitives.WriteUInt16BigEndian(target[at..], (ushort)topic.Length);
        topic.CopyTo(target[(at + 2)..]);
        at += 2 + topic.Length;
        if (qos > 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(target[at..], packetId);
            at += 2;
        }
        payload.CopyTo(target[at..]);
        return at + payload.Length;
    }
}
