using System.Text;
using Homeport.Contract.Messages;

namespace Homeport.Device.Hub;

/// <summary>A message on its way.</summary>
/// <param name="Stored">Ends when the hub has stored the message; fails with a <see cref="HubConnectionException"/> when the connection ended before.</param>
public readonly record struct Delivery(Task Stored);

/// <summary>A message from a device to its hub.</summary>
public sealed record HubMessage(ReadOnlyMemory<byte> Body)
{
    public string? MessageId { get; init; }

    public string? CorrelationId { get; init; }

    /// <summary>For example <c>application/json</c>.</summary>
    public string? ContentType { get; init; }

    /// <summary>For example <c>utf-8</c>.</summary>
    public string? ContentEncoding { get; init; }

    /// <summary>When the device made it.</summary>
    public DateTimeOffset? CreationTime { get; init; }

    /// <summary>The application's own properties.</summary>
    public IReadOnlyList<KeyValuePair<string, string?>> Properties { get; init; } = [];

    /// <summary>The topic with the property bag, in UTF-8.</summary>
    /// <exception cref="ArgumentException">The message is larger than the hub takes, or the properties do not fit into a topic.</exception>
    internal byte[] Topic(string deviceId)
    {
        var properties = SystemProperties().Concat(Properties).ToArray();
        var size = Body.Length + properties.Sum(static property => Size(property.Key) + Size(property.Value));
        if (size > MessageLimits.DeviceToCloud)
            throw new ArgumentException($"The message has {size} bytes with its properties; a hub takes {MessageLimits.DeviceToCloud}.");
        var topic = Encoding.UTF8.GetBytes($"devices/{deviceId}/messages/events/{PropertyBag.Encode(properties)}");
        return topic.Length <= ushort.MaxValue
            ? topic
            : throw new ArgumentException($"The properties make a topic of {topic.Length} bytes; MQTT takes {ushort.MaxValue}.");
    }

    private IEnumerable<KeyValuePair<string, string?>> SystemProperties()
    {
        ReadOnlyMemory<(string Name, string? Value)> all = new (string, string?)[]
        {
            (SystemProperty.MessageId, MessageId),
            (SystemProperty.CorrelationId, CorrelationId),
            (SystemProperty.ContentType, ContentType),
            (SystemProperty.ContentEncoding, ContentEncoding),
            (SystemProperty.CreationTime, CreationTime is { } time ? new Contract.Rest.ServiceTime(time).ToString() : null),
        };
        for (var i = 0; i < all.Length; i++)
        {
            if (all.Span[i].Value is { } value)
                yield return new(all.Span[i].Name, value);
        }
    }

    private static int Size(string? text) => text is null ? 0 : Encoding.UTF8.GetByteCount(text);
}
