namespace Homeport.Mqtt;

/// <summary>The packets without a body. Source: MQTT 3.1.1 sections 3.12 to 3.14.</summary>
public static class EmptyPackets
{
    public static ReadOnlyMemory<byte> Pingreq { get; } = new byte[] { 0xC0, 0 };

    public static ReadOnlyMemory<byte> Pingresp { get; } = new byte[] { 0xD0, 0 };

    public static ReadOnlyMemory<byte> Disconnect { get; } = new byte[] { 0xE0, 0 };
}
