namespace Homeport.Amqp.Framing;

/// <summary>The eight bytes with which each layer starts (AMQP 1.0 part 2, section 2.2).</summary>
internal static class ProtocolHeader
{
    public const int Size = 8;
    public const byte AmqpId = 0;
    public const byte SaslId = 3;

    private static readonly byte[] AmqpBytes = [.. "AMQP"u8, AmqpId, 1, 0, 0];
    private static readonly byte[] SaslBytes = [.. "AMQP"u8, SaslId, 1, 0, 0];

    public static ReadOnlySpan<byte> Amqp => AmqpBytes;

    public static ReadOnlySpan<byte> Sasl => SaslBytes;
}
