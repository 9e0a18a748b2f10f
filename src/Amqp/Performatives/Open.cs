using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Performatives;

/// <summary>Opens a connection (AMQP 1.0 part 2, section 2.7.1).</summary>
public sealed record Open
{
    /// <summary>Name of the peer that sends it.</summary>
    public required string ContainerId { get; init; }

    /// <summary>Host that the client means.</summary>
    public string? HostName { get; init; }

    /// <summary>Largest frame that the sender takes, in bytes; at least 512.</summary>
    public uint MaxFrameSize { get; init; } = uint.MaxValue;

    /// <summary>Highest channel number.</summary>
    public ushort ChannelMax { get; init; } = ushort.MaxValue;

    /// <summary>Milliseconds after which the sender gives up a silent peer; null for never.</summary>
    public uint? IdleTimeout { get; init; }

    /// <summary>Capabilities that the peer may use.</summary>
    public IReadOnlyList<string>? OfferedCapabilities { get; init; }

    /// <summary>Capabilities that the sender would like.</summary>
    public IReadOnlyList<string>? DesiredCapabilities { get; init; }

    /// <summary>About the sender.</summary>
    public AmqpMap? Properties { get; init; }

    internal static Open Decode(ref AmqpReader fields)
    {
        if (fields.IsNull())
            fields.Fail("open has no container-id");
        var open = new Open
        {
            ContainerId = fields.ReadString() ?? "",
            HostName = fields.ReadString(),
            MaxFrameSize = fields.ReadUInt() ?? uint.MaxValue,
            ChannelMax = fields.ReadUShort() ?? ushort.MaxValue,
            IdleTimeout = fields.ReadUInt(),
        };
        fields.ReadSymbols();
        fields.ReadSymbols();
        return open with
        {
            OfferedCapabilities = fields.ReadSymbols(),
            DesiredCapabilities = fields.ReadSymbols(),
            Properties = fields.ReadValue() as AmqpMap,
        };
    }

    internal void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.Open, all: true);
        fields.String(ContainerId);
        fields.String(HostName);
        fields.UInt(MaxFrameSize);
        fields.UShort(ChannelMax);
        fields.UInt(IdleTimeout);
        fields.Null();
        fields.Null();
        fields.Symbols(OfferedCapabilities);
        fields.Symbols(DesiredCapabilities);
        fields.Value(Properties);
        fields.End();
    }
}
