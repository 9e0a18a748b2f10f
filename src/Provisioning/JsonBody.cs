using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Homeport.Contract.Errors;

namespace Homeport.Provisioning;

/// <summary>Reads JSON of untrusted bytes; what is wrong is named by its place.</summary>
public static class JsonBody
{
    /// <summary>Reads a body.</summary>
    /// <param name="body">UTF-8 text.</param>
    /// <param name="type">What it should be, with the limits of its options.</param>
    public static Outcome<T> Read<T>(ReadOnlySpan<byte> body, JsonTypeInfo<T> type)
        where T : class
    {
        if (!Utf8.IsValid(body))
            return Refuse("The body is not UTF-8 text");
        try
        {
            return JsonSerializer.Deserialize(body, type) is { } value ? value : Refuse("The body is null");
        }
        catch (JsonException e)
        {
            return Refuse(e is { LineNumber: { } line, BytePositionInLine: { } position }
                ? $"The body is not the expected JSON: line {line + 1}, byte {position + 1}{(string.IsNullOrEmpty(e.Path) ? "" : $", at {Shown.Text(e.Path)}")}"
                : "The body is not the expected JSON");
        }
    }

    /// <summary>True when a value that is kept as it was sent can be written again: an escaped half of a surrogate pair cannot.</summary>
    internal static bool IsWritable(JsonElement? value)
    {
        if (value is not { } sent)
            return true;
        try
        {
            using var writer = new Utf8JsonWriter(Stream.Null);
            sent.WriteTo(writer);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static Refusal Refuse(string seen) => new(ProvisioningErrors.BadRequest, seen, "Send a JSON object as the API describes it.");
}
