using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Homeport.Tests.Transcripts.Amqp;

/// <summary>AMQP frames as the lines of a transcript, read here once more, by the standard and not by the code under test.</summary>
/// <remarks><code>
/// begin remote-channel=ushort:0 next-outgoing-id=0 ...      fields that are null are left out; a uint is a bare number, others say their type
/// transfer handle=0 ... | properties message-id="1" | data "..."
/// </code></remarks>
internal static class AmqpText
{
    private static readonly Dictionary<ulong, (string Name, string[] Fields)> Composites = new()
    {
        [0x10] = ("open", ["container-id", "hostname", "max-frame-size", "channel-max", "idle-time-out", "outgoing-locales", "incoming-locales", "offered-capabilities", "desired-capabilities", "properties"]),
        [0x11] = ("begin", ["remote-channel", "next-outgoing-id", "incoming-window", "outgoing-window", "handle-max", "offered-capabilities", "desired-capabilities", "properties"]),
        [0x12] = ("attach",
        [
            "name", "handle", "role", "snd-settle-mode", "rcv-settle-mode", "source", "target", "unsettled", "incomplete-unsettled", "initial-delivery-count", "max-message-size",
            "offered-capabilities", "desired-capabilities", "properties",
        ]),
        [0x13] = ("flow", ["next-incoming-id", "incoming-window", "next-outgoing-id", "outgoing-window", "handle", "delivery-count", "link-credit", "available", "drain", "echo", "properties"]),
        [0x14] = ("transfer", ["handle", "delivery-id", "delivery-tag", "message-format", "settled", "more", "rcv-settle-mode", "state", "resume", "aborted", "batchable"]),
        [0x15] = ("disposition", ["role", "first", "last", "settled", "state", "batchable"]),
        [0x16] = ("detach", ["handle", "closed", "error"]),
        [0x17] = ("end", ["error"]),
        [0x18] = ("close", ["error"]),
        [0x1d] = ("error", ["condition", "description", "info"]),
        [0x24] = ("accepted", []),
        [0x25] = ("rejected", ["error"]),
        [0x26] = ("released", []),
        [0x27] = ("modified", ["delivery-failed", "undeliverable-here", "message-annotations"]),
        [0x28] = ("source", ["address", "durable", "expiry-policy", "timeout", "dynamic", "dynamic-node-properties", "distribution-mode", "filter", "default-outcome", "outcomes", "capabilities"]),
        [0x29] = ("target", ["address", "durable", "expiry-policy", "timeout", "dynamic", "dynamic-node-properties", "capabilities"]),
        [0x40] = ("sasl-mechanisms", ["mechanisms"]),
        [0x41] = ("sasl-init", ["mechanism", "initial-response", "hostname"]),
        [0x44] = ("sasl-outcome", ["code", "additional-data"]),
        [0x70] = ("header", ["durable", "priority", "ttl", "first-acquirer", "delivery-count"]),
        [0x71] = ("delivery-annotations", []),
        [0x72] = ("message-annotations", []),
        [0x73] = ("properties",
        [
            "message-id", "user-id", "to", "subject", "reply-to", "correlation-id", "content-type", "content-encoding", "absolute-expiry-time", "creation-time", "group-id", "group-sequence",
            "reply-to-group-id",
        ]),
        [0x74] = ("application-properties", []),
        [0x75] = ("data", []),
        [0x76] = ("amqp-sequence", []),
        [0x77] = ("amqp-value", []),
    };

    /// <summary>A protocol header, or a whole frame.</summary>
    public static string Of(byte[] bytes)
    {
        if (bytes.AsSpan().StartsWith("AMQP"u8))
            return $"AMQP {bytes[4]} {bytes[5]}.{bytes[6]}.{bytes[7]}";
        BinaryPrimitives.ReadInt32BigEndian(bytes).ShouldBe(bytes.Length, "a frame says its own size");
        var text = new List<string>();
        var at = bytes[4] * 4;
        while (at < bytes.Length)
            text.Add(Read(bytes, ref at));
        return text.Count == 0 ? "(heartbeat)" : string.Join(" | ", text);
    }

    private static string Read(byte[] bytes, ref int at)
    {
        var code = bytes[at++];
        return code == 0 ? Described(bytes, ref at) : Value(code, bytes, ref at);
    }

    private static string Described(byte[] bytes, ref int at)
    {
        var code = bytes[at++];
        if (code is not (0x53 or 0x80 or 0x44))
            return $"@{Value(code, bytes, ref at)} {Read(bytes, ref at)}";
        var descriptor = code switch { 0x44 => 0UL, 0x53 => bytes[at++], _ => (ulong)Number(bytes, ref at, 8) };
        if (!Composites.TryGetValue(descriptor, out var known))
            return $"@{descriptor} {Read(bytes, ref at)}";
        if (descriptor is >= 0x71 and not 0x73)
            return $"{known.Name} {Read(bytes, ref at)}";
        var body = Items(bytes[at++], bytes, ref at).Select((value, i) => (value, i)).Where(f => f.value != "null").Select(f => $"{known.Fields[f.i]}={f.value}").ToList();
        return descriptor is (>= 0x10 and < 0x1d) or 0x73 or 0x70 or (>= 0x40 and <= 0x44) ? string.Join(' ', body.Prepend(known.Name)) : $"{known.Name}({string.Join(' ', body)})";
    }

