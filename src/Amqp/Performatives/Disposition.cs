using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Performatives;

/// <summary>State of one or more deliveries (AMQP 1.0 part 2, section 2.7.6).</summary>
internal readonly record struct Disposition
{
    /// <summary>True when the sender of this received the deliveries.</summary>
    public bool IsReceiver { get; init; }

    public uint First { get; init; }

    public uint Last { get; init; }

    public bool Settled { get; init; }

    public DeliveryState? State { get; init; }

    public static Disposition Decode(ref AmqpReader fields)
    {
        var receiver = fields.ReadBoolean();
        var first = fields.ReadUInt();
        if (receiver is null || first is null)
            fields.Fail("disposition has no role or no first delivery");
        return new Disposition
        {
            IsReceiver = receiver ?? false,
            First = first ?? 0,
            Last = fields.ReadUInt() ?? first ?? 0,
            Settled = fields.ReadBoolean() ?? false,
            State = DeliveryState.Decode(ref fields),
        };
    }

    public void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.Disposition);
        fields.Boolean(IsReceiver);
        fields.UInt(First);
        fields.UInt(Last);
        fields.Boolean(Settled);
        if (State is not null)
        {
            State.Encode(writer);
            fields.Written();
        }
        fields.End();
    }
}
