using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Sasl;

/// <summary>Names the mechanisms that a server offers (AMQP 1.0 part 5, section 5.3.3.1).</summary>
internal readonly record struct SaslMechanisms(IReadOnlyList<string> Names)
{
    public static SaslMechanisms Decode(ref AmqpReader fields) => new(fields.ReadSymbols() ?? []);

    public void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.SaslMechanisms);
        fields.Symbols(Names);
        fields.End();
    }
}
