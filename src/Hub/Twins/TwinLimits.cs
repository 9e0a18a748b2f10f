using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;

namespace Homeport.Hub.Twins;

/// <summary>Sizes and names that a twin may have. Source: Azure "Understand and use device twins", format and size.</summary>
public static class TwinLimits
{
    /// <summary>Largest desired and largest reported properties, in bytes.</summary>
    public const int PropertiesSize = 32 * 1024;

    /// <summary>Largest tags, in bytes.</summary>
    public const int TagsSize = 8 * 1024;

    /// <summary>Longest name, in bytes of UTF-8.</summary>
    public const int NameSize = 1024;

    /// <summary>Longest text, in bytes of UTF-8.</summary>
    public const int TextSize = 4096;

    /// <summary>Deepest nesting of objects and arrays; one that is a member of the section itself has depth 1.</summary>
    public const int Depth = 10;

    /// <summary>Integers go from minus this to this (2^52).</summary>
    public const long Integer = 4503599627370496;

    /// <summary>The JSON of a patch, at most: its sections at their limits, in the widest spelling.</summary>
    public const int BodySize = 1024 * 1024;

    /// <summary>Null when all names and values of a section are allowed; else what is wrong and where.</summary>
    /// <param name="section">Name of the section, for the explanation.</param>
    /// <param name="members">Members that were sent; null values are allowed, they delete.</param>
    public static Refusal? Check(string section, JsonObject members) => CheckObject(section, members, 1);

    /// <summary>Size of a section in bytes: names and texts in UTF-8 without control characters, numbers 8, booleans 4.</summary>
    public static int Size(JsonNode? node) => node switch
    {
        JsonObject members => members.Sum(m => TextLength(m.Key) + Size(m.Value)),
        JsonArray items => items.Sum(Size),
        JsonValue value => value.GetValueKind() switch
        {
            JsonValueKind.String => TextLength(value.GetValue<string>()),
            JsonValueKind.Number => 8,
            JsonValueKind.True or JsonValueKind.False => 4,
            _ => 0,
        },
        _ => 0,
    };

    /// <summary>Null when a section is small enough.</summary>
    public static Refusal? CheckSize(string section, JsonObject members, int limit)
    {
        var size = Size(members);
        return size <= limit ? null : new Refusal(HubErrors.MessageTooLarge, $"{section} would have {size} bytes, the limit is {limit}", "Delete members that are not needed any more by setting them to null.");
    }

    private static Refusal? CheckObject(string path, JsonObject members, int depth)
    {
        foreach (var (name, value) in members)
        {
            var at = $"{path}.{Shorten(name)}";
            if (CheckName(name) is { } bad)
                return Invalid(at, bad);
            if (CheckValue(at, value, depth) is { } refusal)
                return refusal;
        }
        return null;
    }

    private static string? CheckName(string name)
    {
        if (name.Length == 0)
            return "the name is empty";
        if (Encoding.UTF8.GetByteCount(name) > NameSize)
            return $"the name has more than {NameSize} bytes";
        return name.Any(c => c is '.' or '$' or ' ' || char.IsControl(c)) ? "names have no '.', '$', space or control characters" : null;
    }

    private static Refusal? CheckValue(string path, JsonNode? value, int depth)
    {
        if (depth > Depth && value is (JsonObject or JsonArray))
            return Invalid(path, $"the nesting is deeper than {Depth}");
        switch (value)
        {
            case JsonObject members:
                return CheckObject(path, members, depth + 1);
            case JsonArray items:
                return items.Select((item, i) => CheckValue($"{path}[{i}]", item, depth + 1)).FirstOrDefault(r => r is not null);
            case JsonValue scalar:
                return CheckScalar(path, scalar);
            default:
                return null;
        }
    }

    private static Refusal? CheckScalar(string path, JsonValue scalar)
    {
        switch (scalar.GetValueKind())
        {
            case JsonValueKind.String when Encoding.UTF8.GetByteCount(scalar.GetValue<string>()) > TextSize:
                return Invalid(path, $"the text has more than {TextSize} bytes");
            case JsonValueKind.Number:
                var text = scalar.ToJsonString();
                var isInteger = text.AsSpan().IndexOfAny('.', 'e', 'E') < 0;
                if (isInteger && (!long.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var number) || number is < -Integer or > Integer))
                    return Invalid(path, $"the integer is outside -{Integer} to {Integer}");
                return isInteger || (scalar.TryGetValue<double>(out var real) && double.IsFinite(real)) ? null : Invalid(path, "the number is too large");
            default:
                return null;
        }
    }

    private static int TextLength(string text)
    {
        var size = Encoding.UTF8.GetByteCount(text);
        foreach (var c in text)
        {
            // Control characters of both blocks do not count; those of the second take two bytes.
            if (char.IsControl(c))
                size -= c < 0x80 ? 1 : 2;
        }
        return size;
    }

    private static Refusal Invalid(string path, string reason) => new(HubErrors.ArgumentInvalid, $"{path}: {reason}", "Correct this member; nothing was changed.");

    private static string Shorten(string text) => text.Length <= 64 ? text : text[..64] + "...";
}
