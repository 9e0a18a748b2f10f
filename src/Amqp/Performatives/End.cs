using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Performatives;

/// <summary>Ends a session (AMQP 1.0 part 2, section 2.7.8).</summary>
/// <param name="Error">Why, or null for a good end.</param>
internal readonly record struct End(AmqpError? Error)
{
    public static End Decode(ref AmqpReader fields) => new(AmqpError.Decode(ref fields));

    public void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.End);
        if (Error is not null)
        {
            Error.Encode(writer);
            fields.Written();
        }
        fields.End();
    }
}
