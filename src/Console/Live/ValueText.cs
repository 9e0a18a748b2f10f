using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Models.Elements;

namespace Homeport.WebConsole.Live;

/// <summary>Values of a schema as people type and read them.</summary>
public static class ValueText
{
    private const int MaxShown = 400;

    /// <summary>How a value is typed: <c>boolean</c>, <c>number</c>, <c>choice</c>, <c>text</c> or <c>json</c>.</summary>
    public static string InputOf(Schema schema) => schema switch
    {
        StandardSchema { Name: "boolean" } => "boolean",
        StandardSchema { IsNumeric: true } => "number",
        EnumSchema => "choice",
        StandardSchema { Name: "string" or "date" or "dateTime" or "time" or "duration" } => "text",
        _ => "json",
    };

    /// <summary>The JSON of what was typed, or null when it is none.</summary>
    public static string? ToJson(Schema schema, string typed)
    {
        var text = typed.Trim();
        return InputOf(schema) switch
        {
            "boolean" => text is "true" or "false" ? text : null,
            "number" => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) && IsJson(text) ? text : null,
            "choice" => schema is EnumSchema { IsText: true } ? Quote(text) : int.TryParse(text, CultureInfo.InvariantCulture, out _) ? text : null,
            "text" => Quote(typed),
            _ => IsJson(text) ? text : null,
        };
    }

    /// <summary>A value as it is typed; empty for none.</summary>
    public static string ToTyped(Schema schema, JsonNode? value)
        => value is null ? "" : InputOf(schema) is "text" or "choice" && value is JsonValue scalar && scalar.TryGetValue<string>(out var text) ? text : value.ToJsonString();

    /// <summary>A value to read: names of choices, numbers with their digits, the unit behind.</summary>
    public static string Shown(Schema schema, JsonNode? value, Display? display = null)
    {
        if (value is null)
            return "–";
        var text = schema switch
        {
            EnumSchema choice => choice.Values.FirstOrDefault(v => v.Value == ToTyped(schema, value))?.Title ?? ToTyped(schema, value),
            StandardSchema { IsNumeric: true } when display?.Decimals is { } digits && value is JsonValue number && number.TryGetValue<double>(out var exact) => exact.ToString("F" + digits.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture),
            StandardSchema { Name: "double" or "float" } when value is JsonValue number && number.TryGetValue<double>(out var exact) => exact.ToString("G6", CultureInfo.InvariantCulture),
            _ => ToTyped(schema, value),
        };
        var cut = text.Length <= MaxShown ? text : text[..MaxShown] + "…";
        return display?.Unit is { } unit ? $"{cut} {UnitText(unit)}" : cut;
    }

    /// <summary>The sign of a unit, or its name in words.</summary>
    public static string UnitText(string unit) => unit switch
    {
        "degreeCelsius" => "°C",
        "degreeFahrenheit" => "°F",
        "kelvin" => "K",
        "percent" => "%",
        "volt" => "V",
        "ampere" => "A",
        "watt" => "W",
        "kilowatt" => "kW",
        "kilowattHour" => "kWh",
        "hertz" => "Hz",
        "metre" => "m",
        "metrePerSecond" => "m/s",
        "kilogram" => "kg",
        "litre" => "l",
        "second" => "s",
        _ => unit,
    };

    private static string Quote(string text) => JsonValue.Create(text).ToJsonString();

    private static bool IsJson(string text)
    {
        try
        {
            JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 16 }).Dispose();
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
