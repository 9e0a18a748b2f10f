using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Hub.Twins;

namespace Homeport.Hub.DigitalTwins;

/// <summary>
/// What changed in a digital twin, as JSON Patch (RFC 6902). Source: Azure "Understand IoT Plug and Play digital twins", section
/// "Digital twin change events".
/// </summary>
public static class DigitalTwinChange
{
    private const string Metadata = "$metadata";

    /// <summary>The operations that make the digital twin of <paramref name="after"/> from that of <paramref name="before"/>, in UTF-8; null when there are none.</summary>
    public static byte[]? Between(Twin before, Twin after)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, TwinJson.Compact))
        {
            writer.WriteStartArray();
            Compare(writer, "", TwinMerge.Read(DigitalTwinDocument.ToBytes(before)), TwinMerge.Read(DigitalTwinDocument.ToBytes(after)));
            writer.WriteEndArray();
        }
        return stream.Length > 2 ? stream.ToArray() : null;
    }

    /// <summary>What is known of a property comes in front of its value, as in the service.</summary>
    private static void Compare(Utf8JsonWriter writer, string path, JsonObject before, JsonObject after)
    {
        foreach (var name in before.Select(m => m.Key).Union(after.Select(m => m.Key), StringComparer.Ordinal).OrderBy(n => n != Metadata))
        {
            var pointer = $"{path}/{name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}";
            if (!after.TryGetPropertyValue(name, out var now))
                Write(writer, "remove", pointer, null, hasValue: false);
            else if (!before.TryGetPropertyValue(name, out var was))
                Write(writer, "add", pointer, now, hasValue: true);
            else if (was is JsonObject inside && now is JsonObject insideNow)
                Compare(writer, pointer, inside, insideNow);
            else if (!JsonNode.DeepEquals(was, now))
                Write(writer, "replace", pointer, now, hasValue: true);
        }
    }

    private static void Write(Utf8JsonWriter writer, string operation, string path, JsonNode? value, bool hasValue)
    {
        writer.WriteStartObject();
        writer.WriteString("op", operation);
        writer.WriteString("path", path);
        if (hasValue)
        {
            writer.WritePropertyName("value");
            if (value is null)
                writer.WriteNullValue();
            else
                value.WriteTo(writer);
        }
        writer.WriteEndObject();
    }
}
