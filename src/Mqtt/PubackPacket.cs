using System.Buffers.Binary;

namespace Homeport.Mqtt;

/// <summary>PUBACK. Source: MQTT 3.1.1 section 3.4.</summary>
public static class PubackPacket
{
    /// <summary>Size of the packet, in bytes.</summary>
    public const int Size = 4;

    /// <summary>Writes the packet.</summary>
    public static void Write(Span<byte> target, ushort packetId)
    {
        target[0] = 0x40;
        target[1] = 2;
        BinaryPrimitives.WriteUInt16BigEndian(target[2..], packetId);
    }

    /// <summary>Reads the body of a PUBACK frame (an UNSUBACK has the same).</summary>
    public static bool TryParse(ReadOnlySpan<byte> body, out ushort packetId)
    {
        packetId = body.Length == 2 ? BinaryPrimitives.ReadUInt16BigEndian(body) : (ushort)0;
        return packetId != 0;
    }
}
