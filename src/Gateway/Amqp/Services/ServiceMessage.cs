using System.Globalization;
using System.Text;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Contract.Errors;
using Homeport.Contract.Messages;
using Homeport.Hub.CloudToDevice;

namespace Homeport.Gateway.Amqp.Services;

/// <summary>A service's AMQP message to a device, in the hub's terms.</summary>
/// <param name="DeviceId">For whom.</param>
/// <param name="ModuleId">A module of it, or null.</param>
/// <param name="Message">The message.</param>
internal sealed record ServiceMessage(string DeviceId, string? ModuleId, CloudToDeviceMessage Message)
{
    /// <summary>Reads a message. Its receiver stands in the property to.</summary>
    public static Outcome<ServiceMessage> Read(AmqpMessage message)
    {
        var to = AmqpAddress.Parse(message.Properties?.To);
        var (device, module) = to.Is("devices", null, "messages", "devicebound") ? (to.Segments[1], null)
            : to.Is("devices", null, "modules", null, "messages", "devicebound") ? (to.Segments[1], to.Segments[3])
            : (default(string), default(string));
        if (device is null)
        {
            return new Refusal(HubErrors.ArgumentInvalid, $"The message's property to is '{to}'",
                "Write /devices/{deviceId}/messages/devicebound, or /devices/{deviceId}/modules/{moduleId}/messages/devicebound.");
        }
        return new ServiceMessage(device, module, new CloudToDeviceMessage(PropertiesOf(message), message.Body));
    }

    private static List<KeyValuePair<string, string?>> PropertiesOf(AmqpMessage message)
    {
        var list = new List<KeyValuePair<string, string?>>();
        void Add(string name, object? value)
        {
            if (value is not null)
                list.Add(new(name, TextOf(value)));
        }

        if (message.Properties is { } system)
        {
            Add(SystemProperty.MessageId, system.MessageId);
            Add(SystemProperty.CorrelationId, system.CorrelationId);
            Add(SystemProperty.UserId, system.UserId is null ? null : Encoding.UTF8.GetString(system.UserId));
            Add(SystemProperty.ContentType, system.ContentType);
            Add(SystemProperty.ContentEncoding, system.ContentEncoding);
            // No time at all is what some clients write for none.
            Add(SystemProperty.AbsoluteExpiryTime, system.AbsoluteExpiryTime is { } expiry && expiry > DateTimeOffset.UnixEpoch ? expiry : null);
            Add(SystemProperty.CreationTime, system.CreationTime);
        }
        foreach (var (key, value) in message.ApplicationProperties ?? [])
        {
            if (key is not (string or Symbol))
                continue;
            var name = TextOf(key);
            list.Add(new(SystemNameOf(name), value is null ? null : TextOf(value)));
        }
        return list;
    }

    /// <summary>Some system properties have no field in AMQP and come among the application's own.</summary>
    private static string SystemNameOf(string name) => name switch
    {
        "iothub-message-schema" => SystemProperty.MessageSchema,
        "iothub-creation-time-utc" => SystemProperty.CreationTime,
        _ => name,
    };

    private static string TextOf(object value) => value switch
    {
        string text => text,
        bool flag => flag ? "true" : "false",
        DateTimeOffset time => time.UtcDateTime.ToString("o", CultureInfo.InvariantCulture),
        byte[] bytes => Convert.ToBase64String(bytes),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };
}
