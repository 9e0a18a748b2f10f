using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Performatives;

/// <summary>Why something ended or was refused (AMQP 1.0 part 2, section 2.8.14).</summary>
/// <param name="Condition">One of <see cref="ErrorCondition"/>, or a vendor's own.</param>
/// <param name="Description">For people.</param>
/// <param name="Info">More, by names.</param>
public sealed record AmqpError(string Condition, string? Description = null, AmqpMap? Info = null)
{
    internal static AmqpError? Decode(ref AmqpReader reader)
    {
        var fields = reader.ReadComposite(Descriptor.Error, "error", out var isNull);
        var error = new AmqpError(fields.ReadSymbol() ?? "", fields.ReadString(), fields.ReadValue() as AmqpMap);
        reader.FailWith(fields);
        return isNull ? null : error;
    }

    internal void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.Error);
        fields.Symbol(Condition);
        fields.String(Description);
        fields.Value(Info);
        fields.End();
    }
}
