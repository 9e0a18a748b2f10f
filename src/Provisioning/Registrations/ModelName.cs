using System.Text.Json;
using System.Text.RegularExpressions;

namespace Homeport.Provisioning.Registrations;

/// <summary>
/// The model that a device names in the payload of its registration: <c>{"modelId":"dtmi:..."}</c>, before that <c>{"iotcModelId":"..."}</c>, in the
/// oldest samples <c>{"__iot:interfaces":{"CapabilityModelId":"urn:..."}}</c> or the address of the model at <c>CapabilityModelUri</c>. Some clients
/// send the object as a text, and some of those texts are no JSON.
/// </summary>
public static partial class ModelName
{
    /// <summary>Longest name, in characters (DTDL: a DTMI has at most 2048).</summary>
    private const int MaxLength = 2048;

    /// <summary>The name, or null. A payload of another form is no error: it may be for somebody else.</summary>
    public static string? Of(JsonElement? payload) => payload switch
    {
        { ValueKind: JsonValueKind.Object } sent => OfObject(sent),
        { ValueKind: JsonValueKind.String } text => OfText(text.GetString()!),
        _ => null,
    };

    private static string? OfText(string text)
    {
        if (!text.AsSpan().TrimStart().StartsWith("{") || text.Length > MaxLength * 4)
            return null;
        try
        {
            using var document = JsonDocument.Parse(text);
            return OfObject(document.RootElement);
        }
        catch (JsonException)
        {
            return Relaxed().Match(text) is { Success: true } match && match.Groups["id"].Length <= MaxLength ? match.Groups["id"].Value : null;
        }
    }

    private static string? OfObject(JsonElement sent)
        => Text(sent, "modelId") ?? Text(sent, "iotcModelId")
            ?? (sent.TryGetProperty("__iot:interfaces", out var old) && old.ValueKind == JsonValueKind.Object ? Text(old, "CapabilityModelId") ?? OfAddress(Text(old, "CapabilityModelUri")) : null);

    private static string? Text(JsonElement sent, string member)
        => sent.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= MaxLength } text ? text : null;

    /// <summary>The id at the end of an address.</summary>
    private static string? OfAddress(string? address)
    {
        var last = address is null ? "" : Uri.UnescapeDataString(address[(address.LastIndexOf('/') + 1)..]);
        return last.StartsWith("dtmi:", StringComparison.Ordinal) || last.StartsWith("urn:", StringComparison.Ordinal) ? last : null;
    }

    [GeneratedRegex("""^\s*\{\s*['"]?(modelId|iotcModelId)['"]?\s*:\s*['"](?<id>[^'"\s]+)['"]\s*\}\s*$""", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Relaxed();
}
