using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Performatives;

/// <summary>Kinds of delivery states (AMQP 1.0 part 3, section 3.4).</summary>
public enum DeliveryStateKind
{
    /// <summary>A state of another standard, as of transactions.</summary>
    Unknown,
    /// <summary>How far a delivery has come; not an outcome.</summary>
    Received,
    /// <summary>Taken.</summary>
    Accepted,
    /// <summary>Invalid: not wanted at all.</summary>
    Rejected,
    /// <summary>Not taken; may be delivered again.</summary>
    Released,
    /// <summary>Not taken; to be delivered again with changes.</summary>
    Modified,
}

/// <summary>State of a delivery.</summary>
/// <param name="Kind">Which one.</param>
public sealed record DeliveryState(DeliveryStateKind Kind)
{
    /// <summary>Taken.</summary>
    public static readonly DeliveryState Accepted = new(DeliveryStateKind.Accepted);

    /// <summary>Not taken; may be delivered again.</summary>
    public static readonly DeliveryState Released = new(DeliveryStateKind.Released);

    /// <summary>Of <see cref="DeliveryStateKind.Rejected"/>: why.</summary>
    public AmqpError? Error { get; init; }

    /// <summary>Of <see cref="DeliveryStateKind.Received"/>.</summary>
    public uint SectionNumber { get; init; }

    /// <summary>Of <see cref="DeliveryStateKind.Received"/>.</summary>
    public ulong SectionOffset { get; init; }

    /// <summary>Of <see cref="DeliveryStateKind.Modified"/>: counts as an attempt to deliver.</summary>
    public bool DeliveryFailed { get; init; }

    /// <summary>Of <see cref="DeliveryStateKind.Modified"/>: not to be delivered over this link again.</summary>
    public bool UndeliverableHere { get; init; }

    /// <summary>Of <see cref="DeliveryStateKind.Modified"/>: to be merged into the message.</summary>
    public AmqpMap? MessageAnnotations { get; init; }

    /// <summary>True for the states that end a delivery.</summary>
    public bool IsOutcome => Kind >= DeliveryStateKind.Accepted;

    /// <summary>Not wanted, with the reason.</summary>
    public static DeliveryState Reject(AmqpError error) => new(DeliveryStateKind.Rejected) { Error = error };

    internal static DeliveryState? Decode(ref AmqpReader reader)
    {
        if (reader.IsNull())
        {
            reader.SkipValue();
            return null;
        }
        // A state of another standard may have any descriptor and any value behind it.
        var whole = new AmqpReader(reader.SkipValue());
        if (reader.Failed)
            return null;
        if (whole.ReadDescriptor() is not { } descriptor || descriptor is < Descriptor.Received or > Descriptor.Modified)
            return new DeliveryState(DeliveryStateKind.Unknown);
        var fields = whole.ReadList(out _);
        var state = descriptor switch
        {
            Descriptor.Accepted => Accepted,
            Descriptor.Released => Released,
            Descriptor.Received => new DeliveryState(DeliveryStateKind.Received) { SectionNumber = fields.ReadUInt() ?? 0, SectionOffset = fields.ReadULong() ?? 0 },
            Descriptor.Rejected => new DeliveryState(DeliveryStateKind.Rejected) { Error = AmqpError.Decode(ref fields) },
            _ => new DeliveryState(DeliveryStateKind.Modified)
            {
                DeliveryFailed = fields.ReadBoolean() ?? false,
                UndeliverableHere = fields.ReadBoolean() ?? false,
                MessageAnnotations = fields.ReadValue() as AmqpMap,
            },
        };
        reader.FailWith(whole);
        reader.FailWith(fields);
        return state;
    }

    internal void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, DescriptorOf(Kind));
        if (Kind == DeliveryStateKind.Rejected)
        {
            Error?.Encode(writer);
            if (Error is not null)
                fields.Written();
        }
        else if (Kind == DeliveryStateKind.Received)
        {
            fields.UInt(SectionNumber);
            fields.ULong(SectionOffset);
        }
        else if (Kind == DeliveryStateKind.Modified)
        {
            fields.Boolean(DeliveryFailed);
            fields.Boolean(UndeliverableHere);
            fields.Value(MessageAnnotations);
        }
        fields.End();
    }

    private static ulong DescriptorOf(DeliveryStateKind kind) => kind switch
    {
        DeliveryStateKind.Received => Descriptor.Received,
        DeliveryStateKind.Accepted => Descriptor.Accepted,
        DeliveryStateKind.Rejected => Descriptor.Rejected,
        DeliveryStateKind.Released => Descriptor.Released,
        DeliveryStateKind.Modified => Descriptor.Modified,
        _ => throw new InvalidOperationException("A state of another standard cannot be written."),
    };
}
