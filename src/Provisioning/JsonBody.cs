using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
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
        try
        {
            return JsonSerializer.Deserialize(body, type) is { } value ? value : Refuse("The body is null");
        }
        catch (JsonException e)
        {
            return Refuse(e is { LineNumber: { } line, BytePositionInLine: { } position }
                ? $"The body is not the expected JSON: line {line + 1}, byte {position + 1}{(string.IsNullOrEmpty(e.Path) ? "" : $", at {Shorten(e.Path)}")}"
                : "The body is not the expected JSON");
        }
    }

    private static Refusal Refuse(string seen) => new(ProvisioningErrors.BadRequest, seen, "Send a JSON object as the API describes it.");

    private static string Shorten(string path) => path.Length <= 64 ? path : path[..64] + "...";
}
