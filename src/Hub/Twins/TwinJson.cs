using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;

namespace Homeport.Hub.Twins;

/// <summary>Reads the JSON of patches, with the bounds that keep a bad one cheap.</summary>
public static class TwinJson
{
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 32, AllowDuplicateProperties = false };

    /// <summary>Writes text as it is, without escapes for HTML, which no twin is.</summary>
    internal static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads an object, or says where it is broken.</summary>
    public static Outcome<JsonObject> ReadObject(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonNode.Parse(json, documentOptions: Strict) is JsonObject members
                ? members
                : new Refusal(HubErrors.IotHubFormatError, "The JSON is no object", "Send a JSON object with the members to change.");
        }
        catch (JsonException e)
        {
            return new Refusal(HubErrors.IotHubFormatError,
                string.Create(System.Globalization.CultureInfo.InvariantCulture, $"The JSON is broken in line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}, or has a member twice"),
                "Correct the JSON at this place.");
        }
    }

    /// <summary>Takes the members away that the hub keeps itself: a client that sends a section back as it got it means no harm.</summary>
    internal static void RemoveOwn(JsonObject section)
    {
        section.Remove("$version");
        section.Remove("$metadata");
    }
}
