using System.Buffers;
using System.Text;
using Homeport.Mqtt;

namespace Homeport.Tests.Mqtt;

/// <summary>PUBLISH, PUBACK, SUBSCRIBE, UNSUBSCRIBE and their answers, MQTT 3.1.1 sections 3.3 to 3.14.</summary>
public sealed class SessionPacketTests
{
    [Theory]
    [InlineData("a", "", 0, 0, false)]
    [InlineData("devices/dev1/messages/devicebound/%24.to=x", "c2d-hello", 1, 101, false)]
    [InlineData("devices/dev1/messages/devicebound/ä", "again", 1, 65535, true)]
    [InlineData("$iothub/methods/POST/echo/?$rid=1", "{\"a\":1}", 0, 0, false)]
    public void PUBLISH_reads_back(string topic, string payload, int qos, int packetId, bool duplicate)
    {
        var (topicBytes, payloadBytes) = (Encoding.UTF8.GetBytes(topic), Encoding.UTF8.GetBytes(payload));
        var target = new byte[PublishPacket.MaxSize(topicBytes.Length, payloadBytes.Length)];
        var size = PublishPacket.Write(target, topicBytes, payloadBytes, qos, (ushort)packetId, duplicate);
        var frame = Wire.Read(target[..size]);
        frame.Type.ShouldBe(PacketType.Publish);
        PublishPacket.TryParse(frame.Flags, frame.Body.FirstSpan, out var packet).ShouldBeTrue();
        Encoding.UTF8.GetString(packet.Topic).ShouldBe(topic);
        Encoding.UTF8.GetString(packet.Payload).ShouldBe(payload);
        (packet.Qos, (int)packet.PacketId, packet.Duplicate, packet.Retain).ShouldBe((qos, packetId, duplicate, false));
    }

    [Fact]
    public void PUBLISH_is_written_as_clients_saw_it()
    {
        var target = new byte[200];
        var size = PublishPacket.Write(target, "devices/dev1/messages/devicebound/%24.mid=m1&%24.to=%2Fdevices%2Fdev1%2Fmessages%2Fdevicebound&iothub-ack=full&p1=v1"u8, "c2d-hello"u8, 1, 0x65);
        target[..size].ShouldBe(Wire.Bytes("32 8101 'devices/dev1/messages/devicebound/%24.mid=m1&%24.to=%2Fdevices%2Fdev1%2Fmessages%2Fdevicebound&iothub-ack=full&p1=v1' 0065 6332642d68656c6c6f"));
    }

    [Fact]
    public void PUBLISH_of_256_KB_has_three_digits_of_length()
    {
        var payload = new byte[256 * 1024];
        var target = new byte[PublishPacket.MaxSize(3, payload.Length)];
        var size = PublishPacket.Write(target, "a/b"u8, payload, 1, 7);
        size.ShouldBe(1 + 3 + 2 + 3 + 2 + payload.Length);
        var frame = Wire.Read(target[..size]);
        PublishPacket.TryParse(frame.Flags, frame.Body.FirstSpan, out var packet).ShouldBeTrue();
        packet.Payload.Length.ShouldBe(payload.Length);
    }

    [Theory]
    [InlineData(0x0, "'a/b'", 0, false, false)]
    [InlineData(0x1, "'a/b'", 0, false, true)]
    [InlineData(0x2, "'a/b' 0001", 1, false, false)]
    [InlineData(0x3, "'a/b' 0001", 1, false, true)]
    [InlineData(0xA, "'a/b' 0001", 1, true, false)]
    [InlineData(0x4, "'a/b' 0001", 2, false, false)]
    [InlineData(0xD, "'a/b' 0001", 2, true, true)]
    public void PUBLISH_flags_are_read(int flags, string body, int qos, bool duplicate, bool retain)
    {
        PublishPacket.TryParse(flags, Wire.Bytes(body), out var packet).ShouldBeTrue();
        (packet.Qos, packet.Duplicate, packet.Retain, (int)packet.PacketId).ShouldBe((qos, duplicate, retain, qos == 0 ? 0 : 1));
        packet.Payload.Length.ShouldBe(0);
    }

