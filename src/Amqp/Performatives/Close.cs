using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Performatives;

/// <summary>Closes a connection (AMQP 1.0 part 2, section 2.7.9).</summary>
/// <param name="Error">Why, or null for a good end.</param>
internal readonly record struct Close(AmqpError? Error)
{
    public static Close Decode(ref AmqpReader fields) => new(AmqpError.Decode(ref fields));

    public void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.Close);
        if (Error is not null)
        {
            Error.Encode(writer);
            fields.Written();
        }
        fields.End();
    }
}
