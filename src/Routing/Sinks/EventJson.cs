using System.Text.Json;
using Homeport.Contract.Messages;
using Homeport.Log;

namespace Homeport.Routing.Sinks;

/// <summary>
/// Messages as events for receivers over HTTPS: CloudEvents 1.0, or the schema of Event Grid. Types and data are those of Azure's
/// "IoT Hub as an Event Grid source"; changes of twins, which it has not, have types of their own.
/// </summary>
internal sealed class EventJson(string hubName)
{
    private static readonly JsonWriterOptions Options = new() { SkipValidation = true };

    /// <summary>Writes a batch as a JSON array.</summary>
    /// <param name="batch">The messages.</param>
    /// <param name="eventGrid">The schema of Event Grid in the place of CloudEvents.</param>
    public byte[] Write(IReadOnlyList<RoutedMessage> batch, bool eventGrid)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Options))
        {
            writer.WriteStartArray();
            foreach (var message in batch)
            {
                if (eventGrid)
                    WriteGridEvent(writer, message);
                else
                    WriteCloudEvent(writer, message);
            }
            writer.WriteEndArray();
        }
        return stream.ToArray();
    }

    /// <summary>Writes one CloudEvent.</summary>
    public ReadOnlyMemory<byte> WriteCloudEvent(RoutedMessage message)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Options))
            WriteCloudEvent(writer, message);
        return stream.ToArray();
    }

    /// <summary>A name for the message that it keeps when it is delivered again.</summary>
    public string IdOf(RoutedMessage message) => message.PlaceIn(hubName);

    private void WriteCloudEvent(Utf8JsonWriter writer, RoutedMessage message)
    {
        writer.WriteStartObject();
        writer.WriteString("specversion", "1.0");
        writer.WriteString("id", IdOf(message));
        writer.WriteString("source", $"/hubs/{hubName}");
        writer.WriteString("type", TypeOf(message));
        writer.WriteString("subject", SubjectOf(message));
        writer.WriteString("time", RoutedMessage.Time(message.EnqueuedTime));
        writer.WriteString("datacontenttype", "application/json");
        writer.WriteString("partitionkey", message.Origin.DeviceId);
        WriteData(writer, message);
        writer.WriteEndObject();
    }

    private void WriteGridEvent(Utf8JsonWriter writer, RoutedMessage message)
    {
        writer.WriteStartObject();
        writer.WriteString("id", IdOf(message));
        writer.WriteString("topic", $"/hubs/{hubName}");
        writer.WriteString("subject", SubjectOf(message));
        writer.WriteString("eventType", TypeOf(message));
        writer.WriteString("eventTime", RoutedMessage.Time(message.EnqueuedTime));
        WriteData(writer, message);
        writer.WriteString("dataVersion", "");
        writer.WriteString("metadataVersion", "1");
        writer.WriteEndObject();
    }

    private void WriteData(Utf8JsonWriter writer, RoutedMessage message)
    {
        writer.WriteStartObject("data");
        if (message.Source is MessageSource.DeviceLifecycle or MessageSource.DeviceConnectionState)
        {
            writer.WriteString("hubName", hubName);
            writer.WriteString("deviceId", message.Origin.DeviceId);
            if (message.Origin.ModuleId is { } module)
                writer.WriteString("moduleId", module);
            WriteBody(writer, message.Source == MessageSource.DeviceLifecycle ? "twin" : "deviceConnectionStateEventInfo", message);
        }
        else
        {
            WriteBody(writer, "body", message);
            WriteSystem(writer, message);
        }
        WriteProperties(writer, message);
        writer.WriteEndObject();
    }

    /// <summary>JSON as it is when the message says so, else Base64.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="name">Name of the member.</param>
    /// <param name="message">The message.</param>
    /// <param name="oneLine">Takes line breaks out of the JSON.</param>
    public static void WriteBody(Utf8JsonWriter writer, string name, RoutedMessage message, bool oneLine = false)
    {
        writer.WritePropertyName(name);
        if (message.Json.IsEmpty)
            writer.WriteBase64StringValue(message.Body.Span);
        else if (oneLine && message.Json.Span.ContainsAny((byte)'\n', (byte)'\r'))
            // Inside of strings JSON has no line breaks, so these are blanks between its parts.
            writer.WriteRawValue(message.Json.ToArray().Select(b => b is (byte)'\n' or (byte)'\r' ? (byte)' ' : b).ToArray(), skipInputValidation: true);
        else
            writer.WriteRawValue(message.Json.Span, skipInputValidation: true);
    }

    /// <summary>The application's properties; one without a value is the empty text.</summary>
    public static void WriteProperties(Utf8JsonWriter writer, RoutedMessage message, string name = "properties")
    {
        writer.WriteStartObject(name);
        var written = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (key, value) in message.Properties.Reverse())
        {
            if (written.Add(key))
                writer.WriteString(key, value ?? "");
        }
        writer.WriteEndObject();
    }

    private static void WriteSystem(Utf8JsonWriter writer, RoutedMessage message)
    {
        writer.WriteStartObject("systemProperties");
        Add("iothub-content-type", message.Stated(SystemProperty.ContentType));
        Add("iothub-content-encoding", message.Stated(SystemProperty.ContentEncoding));
        Add("iothub-message-id", message.Stated(SystemProperty.MessageId));
        Add("iothub-correlation-id", message.Stated(SystemProperty.CorrelationId));
        Add("iothub-user-id", message.Stated(SystemProperty.UserId));
        Add("iothub-creation-time-utc", message.Stated(SystemProperty.CreationTime));
        Add("iothub-interface-id", message.Stated(SystemProperty.InterfaceId));
        Add("iothub-connection-device-id", message.Origin.DeviceId);
        Add("iothub-connection-module-id", message.Origin.ModuleId);
        Add("iothub-connection-auth-method", message.Origin.AuthMethod);
        Add("iothub-connection-auth-generation-id", message.Origin.GenerationId);
        Add("iothub-enqueuedtime", RoutedMessage.Time(message.EnqueuedTime));
        Add("iothub-message-source", message.Source.NameOf());
        Add("dt-dataschema", message.Origin.ModelId);
        Add("dt-subject", message.Stated(SystemProperty.Subject));
        writer.WriteEndObject();

        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
                writer.WriteString(name, value);
        }
    }

    private static string TypeOf(RoutedMessage message) => message.Source switch
    {
        MessageSource.Telemetry => "Microsoft.Devices.DeviceTelemetry",
        MessageSource.DeviceLifecycle => message.Property("opType") == "deleteDeviceIdentity" ? "Microsoft.Devices.DeviceDeleted" : "Microsoft.Devices.DeviceCreated",
        MessageSource.DeviceConnectionState => message.Property("opType") == "deviceDisconnected" ? "Microsoft.Devices.DeviceDisconnected" : "Microsoft.Devices.DeviceConnected",
        MessageSource.TwinChange => "Homeport.Devices.TwinChanged",
        MessageSource.DeviceStatus => "Homeport.Devices.StatusChanged",
        MessageSource.DeviceTemplate => "Homeport.Templates.Changed",
        _ => "Homeport.Devices.DigitalTwinChanged",
    };

    private static string SubjectOf(RoutedMessage message)
        => message.Source == MessageSource.DeviceTemplate ? $"deviceTemplates/{message.Property("templateId")}"
            : message.Origin.ModuleId is { } module ? $"devices/{message.Origin.DeviceId}/modules/{module}" : $"devices/{message.Origin.DeviceId}";
}
