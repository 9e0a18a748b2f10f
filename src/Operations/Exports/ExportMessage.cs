using System.Globalization;
using System.Text.Json;
using Homeport.Contract.Messages;
using Homeport.Log;
using Homeport.Routing;

namespace Homeport.Operations.Exports;

/// <summary>A message in the words of IoT Central, before it is written.</summary>
/// <param name="Origin">The record that it was made of.</param>
/// <param name="Source">Word of its source.</param>
internal sealed record ExportMessage(RoutedMessage Origin, string Source)
{
    // As deep as conditions look; what is deeper is no JSON.
    private static readonly JsonDocumentOptions Depth = new() { MaxDepth = 1000 };

    private static readonly Dictionary<string, string> Connectivity = new(StringComparer.Ordinal) { ["deviceConnected"] = "connected", ["deviceDisconnected"] = "disconnected" };

    /// <summary>What happened; null for telemetry.</summary>
    public string? Type { get; init; }

    /// <summary>The device, or null.</summary>
    public ExportedDevice? Device { get; init; }

    /// <summary>Component that sent it, or null.</summary>
    public string? Component { get; init; }

    /// <summary>The template: that of the device, or that which changed.</summary>
    public string? TemplateId { get; init; }

    /// <summary>Telemetry: the JSON object that was sent; null when it is none, then <see cref="Origin"/> has the bytes.</summary>
    public JsonElement? Telemetry { get; init; }

    /// <summary>Properties that changed.</summary>
    public IReadOnlyList<ExportedValue> Properties { get; init; } = [];

    /// <summary>When the hub took it, or it happened.</summary>
    public DateTimeOffset Time => Source != "telemetry" && DateTimeOffset.TryParse(Origin.Property("operationTimestamp"), CultureInfo.InvariantCulture, out var time) ? time : Origin.EnqueuedTime;

    /// <summary>Reads a record. One change of a twin may be several messages: what is wanted, what is reported and cloud properties.</summary>
    public static IReadOnlyList<ExportMessage> Read(RoutedMessage message, string source, ExportedDevice? device)
    {
        var plain = new ExportMessage(message, source) { Device = device, TemplateId = device?.Facts.Template };
        var operation = message.Property("opType");
        return message.Source switch
        {
            MessageSource.Telemetry => [plain with { Component = message.Stated(SystemProperty.Subject), Telemetry = ReadObject(message) }],
            MessageSource.TwinChange => ReadChanges(plain),
            MessageSource.DeviceTemplate => [plain with { Type = operation, TemplateId = message.Property("templateId") }],
            MessageSource.DeviceConnectionState => [plain with { Type = Connectivity.GetValueOrDefault(operation ?? "", operation ?? "") }],
            _ => [plain with { Type = operation }],
        };
    }

    private static List<ExportMessage> ReadChanges(ExportMessage plain)
    {
        var changes = new List<ExportMessage>();
        if (ReadObject(plain.Origin) is not { } body)
            return changes;
        if (body.TryGetProperty("properties", out var properties))
        {
            if (properties.TryGetProperty("desired", out var desired))
                Add("devicePropertyDesiredChange", TwinValues.Of(desired));
            if (properties.TryGetProperty("reported", out var reported))
                Add("devicePropertyReportedChange", TwinValues.Of(reported));
        }
        if (body.TryGetProperty("tags", out var tags))
            Add("cloudPropertyChange", TwinValues.Cloud(tags));
        return changes;

        void Add(string type, IEnumerable<ExportedValue> values)
        {
            if (values.ToList() is { Count: > 0 } read)
                changes.Add(plain with { Type = type, Properties = read });
        }
    }

    /// <summary>Devices often send JSON without saying so.</summary>
    private static JsonElement? ReadObject(RoutedMessage message)
    {
        try
        {
            using var document = JsonDocument.Parse(message.Json.IsEmpty ? message.Body : message.Json, Depth);
            // A name that is no text, such as half of a surrogate pair, shows when it is read.
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.EnumerateObject().All(m => m.Name is not null) ? document.RootElement.Clone() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Devices send what they want: it goes on as bytes.
            return null;
        }
    }
}