    private static string Value(byte code, byte[] bytes, ref int at)
    {
        switch (code)
        {
            case 0x40: return "null";
            case 0x41: return "true";
            case 0x42: return "false";
            case 0x43: return "0";
            case 0x44: return "ulong:0";
            case 0x56: return bytes[at++] == 0 ? "false" : "true";
            case 0x50: return $"ubyte:{Number(bytes, ref at, 1)}";
            case 0x51: return $"byte:{(sbyte)Number(bytes, ref at, 1)}";
            case 0x52: return $"{Number(bytes, ref at, 1)}";
            case 0x53: return $"ulong:{Number(bytes, ref at, 1)}";
            case 0x54: return $"int:{(sbyte)Number(bytes, ref at, 1)}";
            case 0x55: return $"long:{(sbyte)Number(bytes, ref at, 1)}";
            case 0x60: return $"ushort:{Number(bytes, ref at, 2)}";
            case 0x61: return $"short:{(short)Number(bytes, ref at, 2)}";
            case 0x70: return $"{Number(bytes, ref at, 4)}";
            case 0x71: return $"int:{(int)Number(bytes, ref at, 4)}";
            case 0x80: return $"ulong:{(ulong)Number(bytes, ref at, 8)}";
            case 0x81: return $"long:{Number(bytes, ref at, 8)}";
            case 0x82: return $"double:{BitConverter.Int64BitsToDouble(Number(bytes, ref at, 8)).ToString(CultureInfo.InvariantCulture)}";
            case 0x83: return $"timestamp:{Number(bytes, ref at, 8)}";
            case 0x98: return $"uuid:{new Guid(Bytes(bytes, ref at, 16), bigEndian: true)}";
            case 0xa0 or 0xb0: return Binary(Sized(code, bytes, ref at));
            case 0xa1 or 0xb1: return $"\"{Encoding.UTF8.GetString(Sized(code, bytes, ref at))}\"";
            case 0xa3 or 0xb3: return $"'{Encoding.ASCII.GetString(Sized(code, bytes, ref at))}'";
            case 0x45 or 0xc0 or 0xd0: return $"[{string.Join(' ', Items(code, bytes, ref at))}]";
            case 0xc1 or 0xd1: return $"{{{string.Join(' ', Items(code, bytes, ref at).Chunk(2).Select(p => $"{p[0]}:{p[1]}"))}}}";
            case 0xe0 or 0xf0: return $"<{string.Join(' ', ArrayItems(code, bytes, ref at))}>";
            default: throw new InvalidDataException($"0x{code:x2} is no type of AMQP that is read here");
        }
    }

    /// <summary>Text where it is one: what a body or a tag of an SDK mostly is.</summary>
    private static string Binary(byte[] value)
        => value.Length > 0 && Array.TrueForAll(value, b => b is >= 0x20 and < 0x7f) ? $"#\"{Encoding.ASCII.GetString(value)}\"" : $"#{Convert.ToHexStringLower(value)}";

    private static List<string> Items(byte code, byte[] bytes, ref int at)
    {
        var items = new List<string>();
        if (code == 0x45)
            return items;
        var width = code >= 0xd0 ? 4 : 1;
        Number(bytes, ref at, width);
        for (var count = Number(bytes, ref at, width); count > 0; count--)
            items.Add(Read(bytes, ref at));
        return items;
    }

    private static List<string> ArrayItems(byte code, byte[] bytes, ref int at)
    {
        var items = new List<string>();
        var width = code >= 0xf0 ? 4 : 1;
        Number(bytes, ref at, width);
        var count = Number(bytes, ref at, width);
        for (var constructor = bytes[at++]; count > 0; count--)
            items.Add(Value(constructor, bytes, ref at));
        return items;
    }

    private static byte[] Sized(byte code, byte[] bytes, ref int at) => Bytes(bytes, ref at, (int)Number(bytes, ref at, code >= 0xb0 ? 4 : 1));

    private static byte[] Bytes(byte[] bytes, ref int at, int count)
    {
        var part = bytes.AsSpan(at, count).ToArray();
        at += count;
        return part;
    }

    private static long Number(byte[] bytes, ref int at, int width)
    {
        var value = 0L;
        for (var i = 0; i < width; i++)
            value = (value << 8) | bytes[at++];
        return value;
    }
}
