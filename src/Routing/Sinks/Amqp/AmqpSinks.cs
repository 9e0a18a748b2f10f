using Homeport.Contract.Rest.Operators;

namespace Homeport.Routing.Sinks.Amqp;

/// <summary>Endpoints of the type <c>amqp</c>: a queue or topic of a broker that speaks AMQP 1.0.</summary>
/// <param name="hubName">Name of the hub.</param>
/// <param name="time">The clock.</param>
public sealed class AmqpSinks(string hubName, TimeProvider time) : ISinkFactory
{
    private const int MaxAddress = 512;

    /// <inheritdoc/>
    public string Type => "amqp";

    /// <inheritdoc/>
    public (string Seen, string Fix)? Check(RoutingEndpointDescription endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        if (PeerConnection.Check(endpoint.Url, "amqps", "amqp") is { } bad)
            return bad;
        if (new Uri(endpoint.Url!).PathAndQuery.Trim('/').Length > 0)
            return ("its url has a path", "Send the queue or topic as address.");
        if (string.IsNullOrWhiteSpace(endpoint.Address) || endpoint.Address.Length > MaxAddress)
            return ("it has no address", "Send the address of a queue or topic: /queues/telemetry (RabbitMQ 4), /amq/queue/telemetry (RabbitMQ 3), telemetry (Artemis, Service Bus).");
        if (endpoint.Secret is not null && string.IsNullOrEmpty(endpoint.UserName))
            return ("it has a secret and no userName", "Send both, or neither.");
        return endpoint.Headers is { Count: > 0 } ? ("it has headers", "Only webhooks have them.") : null;
    }

    /// <inheritdoc/>
    public IEndpointSink Open(RoutingEndpointDescription endpoint, int partition) => new AmqpSink(endpoint, hubName, time);
}
