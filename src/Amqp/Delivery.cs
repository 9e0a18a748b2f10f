using Homeport.Amqp.Performatives;

namespace Homeport.Amqp;

/// <summary>A message that arrived.</summary>
public readonly ref struct Delivery
{
    /// <summary>Number in its session; with it the delivery is settled.</summary>
    public uint Id { get; init; }

    /// <summary>The sender's name for it, up to 32 bytes.</summary>
    public ReadOnlySpan<byte> Tag { get; init; }

    /// <summary>0 for a message of the standard.</summary>
    public uint MessageFormat { get; init; }

    /// <summary>True when the sender wants no answer.</summary>
    public bool Settled { get; init; }

    /// <summary>The message's sections.</summary>
    public ReadOnlySpan<byte> Payload { get; init; }
}

/// <summary>A message that was sent and is not settled.</summary>
public sealed class OutgoingDelivery
{
    internal OutgoingDelivery(SendingLink link, uint id, object? context) => (Link, Id, Context) = (link, id, context);

    /// <summary>By which link.</summary>
    public SendingLink Link { get; }

    /// <summary>Number in its session.</summary>
    public uint Id { get; }

    /// <summary>What the sender of it wants to remember.</summary>
    public object? Context { get; }

    /// <summary>The state that the peer gave it, if any.</summary>
    public DeliveryState? State { get; internal set; }
}
