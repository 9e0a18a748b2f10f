using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Homeport.Mqtt;

/// <summary>SUBSCRIBE. Source: MQTT 3.1.1 section 3.8.</summary>
/// <param name="PacketId">Packet identifier, not 0.</param>
/// <param name="Filters">Topic filters with the quality of service asked for, at least one.</param>
public sealed record SubscribePacket(ushort PacketId, IReadOnlyList<TopicFilter> Filters)
{
    /// <summary>SUBACK return code of a refused filter.</summary>
    public const byte Failure = 0x80;

    /// <summary>Reads the body of a SUBSCRIBE frame.</summary>
    public static bool TryParse(int flags, ReadOnlySpan<byte> body, [NotNullWhen(true)] out SubscribePacket? packet)
    {
        packet = null;
        var reader = new PacketReader(body);
        var packetId = reader.ReadUInt16();
        var filters = new List<TopicFilter>();
        while (!reader.Failed && !reader.AtEnd)
        {
            var filter = reader.ReadString();
            var qos = reader.ReadByte();
            if (qos > 2 || filter.Length == 0)
                return false;
            filters.Add(new TopicFilter(filter, qos));
        }
        if (flags != 2 || reader.Failed || packetId == 0 || filters.Count == 0)
            return false;
        packet = new SubscribePacket(packetId, filters);
        return true;
    }

    /// <summary>The whole packet as bytes.</summary>
    public byte[] ToBytes()
    {
        var length = 2 + Filters.Sum(f => 3 + Encoding.UTF8.GetByteCount(f.Filter));
        var bytes = new byte[Frame.MaxHeaderSize + length];
        var at = Frame.WriteHeader(bytes, PacketType.Subscribe, 2, length);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), PacketId);
        at += 2;
        foreach (var (filter, qos) in Filters)
        {
            var size = Encoding.UTF8.GetBytes(filter, bytes.AsSpan(at + 2));
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), (ushort)size);
            at += 2 + size;
            bytes[at++] = (byte)qos;
        }
        return bytes[..at];
    }

    /// <summary>SUBACK to this packet: a code for each filter, 0, 1 or <see cref="Failure"/>. Source: MQTT 3.1.1 section 3.9.</summary>
    public byte[] Suback(IReadOnlyList<byte> codes)
    {
        var length = 2 + codes.Count;
        var bytes = new byte[Frame.MaxHeaderSize + length];
        var at = Frame.WriteHeader(bytes, PacketType.Suback, 0, length);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), PacketId);
        at += 2;
        foreach (var code in codes)
            bytes[at++] = code;
        return bytes[..at];
    }
}

/// <summary>A topic filter with its quality of service.</summary>
public readonly record struct TopicFilter(string Filter, int Qos);
