using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Performatives;

/// <summary>Where a link's messages go to (AMQP 1.0 part 3, section 3.5.4).</summary>
public sealed record Target
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

    /// <summary>Extensions.</summary>
    public IReadOnlyList<string>? Capabilities { get; init; }

    /// <summary>True for the coordinator of transactions (part 4, section 4.5.1), which has another descriptor.</summary>
    public bool IsCoordinator { get; init; }

    internal static Target? Decode(ref AmqpReader reader)
    {
        var whole = new AmqpReader(reader.SkipValue());
        if (reader.Failed || whole.IsNull())
            return null;
        var descriptor = whole.ReadDescriptor();
        if (descriptor == Descriptor.Coordinator)
            return new Target { IsCoordinator = true };
        if (descriptor != Descriptor.Target && !whole.Failed)
            whole.Fail($"found a composite 0x{descriptor:x} where target is expected");
        var fields = whole.ReadList(out _);
        var target = new Target
        {
            Address = ReadAddress(ref fields),
            Durable = fields.ReadUInt(),
            ExpiryPolicy = fields.ReadSymbol(),
            Timeout = fields.ReadUInt(),
            Dynamic = fields.ReadBoolean(),
        };
        fields.SkipValue();
        target = target with { Capabilities = fields.ReadSymbols() };
        reader.FailWith(whole);
        reader.FailWith(fields);
        return target;
    }

    /// <summary>An address may be of any type; here it is a text (part 3, section 3.5.14: address-string).</summary>
    internal static string? ReadAddress(ref AmqpReader fields)
    {
        if (fields.PeekCode() is FormatCode.Null or FormatCode.String8 or FormatCode.String32 or FormatCode.Symbol8 or FormatCode.Symbol32)
            return fields.ReadSymbol();
        fields.Fail("an address is no string");
        return null;
    }

    internal void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, IsCoordinator ? Descriptor.Coordinator : Descriptor.Target);
        if (!IsCoordinator)
        {
            fields.String(Address);
            fields.UInt(Durable);
            fields.Symbol(ExpiryPolicy);
            fields.UInt(Timeout);
            fields.Boolean(Dynamic);
            fields.Null();
            fields.Symbols(Capabilities);
        }
        fields.End();
    }
}
