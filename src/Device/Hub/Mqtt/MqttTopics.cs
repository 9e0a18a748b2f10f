using System.Globalization;
using System.Text;
using Homeport.Contract.Messages;
using Homeport.Device.Client;

namespace Homeport.Device.Hub.Mqtt;

/// <summary>The topics of a device. Source: Azure "Communicate with an IoT hub using the MQTT protocol".</summary>
internal static class MqttTopics
{
    public const string MethodFilter = "$iothub/methods/POST/#";
    public const string TwinFilter = "$iothub/twin/res/#";
    public const string DesiredFilter = "$iothub/twin/PATCH/properties/desired/#";

    private const string MethodPrefix = "$iothub/methods/POST/";
    private const string TwinPrefix = "$iothub/twin/res/";
    private const string DesiredPrefix = "$iothub/twin/PATCH/properties/desired/";
    private const string RequestId = "/?$rid=";

    /// <summary>Where telemetry goes.</summary>
    /// <param name="identity">See <see cref="HubTarget.Identity"/>.</param>
    public static string Telemetry(string identity) => $"devices/{identity}/messages/events/";

    /// <inheritdoc cref="Telemetry"/>
    public static string DeviceBound(string identity) => $"devices/{identity}/messages/devicebound/";

    public static byte[] TwinGet(string requestId) => Encoding.UTF8.GetBytes($"$iothub/twin/GET/?$rid={requestId}");

    public static byte[] TwinReport(string requestId) => Encoding.UTF8.GetBytes($"$iothub/twin/PATCH/properties/reported/?$rid={requestId}");

    public static byte[] MethodAnswer(int status, string requestId) => Encoding.UTF8.GetBytes($"$iothub/methods/res/{status}/?$rid={requestId}");

    public static bool IsDesired(string topic) => topic.StartsWith(DesiredPrefix, StringComparison.Ordinal);

    /// <summary>Reads <c>$iothub/methods/POST/{name}/?$rid={rid}</c>.</summary>
    public static bool TryMethod(string topic, out string name, out string requestId)
    {
        (name, requestId) = ("", "");
        if (!topic.StartsWith(MethodPrefix, StringComparison.Ordinal))
            return false;
        var end = topic.IndexOf(RequestId, MethodPrefix.Length, StringComparison.Ordinal);
        if (end < 0)
            return false;
        name = topic[MethodPrefix.Length..end];
        requestId = topic[(end + RequestId.Length)..];
        return true;
    }

    /// <summary>Reads <c>$iothub/twin/res/{status}/?$rid={rid}[&amp;$version={v}]</c>.</summary>
    public static bool TryTwin(string topic, out int status, out string requestId, out long version)
    {
        (status, requestId, version) = (0, "", 0);
        if (!topic.StartsWith(TwinPrefix, StringComparison.Ordinal))
            return false;
        var end = topic.IndexOf(RequestId, TwinPrefix.Length, StringComparison.Ordinal);
        if (end < 0 || !int.TryParse(topic.AsSpan(TwinPrefix.Length, end - TwinPrefix.Length), NumberStyles.None, null, out status))
            return false;
        var parts = topic[(end + RequestId.Length)..].Split('&');
        requestId = parts[0];
        foreach (var part in parts.Skip(1))
        {
            if (part.StartsWith("$version=", StringComparison.Ordinal) && long.TryParse(part.AsSpan("$version=".Length), NumberStyles.None, null, out var number))
                version = number;
        }

        return true;
    }

    /// <summary>A cloud-to-device message from the rest of its topic and its payload.</summary>
    public static Message ToMessage(ReadOnlySpan<byte> bag, ReadOnlySpan<byte> payload)
    {
        var message = new Message(new ReadOnlyMemory<byte>(payload.ToArray()));
        var reader = new PropertyBag.Reader(bag);
        while (reader.Read())
            message.SetProperty(OutgoingMessage.Decode(reader.Name), reader.HasValue ? OutgoingMessage.Decode(reader.Value) : null);
        return message;
    }
}
