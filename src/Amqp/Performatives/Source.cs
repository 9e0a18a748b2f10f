using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Performatives;

/// <summary>Where a link's messages come from (AMQP 1.0 part 3, section 3.5.3).</summary>
public sealed record Source
{
    /// <summary>The node.</summary>
    public string? Address { get; init; }

    /// <summary>How durable the terminus is.</summary>
    public uint? Durable { get; init; }

    /// <summary>When it expires.</summary>
    public string? ExpiryPolicy { get; init; }

    /// <summary>Seconds until then.</summary>
    public uint? Timeout { get; init; }

    /// <summary>True when the peer is to make a node of its own.</summary>
    public bool? Dynamic { get; init; }

    /// <summary><c>move</c> or <c>copy</c>.</summary>
    public string? DistributionMode { get; init; }

    /// <summary>Which messages, by name of the filter.</summary>
    public AmqpMap? Filter { get; init; }

    /// <summary>What the sender may be told of a delivery.</summary>
    public IReadOnlyList<string>? Outcomes { get; init; }

    /// <summary>Extensions.</summary>
    public IReadOnlyList<string>? Capabilities { get; init; }

    internal static Source? Decode(ref AmqpReader reader)
    {
        var fields = reader.ReadComposite(Descriptor.Source, "source", out var isNull);
        if (isNull)
            return null;
        var source = new Source
        {
            Address = Target.ReadAddress(ref fields),
            Durable = fields.ReadUInt(),
            ExpiryPolicy = fields.ReadSymbol(),
            Timeout = fields.ReadUInt(),
            Dynamic = fields.ReadBoolean(),
        };
        fields.SkipValue();
        source = source with { DistributionMode = fields.ReadSymbol(), Filter = fields.ReadValue() as AmqpMap };
        fields.SkipValue();
        source = source with { Outcomes = fields.ReadSymbols(), Capabilities = fields.ReadSymbols() };
        reader.FailWith(fields);
        return source;
    }

    internal void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.Source);
        fields.String(Address);
        fields.UInt(Durable);
        fields.Symbol(ExpiryPolicy);
        fields.UInt(Timeout);
        fields.Boolean(Dynamic);
        fields.Null();
        fields.Symbol(DistributionMode);
        fields.Value(Filter);
        fields.Null();
        fields.Symbols(Outcomes);
        fields.Symbols(Capabilities);
        fields.End();
    }
}
