using System.Text.Json;
using Homeport.Contract.Messages;
using Homeport.Routing;

namespace Homeport.Operations.Exports;

/// <summary>
/// Writes messages as JSON on one line: in the form <c>default@v1</c>, or whole for transforms. Sources: Azure "Export IoT data", data formats; "Transform
/// data inside your IoT Central application for export", pre-transformation message structure.
/// </summary>
internal static class ExportWriter
{
    private static readonly JsonWriterOptions Options = new() { SkipValidation = true, MaxDepth = 1100 };

    /// <summary>The form in which messages are exported that nobody transforms.</summary>
    public static byte[] Default(ExportMessage message, string applicationId, IReadOnlyDictionary<string, JsonElement> enrichments) => Write(writer =>
    {
        WriteHead(writer, message, applicationId);
        writer.WriteString("schema", "default@v1");
        Add(writer, "templateId", message.TemplateId);
        writer.WriteString("enqueuedTime", RoutedMessage.Time(message.Time));
        if (message.Source == "telemetry")
        {
            writer.WritePropertyName("telemetry");
            if (message.Telemetry is { } telemetry)
                WriteRaw(writer, telemetry);
            else
                WriteBytes(writer, message);
        }
        if (message.Source == "properties")
        {
            writer.WriteStartArray("properties");
            foreach (var value in message.Properties)
                WriteValue(writer, value, message.Origin.Origin.ModuleId);
            writer.WriteEndArray();
        }
        WriteTail(writer, message, enrichments);
    });

    /// <summary>All that a transform may read.</summary>
    public static byte[] Whole(ExportMessage message, string applicationId, IReadOnlyDictionary<string, JsonElement> enrichments) => Write(writer =>
    {
        WriteHead(writer, message, applicationId);
        writer.WriteString("enqueuedTime", RoutedMessage.Time(message.Time));
        Add(writer, "templateId", message.TemplateId);
        if (message.Device is { } device)
            WriteDevice(writer, device);
        if (message.Source == "telemetry")
        {
            writer.WriteStartArray("telemetry");
            foreach (var member in message.Telemetry?.EnumerateObject() ?? default)
                WriteValue(writer, new ExportedValue(null, member.Name, member.Value), null);
            writer.WriteEndArray();
            if (message.Telemetry is null)
                writer.WriteBase64String("body", message.Origin.Body.Span);
        }
        if (message.Source == "properties")
        {
            writer.WriteStartArray("properties");
            foreach (var value in message.Properties)
                WriteValue(writer, value, message.Origin.Origin.ModuleId);
            writer.WriteEndArray();
        }
        Add(writer, "messageId", message.Origin.Stated(SystemProperty.MessageId));
        WriteTail(writer, message, enrichments);
    });

    private static void WriteHead(Utf8JsonWriter writer, ExportMessage message, string applicationId)
    {
        writer.WriteString("applicationId", applicationId);
        writer.WriteString("messageSource", message.Source);
        Add(writer, "messageType", message.Type);
        Add(writer, "deviceId", message.Device?.Facts.DeviceId);
    }

    private static void WriteTail(Utf8JsonWriter writer, ExportMessage message, IReadOnlyDictionary<string, JsonElement> enrichments)
    {
        writer.WriteStartObject("enrichments");
        foreach (var (name, value) in enrichments)
        {
            writer.WritePropertyName(name);
            WriteRaw(writer, value);
        }
        writer.WriteEndObject();
        if (message.Source == "telemetry")
        {
            writer.WriteStartObject("messageProperties");
            foreach (var (name, value) in message.Origin.Properties.DistinctBy(p => p.Key))
                writer.WriteString(name, value ?? "");
            writer.WriteEndObject();
        }
        Add(writer, "module", message.Origin.Origin.ModuleId);
        Add(writer, "component", message.Component);
    }

    /// <summary>As it was sent, on one line: inside of strings JSON has no line breaks, so these are blanks between its parts.</summary>
    private static void WriteRaw(Utf8JsonWriter writer, JsonElement value) => writer.WriteRawValue(value.GetRawText().Replace('\n', ' ').Replace('\r', ' '), skipInputValidation: true);

    /// <summary>Something else than a JSON object: its bytes, so that nothing is lost.</summary>
    private static void WriteBytes(Utf8JsonWriter writer, ExportMessage message)
    {
        writer.WriteStartObject();
        writer.WriteEndObject();
        writer.WriteBase64String("body", message.Origin.Body.Span);
    }

    private static void WriteValue(Utf8JsonWriter writer, ExportedValue value, string? module)
    {
        writer.WriteStartObject();
        writer.WriteString("name", value.Name);
        writer.WritePropertyName("value");
        WriteRaw(writer, value.Value);
        Add(writer, "module", module);
        Add(writer, "component", value.Component);
        writer.WriteEndObject();
    }

    private static void WriteDevice(Utf8JsonWriter writer, ExportedDevice device)
    {
        var facts = device.Facts;
        writer.WriteStartObject("device");
        writer.WriteString("id", facts.DeviceId);
        writer.WriteString("name", facts.DisplayName ?? facts.DeviceId);
        WriteValues(writer, "cloudProperties", device.Twin is null ? [] : TwinValues.Cloud(device.Twin.Tags));
        writer.WriteStartObject("properties");
        WriteValues(writer, "reported", device.Twin is null ? [] : TwinValues.Of(device.Twin.Reported.Properties));
        writer.WriteEndObject();
        Add(writer, "templateId", facts.Template);
        Add(writer, "templateName", device.TemplateName);
        writer.WriteBoolean("simulated", facts.Simulated);
        writer.WriteBoolean("approved", facts.Approved);
        writer.WriteBoolean("blocked", facts.Blocked || facts.Disabled);
        writer.WriteBoolean("provisioned", facts.Provisioned);
        writer.WriteEndObject();
    }

    private static void WriteValues(Utf8JsonWriter writer, string name, IEnumerable<ExportedValue> values)
    {
        writer.WriteStartArray(name);
        foreach (var value in values)
            WriteValue(writer, value, null);
        writer.WriteEndArray();
    }

    private static void Add(Utf8JsonWriter writer, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
            writer.WriteString(name, value);
    }

    private static byte[] Write(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Options))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }
        return stream.ToArray();
    }
}
