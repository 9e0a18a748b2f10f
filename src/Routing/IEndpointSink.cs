using Homeport.Contract.Rest.Operators;

namespace Homeport.Routing;

/// <summary>An open way to an endpoint, for the messages of one partition. Never called twice at a time.</summary>
public interface IEndpointSink : IAsyncDisposable
{
    /// <summary>Messages that one call takes at most.</summary>
    int MaxMessages { get; }

    /// <summary>Sends messages in their order. Null when the endpoint has confirmed all of them, or taken them into what it gathers.</summary>
    Task<DeliveryFailure?> SendAsync(IReadOnlyList<RoutedMessage> batch, CancellationToken token);
}

/// <summary>A sink that gathers messages: they are delivered with the next <see cref="FlushAsync"/>, not before. It refuses no single message.</summary>
public interface IGatheringSink : IEndpointSink
{
    /// <summary>How long the first message waits at most.</summary>
    TimeSpan Frequency { get; }

    /// <summary>True when it wants to be flushed before that.</summary>
    bool IsFull { get; }

    /// <summary>Delivers what was gathered.</summary>
    Task<DeliveryFailure?> FlushAsync(CancellationToken token);

    /// <summary>Forgets what was gathered: it will be sent again.</summary>
    void Discard();
}

/// <summary>Opens ways to endpoints of one kind.</summary>
public interface ISinkFactory
{
    /// <summary>The type of endpoints, such as <c>webhook</c>.</summary>
    string Type { get; }

    /// <summary>Null when the members of an endpoint fit its type, else what is wrong and what mends it.</summary>
    (string Seen, string Fix)? Check(RoutingEndpointDescription endpoint);

    /// <summary>Opens one; must not wait for the endpoint.</summary>
    /// <param name="endpoint">With its secrets.</param>
    /// <param name="partition">Partition whose messages it gets.</param>
    IEndpointSink Open(RoutingEndpointDescription endpoint, int partition);
}

/// <summary>Why messages were not delivered.</summary>
/// <param name="Reason">One line, without secrets.</param>
/// <param name="OfMessages">True when the endpoint refuses these messages and may take others; false when it takes nothing now.</param>
public sealed record DeliveryFailure(string Reason, bool OfMessages = false)
{
    /// <summary>Messages at the front of the batch that it has confirmed nevertheless.</summary>
    public int Delivered { get; init; }
}
