using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
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
        if (!Utf8.IsValid(json))
            return new Refusal(HubErrors.IotHubFormatError, "The JSON is no UTF-8", "Send it in UTF-8.");
        try
        {
            ReadEscapedTexts(json);
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
        catch (InvalidOperationException)
        {
            return new Refusal(HubErrors.IotHubFormatError, "A text of the JSON has an escape for half a character", @"Escape a character above U+FFFF by two halves, as in \ud83d\udea2, or send it as it is.");
        }
    }

    /// <summary>Throws <see cref="InvalidOperationException"/> for a text that cannot be read, which would else be thrown by whoever reads it later.</summary>
    private static void ReadEscapedTexts(ReadOnlySpan<byte> json)
    {
        if (json.IndexOf("\\u"u8) < 0)
            return;
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = Strict.MaxDepth });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped)
                _ = reader.GetString();
        }
    }

    /// <summary>Takes the members away that the hub keeps itself: a client that sends a section back as it got it means no harm.</summary>
    internal static void RemoveOwn(JsonObject section)
    {
        section.Remove("$version");
        section.Remove("$metadata");
    }
}
