using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Performatives;

namespace Homeport.Gateway.Amqp;

/// <summary>A place that clients attach links to. Nodes are found by address, in the order in which they were added.</summary>
public interface IAmqpNode
{
    /// <summary>True when the node is the one for this address. Looks at the text only.</summary>
    bool Serves(AmqpAddress address);

    /// <summary>
    /// Decides about a link. While it does, the connection reads nothing more: be quick, and not under a lock. The handler of an
    /// accepted link is called under the connection's lock (see <see cref="AmqpClient.Enter"/>) and must not wait.
    /// </summary>
    ValueTask<LinkAnswer> AttachAsync(LinkRequest request, CancellationToken token);
}

/// <summary>A link that a client wants.</summary>
/// <param name="Client">Who.</param>
/// <param name="Link">The link's end on this side: a <see cref="ReceivingLink"/> when the client sends.</param>
/// <param name="Attach">What the client said.</param>
/// <param name="Address">The node: address of the target when the client sends, else of the source.</param>
public sealed record LinkRequest(AmqpClient Client, AmqpLink Link, Attach Attach, AmqpAddress Address)
{
    /// <summary>True when the client sends.</summary>
    public bool ClientSends => Link.IsReceiver;

    /// <summary>A text among the link's properties, such as <c>com.microsoft:channel-correlation-id</c>; null when it is not there.</summary>
    public string? Property(string name) => Attach.Properties?.Text(name);
}

/// <summary>A node's decision about a link.</summary>
public sealed record LinkAnswer
{
    private LinkAnswer()
    {
    }

    /// <summary>Takes the link's events; null when it is refused.</summary>
    public ILinkHandler? Handler { get; private init; }

    /// <summary>Why it is refused.</summary>
    public AmqpError? Error { get; private init; }

    /// <summary>Of links by which the client sends: deliveries that may be on the way or unanswered.</summary>
    public int Window { get; private init; }

    /// <summary>Largest message in bytes; null for the connection's setting.</summary>
    public ulong? MaxMessageSize { get; init; }

    /// <summary>Properties of the answer.</summary>
    public AmqpMap? Properties { get; init; }

    /// <summary>Takes a link by which the client sends.</summary>
    public static LinkAnswer Accept(IReceiverHandler handler, int window) => new() { Handler = handler, Window = window };

    /// <summary>Takes a link by which the client receives.</summary>
    public static LinkAnswer Accept(ISenderHandler handler) => new() { Handler = handler };

    /// <summary>Refuses the link. From a refusal of the domain, <see cref="AmqpClient.Refuse"/> makes the error.</summary>
    public static LinkAnswer Refuse(AmqpError error) => new() { Error = error };
}
