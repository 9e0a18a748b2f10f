using System.Text.Json;
using Homeport.Contract.Rest.Operators;

namespace Homeport.Operations.Exports;

/// <summary>
/// What is added to each message. A device without the property gets nothing added. Source: Azure "Use the IoT Central REST API to manage data exports", enrichments.
/// </summary>
internal static class ExportEnrichment
{
    private static readonly Dictionary<string, Func<ExportedDevice, JsonElement?>> Members = new(StringComparer.Ordinal)
    {
        ["$enabled"] = d => Value(d.Facts.IsEnabled),
        ["$displayName"] = d => Value(d.Facts.DisplayName ?? d.Facts.DeviceId),
        ["$templateDisplayName"] = d => d.TemplateName is null ? null : Value(d.TemplateName),
        ["$organizations"] = d => d.Facts.Organization is { } organization ? JsonSerializer.SerializeToElement([organization], EnrichmentJson.Default.StringArray) : null,
        ["$provisioned"] = d => Value(d.Facts.Provisioned),
        ["$simulated"] = d => Value(d.Facts.Simulated),
    };

    /// <summary>Null when it can be used, else what is wrong with it and what mends it.</summary>
    public static (string Seen, string Fix)? Check(string name, ExportEnrichmentDescription? enrichment)
    {
        if (name.Length is 0 or > 128 || name.Any(char.IsControl))
            return ("an enrichment has no name, or one with more than 128 characters", "Name it.");
        if (enrichment is null || (enrichment.Value is null) == (enrichment.Path is null))
            return ($"the enrichment '{name}' has neither value nor path, or both", "Send one of them.");
        if (enrichment.Value is { Length: > 1024 } || enrichment.Path is { Length: 0 or > 128 } || enrichment.Target is { Length: 0 or > 2048 })
            return ($"the enrichment '{name}' is too long, or empty", "A value has up to 1024 characters, a path 128.");
        if (enrichment.Path is not { } path)
            return null;
        if (enrichment.Target is null && !Members.ContainsKey(path))
            return ($"the enrichment '{name}' asks for '{path}'", $"Without a target a path is one of {string.Join(", ", Members.Keys)}; the name of a property needs its template as target.");
        return null;
    }

    /// <summary>The values for a message.</summary>
    public static IReadOnlyDictionary<string, JsonElement> Of(IReadOnlyDictionary<string, ExportEnrichmentDescription>? enrichments, ExportMessage message)
    {
        var values = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var (name, enrichment) in enrichments ?? new Dictionary<string, ExportEnrichmentDescription>())
        {
            if (Of(enrichment, message.Device) is { } value)
                values[name] = value;
        }
        return values;
    }

    private static JsonElement? Of(ExportEnrichmentDescription enrichment, ExportedDevice? device)
    {
        if (enrichment.Value is { } text)
            return Value(text);
        if (device is null)
            return null;
        if (enrichment.Target is not { } target)
            return Members[enrichment.Path!](device);
        return device.PlacesOf(target).Select(component => device.Property(component, enrichment.Path!)).FirstOrDefault(value => value is not null);
    }

    private static JsonElement Value(string text) => JsonSerializer.SerializeToElement(text, EnrichmentJson.Default.String);

    private static JsonElement Value(bool value) => JsonSerializer.SerializeToElement(value, EnrichmentJson.Default.Boolean);
}

/// <summary>Values of enrichments.</summary>
[System.Text.Json.Serialization.JsonSerializable(typeof(string[]))]
[System.Text.Json.Serialization.JsonSerializable(typeof(string))]
[System.Text.Json.Serialization.JsonSerializable(typeof(bool))]
internal sealed partial class EnrichmentJson : System.Text.Json.Serialization.JsonSerializerContext;
