using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Sasl;

/// <summary>A client's choice of a mechanism (AMQP 1.0 part 5, section 5.3.3.2).</summary>
/// <param name="Mechanism">Name of the mechanism.</param>
/// <param name="InitialResponse">Its first message; null when there is none.</param>
/// <param name="HostName">Host that the client means.</param>
public sealed record SaslInit(string Mechanism, byte[]? InitialResponse, string? HostName)
{
    internal static SaslInit Decode(ref AmqpReader fields)
    {
        if (fields.IsNull())
            fields.Fail("sasl-init names no mechanism");
        var mechanism = fields.ReadSymbol() ?? "";
        var response = fields.ReadBinary(out var isNull);
        return new SaslInit(mechanism, isNull ? null : response.ToArray(), fields.ReadString());
    }

    internal void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.SaslInit);
        fields.Symbol(Mechanism);
        if (InitialResponse is null)
            fields.Null();
        else
            fields.Binary(InitialResponse);
        fields.String(HostName);
        fields.End();
    }
}