    [Theory]
    [InlineData(0x6, "'a/b' 0001 00", "QoS 3, MQTT-3.3.1-4")]
    [InlineData(0xE, "'a/b' 0001 00", "QoS 3 with DUP, MQTT-3.3.1-4")]
    [InlineData(0x8, "'a/b' 00", "DUP with QoS 0, MQTT-3.3.1-2")]
    [InlineData(0x0, "", "empty body")]
    [InlineData(0x0, "00", "half a length")]
    [InlineData(0x0, "0004 612f62", "topic longer than the packet")]
    [InlineData(0x0, "'' 00", "empty topic, MQTT-4.7.3-1")]
    [InlineData(0x0, "'a/+' 00", "wildcard, MQTT-3.3.2-2")]
    [InlineData(0x0, "'a/#' 00", "wildcard, MQTT-3.3.2-2")]
    [InlineData(0x0, "0003 610062 00", "U+0000, MQTT-4.7.3-2")]
    [InlineData(0x0, "0002 c328 00", "no UTF-8, MQTT-3.3.2-1")]
    [InlineData(0x0, "0003 eda080 00", "surrogate, MQTT-1.5.3-1")]
    [InlineData(0x2, "'a/b'", "no packet id")]
    [InlineData(0x2, "'a/b' 00", "half a packet id")]
    [InlineData(0x2, "'a/b' 0000 01", "packet id 0, MQTT-2.3.1-1")]
    [InlineData(0x4, "'a/b' 0000 01", "packet id 0, MQTT-2.3.1-1")]
    public void A_malformed_PUBLISH_is_refused(int flags, string body, string why) => PublishPacket.TryParse(flags, Wire.Bytes(body), out _).ShouldBeFalse(why);

    [Fact]
    public void PUBACK_reads_back()
    {
        var bytes = new byte[PubackPacket.Size];
        PubackPacket.Write(bytes, 0xC2AB);
        bytes.ShouldBe(Wire.Bytes("40 02 c2ab"));
        PubackPacket.TryParse(bytes.AsSpan(2), out var id).ShouldBeTrue();
        id.ShouldBe((ushort)0xC2AB);
    }

    [Theory]
    [InlineData("")]
    [InlineData("01")]
    [InlineData("0000")]
    [InlineData("0001 00")]
    public void A_malformed_PUBACK_is_refused(string body) => PubackPacket.TryParse(Wire.Bytes(body), out _).ShouldBeFalse();

    [Fact]
    public void SUBSCRIBE_reads_back()
    {
        var packet = new SubscribePacket(0xC2AA, [new("devices/dev1/messages/devicebound/#", 1), new("$iothub/twin/res/#", 0), new("ä", 2)]);
        var frame = Wire.Read(packet.ToBytes());
        frame.Type.ShouldBe(PacketType.Subscribe);
        SubscribePacket.TryParse(frame.Flags, frame.Body.FirstSpan, out var again).ShouldBeTrue();
        again!.PacketId.ShouldBe((ushort)0xC2AA);
        again.Filters.ShouldBe(packet.Filters);
    }

    [Fact]
    public void SUBSCRIBE_is_written_as_a_Node_client_writes_it()
        => new SubscribePacket(0xC2AA, [new("devices/dev1/messages/devicebound/#", 1)]).ToBytes().ShouldBe(Wire.Bytes("82 28 c2aa 'devices/dev1/messages/devicebound/#' 01"));

    [Theory]
    [InlineData(0x0, "0001 'a' 00", "flags 0, MQTT-3.8.1-1")]
    [InlineData(0x3, "0001 'a' 00", "flags 3, MQTT-3.8.1-1")]
    [InlineData(0xA, "0001 'a' 00", "flags 10, MQTT-3.8.1-1")]
    [InlineData(0x2, "", "empty body")]
    [InlineData(0x2, "00", "half a packet id")]
    [InlineData(0x2, "0000 'a' 00", "packet id 0, MQTT-2.3.1-1")]
    [InlineData(0x2, "0001", "no filter, MQTT-3.8.3-3")]
    [InlineData(0x2, "0001 'a'", "no QoS")]
    [InlineData(0x2, "0001 'a' 03", "QoS 3, MQTT-3.8.3-4")]
    [InlineData(0x2, "0001 'a' 04", "reserved bits, MQTT-3.8.3-4")]
    [InlineData(0x2, "0001 'a' 81", "reserved bits, MQTT-3.8.3-4")]
    [InlineData(0x2, "0001 '' 00", "empty filter, MQTT-4.7.3-1")]
    [InlineData(0x2, "0001 0003 6100", "filter longer than the packet")]
    [InlineData(0x2, "0001 0003 610062 00", "U+0000, MQTT-4.7.3-2")]
    [InlineData(0x2, "0001 0002 c328 00", "no UTF-8, MQTT-3.8.3-1")]
    [InlineData(0x2, "0001 'a' 00 00", "half a second filter")]
    [InlineData(0x2, "0001 'a' 00 'b'", "second filter without QoS")]
    public void A_malformed_SUBSCRIBE_is_refused(int flags, string body, string why) => SubscribePacket.TryParse(flags, Wire.Bytes(body), out _).ShouldBeFalse(why);

