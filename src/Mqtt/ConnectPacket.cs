using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Homeport.Mqtt;

/// <summary>CONNECT. Source: MQTT 3.1.1 section 3.1.</summary>
/// <param name="ClientId">Client identifier.</param>
/// <param name="UserName">User name, or null.</param>
/// <param name="Password">Password as text, or null.</param>
/// <param name="CleanSession">Forget what the session held.</param>
/// <param name="KeepAlive">Seconds; 0 turns it off.</param>
/// <param name="Will">Message to publish when the connection breaks, or null.</param>
public sealed record ConnectPacket(string ClientId, string? UserName, string? Password, bool CleanSession, int KeepAlive, WillMessage? Will = null)
{
    private const byte Level = 4;

    /// <summary>Reads the body of a CONNECT frame.</summary>
    public static ConnectStatus TryParse(Frame frame, out ConnectPacket? packet)
    {
        packet = null;
        if (frame.Flags != 0)
            return ConnectStatus.Malformed;
        var reader = new PacketReader(frame.Body.IsSingleSegment ? frame.Body.FirstSpan : frame.Body.ToArray());
        var name = reader.ReadString();
        var level = reader.ReadByte();
        if (reader.Failed)
            return ConnectStatus.Malformed;
        // MQTT 3.1 called itself MQIsdp; it and MQTT 5 are other versions, not malformed packets.
        if (name is not ("MQTT" or "MQIsdp"))
            return ConnectStatus.Malformed;
        if (name != "MQTT" || level != Level)
            return ConnectStatus.OtherVersion;
        packet = ParseRest(ref reader);
        return packet is null ? ConnectStatus.Malformed : ConnectStatus.Ok;
    }

    private static ConnectPacket? ParseRest(ref PacketReader reader)
    {
        var flags = reader.ReadByte();
        var keepAlive = reader.ReadUInt16();
        var hasWill = (flags & 0x04) != 0;
        var willQos = (flags >> 3) & 3;
        if ((flags & 0x01) != 0 || willQos == 3 || (!hasWill && (flags & 0x38) != 0) || ((flags & 0x40) != 0 && (flags & 0x80) == 0))
            return null;
        var clientId = reader.ReadString();
        WillMessage? will = null;
        if (hasWill)
            will = new WillMessage(reader.ReadString(), reader.ReadBytes().ToArray(), willQos, (flags & 0x20) != 0);
        if (will is not null && !IsTopicName(will.Topic))
            return null;
        var userName = (flags & 0x80) != 0 ? reader.ReadString() : null;
        var password = (flags & 0x40) != 0 ? Encoding.UTF8.GetString(reader.ReadBytes()) : null;
        return reader.Failed || !reader.AtEnd ? null : new ConnectPacket(clientId, userName, password, (flags & 0x02) != 0, keepAlive, will);
    }

    /// <summary>A will is published to its topic, so it has to be one: not empty and without wildcards. Source: MQTT 3.1.1 section 4.7.</summary>
    private static bool IsTopicName(string topic) => topic.Length > 0 && topic.AsSpan().IndexOfAny('+', '#') < 0;

    /// <summary>The whole packet as bytes. Wills are not sent by our own clients.</summary>
    public byte[] ToBytes()
    {
        var clientId = Encoding.UTF8.GetBytes(ClientId);
        var userName = UserName is null ? null : Encoding.UTF8.GetBytes(UserName);
        var password = Password is null ? null : Encoding.UTF8.GetBytes(Password);
        var length = 10 + 2 + clientId.Length + (userName is null ? 0 : 2 + userName.Length) + (password is null ? 0 : 2 + password.Length);
        var bytes = new byte[Frame.MaxHeaderSize + length];
        var at = Frame.WriteHeader(bytes, PacketType.Connect, 0, length);
        "\0\u0004MQTT"u8.CopyTo(bytes.AsSpan(at));
        bytes[at + 6] = Level;
        at += 7;
        bytes[at++] = (byte)((CleanSession ? 0x02 : 0) | (userName is null ? 0 : 0x80) | (password is null ? 0 : 0x40));
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), (ushort)KeepAlive);
        at += 2;
        foreach (var field in (byte[]?[])[clientId, userName, password])
        {
            if (field is null)
                continue;
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), checked((ushort)field.Length));
            field.CopyTo(bytes, at + 2);
            at += 2 + field.Length;
        }
        return bytes[..at];
    }

    /// <summary>Without the password.</summary>
    public override string ToString() => $"CONNECT {ClientId}";
}

/// <summary>How reading a CONNECT went.</summary>
public enum ConnectStatus
{
    Ok,
    /// <summary>Not MQTT 3.1.1; answered by return code 1.</summary>
    OtherVersion,
    /// <summary>Not a CONNECT at all.</summary>
    Malformed,
}

/// <summary>A will. Source: MQTT 3.1.1 section 3.1.2.5.</summary>
/// <param name="Topic">Topic to publish to.</param>
/// <param name="Body">Bytes to publish.</param>
/// <param name="Qos">Quality of service, 0 to 2.</param>
/// <param name="Retain">Retain flag.</param>
public sealed record WillMessage(string Topic, byte[] Body, int Qos, bool Retain);
