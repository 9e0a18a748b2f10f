using System.Buffers;
using System.Globalization;
using System.Text;
using Homeport.Mqtt;
using Homeport.Tests.Mqtt;

namespace Homeport.Tests.Transcripts;

/// <summary>MQTT packets as the lines of a transcript. Both directions are written here once more, by the standard and not by the code under test.</summary>
/// <remarks><code>
/// PUBLISH q1 #7 {topic} | {payload}      q0 without #; flags: dup, retain; payload size:{n} is n letters x
/// SUBSCRIBE #1 {filter} {qos} ...        UNSUBSCRIBE #1 {filter} ...
/// PUBACK #7   PINGREQ   DISCONNECT       bytes 'MQTT' 04 ...   (text in quotes has its length in front)
/// </code></remarks>
internal static class PacketText
{
    /// <summary>The bytes of a client's packet.</summary>
    public static byte[] Encode(string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words[0] switch
        {
            "bytes" => Wire.Bytes(line["bytes".Length..]),
            "PINGREQ" => [0xC0, 0],
            "DISCONNECT" => [0xE0, 0],
            "PUBACK" => [0x40, 2, .. Id(words[1])],
            "SUBSCRIBE" => Packet(0x82, [.. Id(words[1]), .. words[2..].Chunk(2).SelectMany(w => (byte[])[.. Text(w[0]), byte.Parse(w[1], CultureInfo.InvariantCulture)])]),
            "UNSUBSCRIBE" => Packet(0xA2, [.. Id(words[1]), .. words[2..].SelectMany(Text)]),
            "PUBLISH" => Publish(line),
            _ => throw new InvalidDataException($"'{line}' is no packet"),
        };
    }

    /// <summary>A CONNECT; a will is <c>{qos}:{topic}</c>.</summary>
    public static byte[] Connect(string clientId, string? user, string? password, int keepAlive, string? will = null, bool clean = false)
        => Packet(0x10,
        [
            .. Text("MQTT"), 4, (byte)((clean ? 2 : 0) | (user is null ? 0 : 0x80) | (password is null ? 0 : 0x40) | (will is null ? 0 : 0x04 | ((will[0] - '0') << 3))), (byte)(keepAlive >> 8), (byte)keepAlive,
            .. Text(clientId), .. will is null ? [] : (byte[])[.. Text(will[2..]), .. Text("gone")], .. user is null ? [] : Text(user), .. password is null ? [] : Text(password),
        ]);

    /// <summary>A packet of the server in the notation of transcripts.</summary>
    public static string Decode(Frame frame)
    {
        var body = frame.Body.ToArray();
        if (frame.Type != PacketType.Publish)
            frame.Flags.ShouldBe(0, "the server sets no flags but those of PUBLISH");
        switch (frame.Type)
        {
            case PacketType.Connack:
                body.Length.ShouldBe(2);
                return $"CONNACK {body[1]}{(body[0] == 0 ? "" : " session-present")}";
            case PacketType.Puback:
                body.Length.ShouldBe(2);
                return $"PUBACK #{Number(body)}";
            case PacketType.Suback:
                return $"SUBACK #{Number(body)} {string.Join(' ', body[2..])}";
            case PacketType.Unsuback:
                body.Length.ShouldBe(2);
                return $"UNSUBACK #{Number(body)}";
            case PacketType.Pingresp:
                body.Length.ShouldBe(0);
                return "PINGRESP";
            case PacketType.Publish:
                var end = 2 + Number(body);
                var qos = (frame.Flags >> 1) & 3;
                return $"PUBLISH q{qos} {(qos > 0 ? $"#{Number(body[end..])} " : "")}{Encoding.UTF8.GetString(body[2..end])} | {Encoding.UTF8.GetString(body[(end + (qos > 0 ? 2 : 0))..])}";
            default:
                return $"{frame.Type} {frame.Flags} {Convert.ToHexString(body)}";
        }
    }

    private static byte[] Publish(string line)
    {
        var bar = line.IndexOf(" | ", StringComparison.Ordinal);
        var payload = bar < 0 ? "" : line[(bar + 3)..];
        var words = (bar < 0 ? line : line[..bar]).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var first = 0x30;
        byte[] id = [];
        foreach (var word in words[1..^1])
        {
            first |= word switch { "q1" => 2, "q2" => 4, "dup" => 8, "retain" => 1, _ => 0 };
            if (word[0] == '#')
                id = Id(word);
        }
        var body = payload.StartsWith("size:", StringComparison.Ordinal)
            ? [.. Enumerable.Repeat((byte)'x', int.Parse(payload[5..], CultureInfo.InvariantCulture))]
            : Encoding.UTF8.GetBytes(payload);
        return Packet(first, [.. Text(words[^1]), .. id, .. body]);
    }

    private static byte[] Packet(int first, byte[] body)
    {
        var header = new List<byte> { (byte)first };
        var length = body.Length;
        do
        {
            header.Add((byte)((length % 128) | (length >= 128 ? 128 : 0)));
            length /= 128;
        }
        while (length > 0);
        return [.. header, .. body];
    }

    private static byte[] Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return [(byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];
    }

    private static byte[] Id(string word)
    {
        var number = int.Parse(word.AsSpan(1), CultureInfo.InvariantCulture);
        return [(byte)(number >> 8), (byte)number];
    }

    private static int Number(byte[] body) => (body[0] << 8) | body[1];
}
