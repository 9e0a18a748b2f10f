using System.Text;
using Homeport.Contract.Messages;
using Homeport.Contract.Rest;
using Homeport.Device.Hub;

namespace Homeport.Device.Client;

/// <summary>A message from a device to its hub or back, with the members of the Azure IoT device client.</summary>
public sealed class Message : IDisposable
{
    private readonly ReadOnlyMemory<byte> _body;

    /// <summary>Without a body.</summary>
    public Message()
        : this([])
    {
    }

    /// <summary>With a body, which is not copied.</summary>
    public Message(byte[] byteArray)
    {
        ArgumentNullException.ThrowIfNull(byteArray);
        _body = byteArray;
    }

    /// <summary>With the rest of a stream as its body.</summary>
    public Message(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        _body = copy.ToArray();
    }

    internal Message(ReadOnlyMemory<byte> body) => _body = body;

    /// <summary>Names the message; consumers know a repetition by it.</summary>
    public string? MessageId { get; set; }

    public string? CorrelationId { get; set; }

    public string? UserId { get; set; }

    public string? To { get; internal set; }

    /// <summary>For example <c>application/json</c>.</summary>
    public string? ContentType { get; set; }

    /// <summary>For example <c>utf-8</c>; with it and the content type JSON, routes look into the body.</summary>
    public string? ContentEncoding { get; set; }

    public string? MessageSchema { get; set; }

    /// <summary>The component of a Plug and Play model that sends this.</summary>
    public string? ComponentName { get; set; }

    /// <summary>When the device made it (UTC).</summary>
    public DateTime? CreationTimeUtc { get; set; }

    /// <summary>After this a cloud-to-device message is not delivered any more.</summary>
    public DateTime? ExpiryTimeUtc { get; internal set; }

    /// <summary>When the hub took a cloud-to-device message. AMQP and HTTPS.</summary>
    public DateTime? EnqueuedTimeUtc { get; internal set; }

    /// <summary>How often a cloud-to-device message was delivered before. AMQP and HTTPS.</summary>
    public int DeliveryCount { get; internal set; }

    /// <summary>Its number in the device's queue. AMQP and HTTPS.</summary>
    public long SequenceNumber { get; internal set; }

    /// <summary>What a cloud-to-device message is completed, rejected or abandoned by.</summary>
    public string? LockToken { get; internal set; }

    /// <summary>The application's own properties.</summary>
    public IDictionary<string, string?> Properties { get; } = new Dictionary<string, string?>(StringComparer.Ordinal);

    /// <summary>A stream over the body.</summary>
    public Stream BodyStream => new MemoryStream(_body.ToArray(), writable: false);

    internal ReadOnlyMemory<byte> Body => _body;

    /// <summary>A copy of the body.</summary>
    public byte[] GetBytes() => _body.ToArray();

    /// <summary>Nothing to release; here so that <c>using</c> of the original compiles.</summary>
    public void Dispose()
    {
        // The body belongs to the garbage collector.
    }

    /// <summary>The form in which messages are queued and sent.</summary>
    /// <exception cref="ArgumentException">The message is larger than the hub takes.</exception>
    internal OutgoingMessage ToOutgoing()
    {
        var properties = SystemProperties().Concat(Properties).ToArray();
        var size = Body.Length + MessageLimits.PropertyBytes(properties);
        if (size > MessageLimits.DeviceToCloud)
            throw new Errors.MessageTooLargeException($"The message has {size} bytes with its properties; a hub takes {MessageLimits.DeviceToCloud}.");
        var bag = Encoding.UTF8.GetBytes(PropertyBag.Encode(properties));
        return bag.Length <= OutgoingMessage.MaxBagBytes
            ? new OutgoingMessage(bag, Body)
            : throw new Errors.MessageTooLargeException($"The properties have {bag.Length} bytes in an MQTT topic, which takes {OutgoingMessage.MaxBagBytes}.");
    }

    /// <summary>Takes one property as a hub names it (MQTT names).</summary>
    internal void SetProperty(string name, string? value)
    {
        switch (name)
        {
            case SystemProperty.MessageId: MessageId = value; break;
            case SystemProperty.CorrelationId: CorrelationId = value; break;
            case SystemProperty.UserId: UserId = value; break;
            case SystemProperty.To: To = value; break;
            case SystemProperty.ContentType: ContentType = value; break;
            case SystemProperty.ContentEncoding: ContentEncoding = value; break;
            case SystemProperty.MessageSchema: MessageSchema = value; break;
            case SystemProperty.Subject: ComponentName = value; break;
            case SystemProperty.CreationTime: CreationTimeUtc = Time(value); break;
            case SystemProperty.AbsoluteExpiryTime: ExpiryTimeUtc = Time(value); break;
            default: Properties[name] = value; break;
        }
    }

    internal static DateTime? Time(string? text)
        => DateTimeOffset.TryParse(text, null, System.Globalization.DateTimeStyles.AssumeUniversal, out var time) ? time.UtcDateTime : null;

    private IEnumerable<KeyValuePair<string, string?>> SystemProperties()
    {
        (string Name, string? Value)[] all =
        [
            (SystemProperty.MessageId, MessageId),
            (SystemProperty.CorrelationId, CorrelationId),
            (SystemProperty.UserId, UserId),
            (SystemProperty.ContentType, ContentType),
            (SystemProperty.ContentEncoding, ContentEncoding),
            (SystemProperty.MessageSchema, MessageSchema),
            (SystemProperty.Subject, ComponentName),
            (SystemProperty.CreationTime, CreationTimeUtc is { } time ? new ServiceTime(new DateTimeOffset(time.ToUniversalTime())).ToString() : null),
        ];
        return all.Where(static property => property.Value is not null).Select(static property => new KeyValuePair<string, string?>(property.Name, property.Value));
    }
}
