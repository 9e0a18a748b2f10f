namespace Homeport.Mqtt;

/// <summary>CONNACK return codes. Source: MQTT 3.1.1 section 3.2.2.3.</summary>
public enum ConnectReturnCode : byte
{
    Accepted = 0,
    UnacceptableProtocolVersion = 1,
    IdentifierRejected = 2,
    ServerUnavailable = 3,
    BadUserNameOrPassword = 4,
    NotAuthorized = 5,
}

/// <summary>CONNACK. Source: MQTT 3.1.1 section 3.2.</summary>
/// <param name="SessionPresent">The server kept a session of the client.</param>
/// <param name="ReturnCode">Accepted, or why not.</param>
public readonly record struct ConnackPacket(bool SessionPresent, ConnectReturnCode ReturnCode)
{
    /// <summary>The whole packet: four bytes.</summary>
    public byte[] ToBytes() => [0x20, 2, (byte)(SessionPresent ? 1 : 0), (byte)ReturnCode];

    /// <summary>Reads the body of a CONNACK frame.</summary>
    public static bool TryParse(ReadOnlySpan<byte> body, out ConnackPacket packet)
    {
        packet = default;
        if (body.Length != 2 || body[0] > 1)
            return false;
        packet = new ConnackPacket(body[0] == 1, (ConnectReturnCode)body[1]);
        return true;
    }
}