    [Fact]
    public void SUBACK_has_a_code_for_each_filter()
    {
        var subscribe = new SubscribePacket(0x0102, [new("a", 0), new("b", 1), new("c", 2)]);
        subscribe.Suback([0, 1, SubscribePacket.Failure]).ShouldBe(Wire.Bytes("90 05 0102 00 01 80"));
        var many = subscribe.Suback([.. Enumerable.Repeat((byte)1, 300)]);
        Wire.Read(many).Body.Length.ShouldBe(302);
    }

    [Fact]
    public void UNSUBSCRIBE_is_read_and_answered()
    {
        UnsubscribePacket.TryParse(2, Wire.Bytes("0a0b 'a/#' 'b'"), out var packet).ShouldBeTrue();
        packet!.PacketId.ShouldBe((ushort)0x0A0B);
        packet.Filters.ShouldBe(["a/#", "b"]);
        packet.Unsuback().ShouldBe(Wire.Bytes("b0 02 0a0b"));
    }

    [Theory]
    [InlineData(0x0, "0001 'a'", "flags 0, MQTT-3.10.1-1")]
    [InlineData(0x6, "0001 'a'", "flags 6, MQTT-3.10.1-1")]
    [InlineData(0x2, "", "empty body")]
    [InlineData(0x2, "0000 'a'", "packet id 0, MQTT-2.3.1-1")]
    [InlineData(0x2, "0001", "no filter, MQTT-3.10.3-2")]
    [InlineData(0x2, "0001 ''", "empty filter, MQTT-4.7.3-1")]
    [InlineData(0x2, "0001 'a' 00", "half a length")]
    [InlineData(0x2, "0001 0002 61", "filter longer than the packet")]
    [InlineData(0x2, "0001 0002 c328", "no UTF-8, MQTT-3.10.3-1")]
    [InlineData(0x2, "0001 0001 00", "U+0000, MQTT-4.7.3-2")]
    public void A_malformed_UNSUBSCRIBE_is_refused(int flags, string body, string why) => UnsubscribePacket.TryParse(flags, Wire.Bytes(body), out _).ShouldBeFalse(why);

    [Fact]
    public void Packets_without_a_body_are_two_bytes()
    {
        EmptyPackets.Pingreq.ToArray().ShouldBe(Wire.Bytes("c0 00"));
        EmptyPackets.Pingresp.ToArray().ShouldBe(Wire.Bytes("d0 00"));
        EmptyPackets.Disconnect.ToArray().ShouldBe(Wire.Bytes("e0 00"));
    }

    [Fact]
    public void The_captured_session_of_a_Node_client_is_read_to_its_end()
    {
        var bytes = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Fixtures", "node-session.hex")).SelectMany(Convert.FromHexString).ToArray();
        var buffer = new ReadOnlySequence<byte>(bytes);
        var seen = new List<string>();
        while (Frame.TryRead(ref buffer, 300_000, out var frame) == FrameStatus.Complete)
            seen.Add(Describe(frame));
        buffer.IsEmpty.ShouldBeTrue();
        seen.Count.ShouldBeGreaterThan(8);
        seen[0].ShouldBe("CONNECT dev1");
        seen[1].ShouldBe("SUBSCRIBE devices/dev1/messages/devicebound/# 1");
        seen[2].ShouldBe("PUBLISH 1 devices/dev1/messages/events/%24.mid=mid-1&%24.cid=corr-1&%24.ct=application%2Fjson&%24.ce=utf-8&p%201=v%2F1 {\"t\":1}");
        seen.ShouldContain("SUBSCRIBE $iothub/methods/POST/# 0");
        seen.ShouldContain("SUBSCRIBE $iothub/twin/res/# 0");
        seen.ShouldContain("PUBACK 101");
        seen[^1].ShouldBe("Disconnect");
    }

    private static string Describe(Frame frame)
    {
        var body = frame.Body.ToArray();
        switch (frame.Type)
        {
            case PacketType.Connect:
                ConnectPacket.TryParse(frame, out var connect).ShouldBe(ConnectStatus.Ok);
                return connect!.ToString();
            case PacketType.Publish:
                PublishPacket.TryParse(frame.Flags, body, out var publish).ShouldBeTrue();
                return $"PUBLISH {publish.Qos} {Encoding.UTF8.GetString(publish.Topic)} {Encoding.UTF8.GetString(publish.Payload)}";
            case PacketType.Puback:
                PubackPacket.TryParse(body, out var id).ShouldBeTrue();
                return $"PUBACK {id}";
            case PacketType.Subscribe:
                SubscribePacket.TryParse(frame.Flags, body, out var subscribe).ShouldBeTrue();
                return $"SUBSCRIBE {string.Join(' ', subscribe!.Filters.Select(f => $"{f.Filter} {f.Qos}"))}";
            default:
                return frame.Type.ToString();
        }
    }
}
