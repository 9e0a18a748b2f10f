using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Performatives;

/// <summary>Detaches a link (AMQP 1.0 part 2, section 2.7.7).</summary>
internal readonly record struct Detach
{
    public uint Handle { get; init; }

    /// <summary>True when the link is over and not only detached.</summary>
    public bool Closed { get; init; }

    public AmqpError? Error { get; init; }

    public static Detach Decode(ref AmqpReader fields)
    {
        if (fields.ReadUInt() is not { } handle)
        {
            fields.Fail("detach has no handle");
            return default;
        }
        return new Detach { Handle = handle, Closed = fields.ReadBoolean() ?? false, Error = AmqpError.Decode(ref fields) };
    }

    public void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.Detach);
        fields.UInt(Handle);
        fields.Boolean(Closed);
        if (Error is not null)
        {
            Error.Encode(writer);
            fields.Written();
        }
        fields.End();
    }
}
