using Homeport.Amqp.Sasl;

namespace Homeport.Amqp;

/// <summary>How one side of a connection behaves.</summary>
public sealed record ConnectionSettings
{
    /// <summary>Name of this side.</summary>
    public required string ContainerId { get; init; }

    /// <summary>Of clients: the host that they mean.</summary>
    public string? HostName { get; init; }

    /// <summary>Largest frame to be taken, in bytes.</summary>
    public uint MaxFrameSize { get; init; } = 64 * 1024;

    /// <summary>Highest channel number.</summary>
    public ushort ChannelMax { get; init; } = 8191;

    /// <summary>Highest handle of a link in a session.</summary>
    public uint HandleMax { get; init; } = 8191;

    /// <summary>Links of a connection at most, those included that are being detached.</summary>
    public int MaxLinks { get; init; } = 8192;

    /// <summary>What the peer is asked to stay below; it is given up after twice this time.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Transfer frames of a session that may come at once.</summary>
    public uint IncomingWindow { get; init; } = 2048;

    /// <summary>Largest message on a link that sets nothing else, in bytes.</summary>
    public ulong MaxMessageSize { get; init; } = 1024 * 1024;

    /// <summary>Deliveries that a link may have sent without an answer to them.</summary>
    public int MaxUnsettled { get; init; } = 16 * 1024;

    /// <summary>Bytes that wait to be written at which links send nothing more.</summary>
    public int OutputLimit { get; init; } = 256 * 1024;

    /// <summary>Of servers: SASL mechanisms in the order of preference; a client may also come without SASL.</summary>
    public IReadOnlyList<string> SaslMechanisms { get; init; } = [];

    /// <summary>Of clients: how to authenticate; null for no SASL layer.</summary>
    public SaslInit? Sasl { get; init; }
}
