using System.Diagnostics.CodeAnalysis;

namespace Homeport.Mqtt;

/// <summary>UNSUBSCRIBE. Source: MQTT 3.1.1 section 3.10.</summary>
/// <param name="PacketId">Packet identifier, not 0.</param>
/// <param name="Filters">Topic filters, at least one.</param>
public sealed record UnsubscribePacket(ushort PacketId, IReadOnlyList<string> Filters)
{
    /// <summary>Reads the body of an UNSUBSCRIBE frame.</summary>
    public static bool TryParse(int flags, ReadOnlySpan<byte> body, [NotNullWhen(true)] out UnsubscribePacket? packet)
    {
        packet = null;
        var reader = new PacketReader(body);
        var packetId = reader.ReadUInt16();
        var filters = new List<string>();
        while (!reader.Failed && !reader.AtEnd)
        {
            var filter = reader.ReadString();
            if (filter.Length == 0)
                return false;
            filters.Add(filter);
        }
        if (flags != 2 || reader.Failed || packetId == 0 || filters.Count == 0)
            return false;
        packet = new UnsubscribePacket(packetId, filters);
        return true;
    }

    /// <summary>UNSUBACK to this packet. Source: MQTT 3.1.1 section 3.11.</summary>
    public byte[] Unsuback() => [0xB0, 2, (byte)(PacketId >> 8), (byte)PacketId];
}
