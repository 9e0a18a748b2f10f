using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Performatives;

/// <summary>Begins a session (AMQP 1.0 part 2, section 2.7.2).</summary>
public sealed record Begin
{
    /// <summary>Channel of the begin that this one answers; null in the first.</summary>
    public ushort? RemoteChannel { get; init; }

    /// <summary>Id of the first transfer that the sender will send.</summary>
    public uint NextOutgoingId { get; init; }

    /// <summary>Transfer frames that the sender takes now.</summary>
    public uint IncomingWindow { get; init; }

    /// <summary>Transfer frames that it could send now.</summary>
    public uint OutgoingWindow { get; init; }

    /// <summary>Highest handle of a link.</summary>
    public uint HandleMax { get; init; } = uint.MaxValue;

    internal static Begin Decode(ref AmqpReader fields) => new()
    {
        RemoteChannel = fields.ReadUShort(),
        NextOutgoingId = fields.ReadUInt() ?? 0,
        IncomingWindow = fields.ReadUInt() ?? 0,
        OutgoingWindow = fields.ReadUInt() ?? 0,
        HandleMax = fields.ReadUInt() ?? uint.MaxValue,
    };

    internal void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.Begin, all: true);
        fields.UShort(RemoteChannel);
        fields.UInt(NextOutgoingId);
        fields.UInt(IncomingWindow);
        fields.UInt(OutgoingWindow);
        fields.UInt(HandleMax);
        fields.Null();
        fields.Null();
        fields.Null();
        fields.End();
    }
}
