using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Sasl;

/// <summary>A response of a mechanism (AMQP 1.0 part 5, section 5.3.3.4).</summary>
internal static class SaslResponse
{
    public static byte[] Decode(ref AmqpReader fields)
    {
        var bytes = fields.ReadBinary(out var isNull);
        if (isNull)
            fields.Fail("sasl-response is empty");
        return bytes.ToArray();
    }

    public static void Encode(AmqpWriter writer, ReadOnlySpan<byte> bytes)
    {
        var fields = new FieldWriter(writer, Descriptor.SaslResponse);
        fields.Binary(bytes);
        fields.End();
    }
}
