using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>The few MQTT 3.1.1 packets that the load generator sends, encoded once and reused.</summary>
internal static class MqttPackets
{
    private const byte ConnectType = 0x10;
    private const byte PublishQoS0 = 0x30;
    private const byte PublishQoS1 = 0x32;
    private const byte SubscribeType = 0x82;
    private const byte UserNameAndPassword = 0xC0;

    public static ReadOnlyMemory<byte> PingRequest { get; } = new byte[] { 0xC0, 0x00 };

    public static ReadOnlyMemory<byte> Disconnect { get; } = new byte[] { 0xE0, 0x00 };

    public static byte[] Connect(DeviceLogin login, ushort keepAliveSeconds)
    {
        // Clean session stays 0: the Azure SDKs send it so.
        var body = new List<byte>(256);
        AddText(body, "MQTT");
        body.Add(4);
        body.Add(UserNameAndPassword);
        body.Add((byte)(keepAliveSeconds >> 8));
        body.Add((byte)keepAliveSeconds);
        AddText(body, login.ClientId);
        AddText(body, login.UserName);
        AddText(body, login.Password);
        return Frame(ConnectType, body);
    }

    /// <summary>A PUBLISH with QoS 1 and packet id 0, to be patched with <see cref="PatchPacketId"/>.</summary>
    public static byte[] Publish(string topic, ReadOnlySpan<byte> payload)
    {
        var body = new List<byte>(topic.Length + payload.Length + 4);
        AddText(body, topic);
        body.Add(0);
        body.Add(0);
        body.AddRange(payload);
        return Frame(PublishQoS1, body);
    }

    /// <summary>A PUBLISH with QoS 0.</summary>
    public static byte[] PublishUnacknowledged(string topic, ReadOnlySpan<byte> payload)
    {
        var body = new List<byte>(topic.Length + payload.Length + 2);
        AddText(body, topic);
        body.AddRange(payload);
        return Frame(PublishQoS0, body);
    }

    /// <summary>A SUBSCRIBE to one filter, with packet id 1.</summary>
    public static byte[] Subscribe(string filter, int qos)
    {
        var body = new List<byte>(filter.Length + 5) { 0, 1 };
        AddText(body, filter);
        body.Add((byte)qos);
        return Frame(SubscribeType, body);
    }

    /// <summary>Writes a PUBACK.</summary>
    public static void WritePubAck(IBufferWriter<byte> output, ushort packetId)
    {
        BinaryPrimitives.WriteUInt32BigEndian(output.GetSpan(4), 0x4002_0000u | packetId);
        output.Advance(4);
    }

    /// <summary>Where the packet id stands in a frame made by <see cref="Publish"/>.</summary>
    public static int PacketIdOffset(ReadOnlySpan<byte> publish)
    {
        var offset = 1;
        while ((publish[offset++] & 0x80) != 0)
        {
        }

        return offset + 2 + BinaryPrimitives.ReadUInt16BigEndian(publish[offset..]);
    }

    public static void PatchPacketId(Span<byte> frame, int packetIdOffset, ushort packetId) =>
        BinaryPrimitives.WriteUInt16BigEndian(frame[packetIdOffset..], packetId);

    private static byte[] Frame(byte type, List<byte> body)
    {
        var frame = new List<byte>(body.Count + 5) { type };
        var rest = body.Count;
        do
        {
            frame.Add((byte)((rest & 0x7F) | (rest > 0x7F ? 0x80 : 0)));
            rest >>= 7;
        }
        while (rest > 0);
        frame.AddRange(body);
        return [.. frame];
    }

    private static void AddText(List<byte> body, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        body.Add((byte)(bytes.Length >> 8));
        body.Add((byte)bytes.Length);
        body.AddRange(bytes);
    }
}
