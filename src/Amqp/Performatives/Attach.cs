using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Performatives;

/// <summary>When a sender settles (AMQP 1.0 part 2, section 2.8.2).</summary>
public enum SenderSettleMode : byte
{
    Unsettled = 0,
    Settled = 1,
    Mixed = 2,
}

/// <summary>When a receiver settles (section 2.8.3).</summary>
public enum ReceiverSettleMode : byte
{
    /// <summary>At once, with the outcome.</summary>
    First = 0,
    /// <summary>When the sender has settled.</summary>
    Second = 1,
}

/// <summary>Attaches a link to a session (AMQP 1.0 part 2, section 2.7.3).</summary>
public sealed record Attach
{
    /// <summary>Name of the link, unique in the session and direction.</summary>
    public required string Name { get; init; }

    /// <summary>Number of the link in the frames of the sender of this performative.</summary>
    public uint Handle { get; init; }

    /// <summary>True when the sender of this performative receives the link's messages.</summary>
    public bool IsReceiver { get; init; }

    public SenderSettleMode SenderSettleMode { get; init; } = SenderSettleMode.Mixed;

    public ReceiverSettleMode ReceiverSettleMode { get; init; }

    /// <summary>Null in an answer that refuses the link.</summary>
    public Source? Source { get; init; }

    /// <summary>Null in an answer that refuses the link.</summary>
    public Target? Target { get; init; }

    /// <summary>True when the peer has unsettled deliveries of an earlier attachment.</summary>
    public bool HasUnsettled { get; init; }

    /// <summary>Delivery count at the beginning; of senders only.</summary>
    public uint? InitialDeliveryCount { get; init; }

    /// <summary>Largest message in bytes; null or 0 for any.</summary>
    public ulong? MaxMessageSize { get; init; }

    public IReadOnlyList<string>? OfferedCapabilities { get; init; }

    public IReadOnlyList<string>? DesiredCapabilities { get; init; }

    public AmqpMap? Properties { get; init; }

    internal static Attach Decode(ref AmqpReader fields)
    {
        var attach = new Attach
        {
            Name = fields.ReadString() ?? Missing(ref fields, "a name"),
            Handle = fields.ReadUInt() ?? Missing<uint>(ref fields, "a handle"),
            IsReceiver = fields.ReadBoolean() ?? Missing<bool>(ref fields, "a role"),
            SenderSettleMode = (SenderSettleMode)(fields.ReadUByte() ?? (byte)SenderSettleMode.Mixed),
            ReceiverSettleMode = (ReceiverSettleMode)(fields.ReadUByte() ?? (byte)ReceiverSettleMode.First),
            Source = Source.Decode(ref fields),
            Target = Target.Decode(ref fields),
            HasUnsettled = SkipUnsettled(ref fields),
        };
        fields.SkipValue();
        attach = attach with
        {
            InitialDeliveryCount = fields.ReadUInt(),
            MaxMessageSize = ReadSize(ref fields),
            OfferedCapabilities = fields.ReadSymbols(),
            DesiredCapabilities = fields.ReadSymbols(),
            Properties = fields.ReadValue() as AmqpMap,
        };
        if (attach.SenderSettleMode > SenderSettleMode.Mixed || attach.ReceiverSettleMode > ReceiverSettleMode.Second)
            fields.Fail("attach has a settle mode that does not exist");
        return attach;
    }

    internal void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.Attach, all: true);
        fields.String(Name);
        fields.UInt(Handle);
        fields.Boolean(IsReceiver);
        fields.UByte((byte)SenderSettleMode);
        fields.UByte((byte)ReceiverSettleMode);
        if (Source is null)
        {
            fields.Null();
        }
        else
        {
            Source.Encode(writer);
            fields.Written();
        }
        if (Target is null)
        {
            fields.Null();
        }
        else
        {
            Target.Encode(writer);
            fields.Written();
        }
        fields.Null();
        fields.Null();
        fields.UInt(InitialDeliveryCount);
        fields.ULong(MaxMessageSize);
        fields.Symbols(OfferedCapabilities);
        fields.Symbols(DesiredCapabilities);
        fields.Value(Properties);
        fields.End();
    }

    private static bool SkipUnsettled(ref AmqpReader fields)
    {
        var map = new AmqpReader(fields.SkipValue());
        return map.ReadMap(out var isNull).More && !isNull;
    }

    /// <summary>One of the SDKs sends a size of 2⁶⁴-1 as a binary of eight bytes.</summary>
    private static ulong? ReadSize(ref AmqpReader fields)
    {
        if (fields.PeekCode() is not FormatCode.Binary8)
            return fields.ReadULong();
        fields.SkipValue();
        return null;
    }

    private static string Missing(ref AmqpReader fields, string what)
    {
        fields.Fail($"attach has not {what}");
        return "";
    }

    private static T Missing<T>(ref AmqpReader fields, string what)
        where T : struct
    {
        fields.Fail($"attach has not {what}");
        return default;
    }
}
