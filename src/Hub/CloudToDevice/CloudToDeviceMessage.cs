using Homeport.Log;

namespace Homeport.Hub.CloudToDevice;

/// <summary>A message to a device, as a sender gives it.</summary>
/// <param name="Properties">
/// System properties under their MQTT names (<c>$.mid</c>), <c>iothub-ack</c>, and the application's own. <c>$.exp</c> is the
/// expiry (ISO 8601). <c>$.to</c> is written by the hub.
/// </param>
/// <param name="Body">Up to 64 KB, with the properties.</param>
public sealed record CloudToDeviceMessage(IReadOnlyList<KeyValuePair<string, string?>> Properties, ReadOnlyMemory<byte> Body);

/// <summary>A message that was taken into a queue.</summary>
/// <param name="Sequence">Its number: grows over all queues of the hub.</param>
/// <param name="MessageId">The sender's, or the one that the hub made.</param>
public sealed record SentMessage(long Sequence, string MessageId);

/// <summary>A message in a queue.</summary>
public sealed record QueuedMessage
{
    /// <summary>Its number: grows over all queues of the hub.</summary>
    public required long Sequence { get; init; }

    /// <summary>When the hub took it.</summary>
    public required DateTimeOffset EnqueuedTime { get; init; }

    /// <summary>From then on it is not delivered any more.</summary>
    public required DateTimeOffset ExpiryTime { get; init; }

    /// <summary>How often it was delivered and came back.</summary>
    public required int DeliveryCount { get; init; }

    /// <summary>Which feedback the sender wants.</summary>
    public required AckMode Ack { get; init; }

    /// <summary>Property block: always with <c>$.mid</c> and <c>$.to</c>, without null values. See <see cref="RecordProperties"/>.</summary>
    public required ReadOnlyMemory<byte> Properties { get; init; }

    /// <summary>The bytes that the service sent.</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }
}

/// <summary>A message on its way over HTTPS.</summary>
/// <param name="Message">The message.</param>
/// <param name="LockToken">The device completes, rejects or abandons it by this: the text of a GUID.</param>
public sealed record LockedMessage(QueuedMessage Message, string LockToken);

/// <summary>A message as operators see it.</summary>
/// <param name="Message">The message.</param>
/// <param name="IsLocked">True while a device has it and did not answer yet.</param>
public sealed record PeekedMessage(QueuedMessage Message, bool IsLocked);
