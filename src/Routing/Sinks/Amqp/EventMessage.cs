using System.Text;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Contract.Messages;
using Homeport.Log;

namespace Homeport.Routing.Sinks.Amqp;

/// <summary>
/// Messages as brokers get them: the body in one data section, the properties section as the device set it, the application's properties, and
/// the hub's own among them, since readers of queues get to see those everywhere and annotations hardly anywhere. The message id is
/// that of the message, or its place in the log, so that a second delivery is known again.
/// </summary>
internal sealed class EventMessage(string hubName)
{
    /// <summary>The message's bytes.</summary>
    public byte[] Encode(RoutedMessage message)
    {
        var own = new AmqpMap();
        foreach (var (name, value) in message.Properties)
            own.Add(name, value);
        foreach (var (name, value) in System(message))
        {
            if (!string.IsNullOrEmpty(value))
                own.Add(name, value);
        }
        return new AmqpMessage
        {
            Durable = true,
            Properties = new MessageProperties
            {
                MessageId = message.Stated(SystemProperty.MessageId) ?? PlaceOf(message),
                UserId = message.Stated(SystemProperty.UserId) is { } user ? Encoding.UTF8.GetBytes(user) : null,
                CorrelationId = message.Stated(SystemProperty.CorrelationId),
                ContentType = Ascii(message.Stated(SystemProperty.ContentType)),
                ContentEncoding = Ascii(message.Stated(SystemProperty.ContentEncoding)),
                CreationTime = message.EnqueuedTime,
                GroupId = message.Origin.DeviceId is { Length: > 0 } device ? device : null,
            },
            ApplicationProperties = own,
            Data = [message.Body],
        }.ToBytes();
    }

    private IEnumerable<(string Name, string? Value)> System(RoutedMessage message) => message.IsPlain ? [] :
    [
        ("iothub-connection-device-id", message.Origin.DeviceId),
        ("iothub-connection-module-id", message.Origin.ModuleId),
        ("iothub-connection-auth-method", message.Origin.AuthMethod),
        ("iothub-connection-auth-generation-id", message.Origin.GenerationId),
        ("iothub-enqueuedtime", RoutedMessage.Time(message.EnqueuedTime)),
        ("iothub-message-source", message.Source.NameOf()),
        ("iothub-creation-time-utc", message.Stated(SystemProperty.CreationTime)),
        ("iothub-interface-id", message.Stated(SystemProperty.InterfaceId)),
        ("dt-dataschema", message.Origin.ModelId),
        ("dt-subject", message.Stated(SystemProperty.Subject)),
        ("homeport-place", PlaceOf(message)),
    ];

    private string PlaceOf(RoutedMessage message) => message.PlaceIn(hubName);

    /// <summary>A symbol is ASCII; devices may send anything.</summary>
    private static string? Ascii(string? text) => text is null ? null : Encoding.ASCII.GetString(Encoding.ASCII.GetBytes(text));
}
