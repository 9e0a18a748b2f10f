using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Performatives;

/// <summary>State of a session's windows and, with a handle, of a link's credit (AMQP 1.0 part 2, section 2.7.4).</summary>
public readonly record struct Flow
{
    /// <summary>Id of the transfer that the sender of this expects next; null before it knows the other's begin.</summary>
    public uint? NextIncomingId { get; init; }

    public uint IncomingWindow { get; init; }

    public uint NextOutgoingId { get; init; }

    public uint OutgoingWindow { get; init; }

    /// <summary>The link; null for the session alone.</summary>
    public uint? Handle { get; init; }

    public uint? DeliveryCount { get; init; }

    public uint? LinkCredit { get; init; }

    public uint? Available { get; init; }

    public bool Drain { get; init; }

    /// <summary>True when an answer is wanted.</summary>
    public bool Echo { get; init; }

    internal static Flow Decode(ref AmqpReader fields) => new()
    {
        NextIncomingId = fields.ReadUInt(),
        IncomingWindow = fields.ReadUInt() ?? 0,
        NextOutgoingId = fields.ReadUInt() ?? 0,
        OutgoingWindow = fields.ReadUInt() ?? 0,
        Handle = fields.ReadUInt(),
        DeliveryCount = fields.ReadUInt(),
        LinkCredit = fields.ReadUInt(),
        Available = fields.ReadUInt(),
        Drain = fields.ReadBoolean() ?? false,
        Echo = fields.ReadBoolean() ?? false,
    };

    internal void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.Flow);
        fields.UInt(NextIncomingId);
        fields.UInt(IncomingWindow);
        fields.UInt(NextOutgoingId);
        fields.UInt(OutgoingWindow);
        fields.UInt(Handle);
        fields.UInt(DeliveryCount);
        fields.UInt(LinkCredit);
        fields.UInt(Available);
        fields.Boolean(Drain ? true : null);
        fields.Boolean(Echo ? true : null);
        fields.End();
    }
}
