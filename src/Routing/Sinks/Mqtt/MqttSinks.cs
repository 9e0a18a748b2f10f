using System.Text;
using Homeport.Contract.Rest.Operators;

namespace Homeport.Routing.Sinks.Mqtt;

/// <summary>Endpoints of the type <c>mqtt</c>: a topic of a broker that speaks MQTT 3.1.1.</summary>
/// <param name="hubName">Name of the hub.</param>
public sealed class MqttSinks(string hubName) : ISinkFactory
{
    private const int MaxTopic = 512;
    private static readonly string[] Tokens = ["{hub}", "{deviceId}", "{source}"];

    /// <inheritdoc/>
    public string Type => "mqtt";

    /// <inheritdoc/>
    public (string Seen, string Fix)? Check(RoutingEndpointDescription endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        if (PeerConnection.Check(endpoint.Url, "mqtts", "mqtt") is { } bad)
            return bad;
        if (new Uri(endpoint.Url!).PathAndQuery.Trim('/').Length > 0)
            return ("its url has a path", "Send the topic as address.");
        if (string.IsNullOrWhiteSpace(endpoint.Address) || endpoint.Address.Length > MaxTopic || endpoint.Address.AsSpan().IndexOfAny("+#\0") >= 0)
            return ("its address is no topic", "Send the topic to publish to, without wildcards: homeport/{deviceId}.");
        var rest = Tokens.Aggregate(endpoint.Address, (text, token) => text.Replace(token, "", StringComparison.Ordinal));
        if (rest.Contains('{', StringComparison.Ordinal) || rest.Contains('}', StringComparison.Ordinal))
            return ("its address has a token that there is not", $"There are {string.Join(", ", Tokens)}.");
        if (endpoint.Schema is not (null or "cloudEvents"))
            return ("its schema is unknown", "Use cloudEvents, or leave it out to publish bodies as they are.");
        return endpoint.Secret is not null && string.IsNullOrEmpty(endpoint.UserName) ? ("it has a secret and no userName", "Send both, or neither.") : null;
    }

    /// <inheritdoc/>
    public IEndpointSink Open(RoutingEndpointDescription endpoint, int partition) => new MqttSink(endpoint, hubName);

    /// <summary>The topic of a message. What is a wildcard in a device's id is written as percent code.</summary>
    internal static byte[] TopicOf(string format, string hubName, RoutedMessage message) => Encoding.UTF8.GetBytes(format
        .Replace("{hub}", hubName, StringComparison.Ordinal)
        .Replace("{source}", RoutingSources.NameOf(message.Source), StringComparison.Ordinal)
        .Replace("{deviceId}", message.Origin.DeviceId.Replace("%", "%25", StringComparison.Ordinal).Replace("+", "%2B", StringComparison.Ordinal).Replace("#", "%23", StringComparison.Ordinal), StringComparison.Ordinal));
}
