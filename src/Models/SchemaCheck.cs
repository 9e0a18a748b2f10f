using System.Globalization;
using System.Text.Json;
using System.Xml;
using Homeport.Models.Elements;
using Homeport.Models.Text;

namespace Homeport.Models;

/// <summary>Checks values against schemas. Source: DTDL, "Primitive schema" and "Complex schema"; for geospatial ones RFC 7946.</summary>
public static class SchemaCheck
{
    /// <summary>Null when the value has the form, else what is wrong, with the path to it. The JSON value null always has it: it deletes, or says that nothing is known.</summary>
    public static string? Mismatch(Schema schema, JsonElement value) => Check(schema, value, "");

    private static string? Check(Schema schema, JsonElement value, string path)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return null;
        return schema switch
        {
            StandardSchema standard => IsStandard(standard.Name, value) ? null : Wrong(path, value, Article(standard.Name)),
            ArraySchema array => CheckArray(array, value, path),
            MapSchema map => CheckMap(map, value, path),
            ObjectSchema members => CheckObject(members, value, path),
            EnumSchema choice => CheckEnum(choice, value, path),
            _ => throw new ArgumentException($"The schema {schema.Kind} is not known.", nameof(schema)),
        };
    }

    private static string? CheckArray(ArraySchema schema, JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.Array)
            return Wrong(path, value, "an array");
        var index = 0;
        foreach (var item in value.EnumerateArray())
        {
            if (Check(schema.Element, item, string.Create(CultureInfo.InvariantCulture, $"{path}[{index++}]")) is { } wrong)
                return wrong;
        }
        return null;
    }

    private static string? CheckMap(MapSchema schema, JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.Object)
            return Wrong(path, value, "an object");
        foreach (var member in value.EnumerateObject())
        {
            if (Check(schema.Value, member.Value, Join(path, member.Name)) is { } wrong)
                return wrong;
        }
        return null;
    }

    private static string? CheckObject(ObjectSchema schema, JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.Object)
            return Wrong(path, value, "an object");
        foreach (var member in value.EnumerateObject())
        {
            if (schema.Fields.FirstOrDefault(f => f.Name == member.Name) is not { } field)
                return $"{Join(path, member.Name)} is no field of the object; it has {string.Join(", ", schema.Fields.Select(f => f.Name))}";
            if (Check(field.Schema, member.Value, Join(path, member.Name)) is { } wrong)
                return wrong;
        }
        return null;
    }

    private static string? CheckEnum(EnumSchema schema, JsonElement value, string path)
    {
        var text = value.ValueKind switch
        {
            JsonValueKind.String when schema.IsText => value.GetString(),
            JsonValueKind.Number when !schema.IsText => value.GetRawText(),
            _ => null,
        };
        return text is not null && schema.Values.Any(v => v.Value == text) ? null : Wrong(path, value, $"one of {string.Join(", ", schema.Values.Select(v => v.Value))}");
    }

    private static bool IsStandard(string name, JsonElement value) => name switch
    {
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "double" => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number),
        "float" => value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out var number) && float.IsFinite(number),
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out _),
        "long" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        "string" => value.ValueKind == JsonValueKind.String,
        "date" => IsText(value, t => DateOnly.TryParseExact(t, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _)),
        "dateTime" => value.ValueKind == JsonValueKind.String && value.TryGetDateTimeOffset(out _),
        "time" => IsText(value, IsTime),
        "duration" => IsText(value, IsDuration),
        "geopoint" => HasNumbers(value, ["lat", "lon"], ["alt"]),
        "vector" => HasNumbers(value, ["x", "y", "z"], []),
        _ => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String
            && string.Equals(type.GetString(), name, StringComparison.OrdinalIgnoreCase) && value.TryGetProperty("coordinates", out var places) && places.ValueKind == JsonValueKind.Array,
    };

    private static bool IsText(JsonElement value, Func<string, bool> test) => value.ValueKind == JsonValueKind.String && test(value.GetString()!);

    private static bool IsTime(string text)
    {
        var zone = text.AsSpan().IndexOfAny("Zz+-");
        var clock = zone < 0 ? text : text[..zone];
        return TimeOnly.TryParse(clock, CultureInfo.InvariantCulture, out _) && clock.Length >= 5 && clock[2] == ':';
    }

    private static bool IsDuration(string text)
    {
        try
        {
            XmlConvert.ToTimeSpan(text);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
        catch (OverflowException)
        {
            // Longer than the platform counts, and yet a duration.
            return true;
        }
    }

    private static bool HasNumbers(JsonElement value, string[] needed, string[] possible)
        => value.ValueKind == JsonValueKind.Object
            && Array.TrueForAll(needed, n => value.TryGetProperty(n, out var number) && number.ValueKind == JsonValueKind.Number)
            && value.EnumerateObject().All(m => m.Value.ValueKind == JsonValueKind.Number && (needed.Contains(m.Name, StringComparer.Ordinal) || possible.Contains(m.Name, StringComparer.Ordinal)));

    private static string Article(string name) => name switch
    {
        "integer" => "a whole number of 4 bytes",
        "long" => "a whole number of 8 bytes",
        "double" or "float" => "a number",
        "string" => "a text",
        "boolean" => "true or false",
        "date" => "a date such as 2027-01-31",
        "dateTime" => "a time such as 2027-01-31T12:00:00Z",
        "time" => "a time of the day such as 12:00:00",
        "duration" => "a duration such as PT10M",
        "geopoint" => "an object with lat, lon and perhaps alt",
        "vector" => "an object with x, y and z",
        _ => $"a GeoJSON {name}",
    };

    private static string Wrong(string path, JsonElement value, string wanted)
    {
        var shown = value.ValueKind is JsonValueKind.Object or JsonValueKind.Array ? $"an {value.ValueKind}".ToLowerInvariant() : Shown.Text(value.GetRawText());
        return $"{(path.Length == 0 ? "The value" : path)} is {shown}, not {wanted}";
    }

    private static string Join(string path, string member) => path.Length == 0 ? Shown.Text(member) : $"{path}.{Shown.Text(member)}";
}
