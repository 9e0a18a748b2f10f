using System.Buffers;
using Homeport.Mqtt;

namespace Homeport.Tests.Mqtt;

/// <summary>A fixed number of mutated packets through the frame reader and every parser: no exception, and what is accepted has the meaning that it says.</summary>
public sealed class MutationTests
{
    private static readonly byte[][] Seeds =
    [
        Wire.Packet(0x10, Wire.Bytes("'MQTT' 04 ee 000a 'dev1' 'devices/dev1/messages/events/' 0003 00ff07 'user' 'word'")),
        new ConnectPacket("dev1", "host/dev1/?api-version=2021-04-12", "SharedAccessSignature sr=a&sig=b&se=1", false, 60).ToBytes(),
        Wire.Packet(0x30, Wire.Bytes("'devices/dev1/messages/events/a=b' 7b7d")),
        Wire.Packet(0x32, Wire.Bytes("'devices/dev1/messages/events/ä=%20' 0001 7b7d")),
        new SubscribePacket(1, [new("devices/dev1/messages/devicebound/#", 1), new("$iothub/twin/res/#", 0)]).ToBytes(),
        Wire.Packet(0xA2, Wire.Bytes("0002 '$iothub/methods/POST/#' 'b'")),
        Wire.Bytes("40 02 0001 c0 00 e0 00 20 02 00 00 30 80 80 01"),
    ];

    [Fact]
    public void Nothing_throws_and_nothing_invalid_is_accepted()
    {
        const int Rounds = 200_000;
        var (frames, accepted) = (0, 0);
        foreach (var bytes in Mutation.Of(Seeds, Rounds))
        {
            var buffer = new ReadOnlySequence<byte>(bytes);
            for (var before = buffer.Length; Frame.TryRead(ref buffer, 100_000, out var frame) == FrameStatus.Complete; before = buffer.Length)
            {
                (before - buffer.Length).ShouldBeInRange(2 + frame.Body.Length, 5 + frame.Body.Length);
                frames++;
                if (TryParse(frame))
                    accepted++;
            }
        }
        frames.ShouldBeGreaterThan(20_000);
        accepted.ShouldBeInRange(5_000, frames - 5_000);
    }

    [Fact]
    public void Every_parser_takes_every_body()
    {
        foreach (var bytes in Mutation.Of([.. Seeds.Select(s => s[2..])], 100_000))
        {
            for (var flags = 0; flags <= 2; flags += 2)
            {
                Check(flags, bytes);
                _ = SubscribePacket.TryParse(flags, bytes, out _);
                _ = UnsubscribePacket.TryParse(flags, bytes, out _);
            }
            _ = PubackPacket.TryParse(bytes, out _);
            _ = ConnackPacket.TryParse(bytes, out _);
        }
    }

    [Fact]
    public void Where_a_frame_is_cut_does_not_matter()
    {
        foreach (var bytes in Mutation.Of(Seeds, 20_000).Where(b => b.Length > 2))
        {
            var whole = new ReadOnlySequence<byte>(bytes);
            var split = Wire.Split(bytes, 1, bytes.Length / 2);
            var expected = Frame.TryRead(ref whole, 100_000, out var frame);
            Frame.TryRead(ref split, 100_000, out var other).ShouldBe(expected);
            split.Length.ShouldBe(whole.Length);
            if (expected != FrameStatus.Complete)
                continue;
            (other.Type, other.Flags).ShouldBe((frame.Type, frame.Flags));
            other.Body.ToArray().ShouldBe(frame.Body.ToArray());
        }
    }

    private static bool TryParse(Frame frame)
    {
        var body = frame.Body.ToArray();
        switch (frame.Type)
        {
            case PacketType.Connect:
                if (ConnectPacket.TryParse(frame, out var connect) != ConnectStatus.Ok)
                    return false;
                connect!.KeepAlive.ShouldBeInRange(0, ushort.MaxValue);
                (connect.ClientId + connect.UserName + connect.Will?.Topic).ShouldNotContain('\0');
                return true;
            case PacketType.Publish:
                return Check(frame.Flags, body);
            case PacketType.Subscribe:
                if (!SubscribePacket.TryParse(frame.Flags, body, out var subscribe))
                    return false;
                Wire.Read(subscribe.ToBytes()).Body.ToArray().ShouldBe(body);
                return true;
            case PacketType.Unsubscribe:
                return UnsubscribePacket.TryParse(frame.Flags, body, out var unsubscribe) && unsubscribe.Filters.All(f => f.Length > 0);
            case PacketType.Puback:
                return PubackPacket.TryParse(body, out _);
            default:
                return ConnackPacket.TryParse(body, out _);
        }
    }

    private static bool Check(int flags, byte[] body)
    {
        if (!PublishPacket.TryParse(flags, body, out var publish))
            return false;
        publish.Topic.IsEmpty.ShouldBeFalse();
        publish.Topic.IndexOfAny("+#\0"u8).ShouldBe(-1);
        var target = new byte[PublishPacket.MaxSize(publish.Topic.Length, publish.Payload.Length)];
        var size = PublishPacket.Write(target, publish.Topic, publish.Payload, publish.Qos, publish.PacketId, publish.Duplicate);
        Wire.Read(target[..size]).Body.ToArray().ShouldBe(body);
        return true;
    }
}
