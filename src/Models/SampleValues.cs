using System.Globalization;
using System.Text.Json.Nodes;
using System.Xml;
using Homeport.Models.Elements;

namespace Homeport.Models;

/// <summary>Makes values of a schema, for simulated devices: numbers wander within their bounds, as those of a sensor do.</summary>
/// <param name="random">The source of chance; the same seed makes the same values.</param>
/// <param name="time">Times that are made are of now.</param>
public sealed class SampleValues(Random random, TimeProvider time)
{
    private const int Items = 3;
    private const int MaxFields = 50;

    /// <summary>Within it, sums of two numbers have no rounding that shows.</summary>
    private const double Most = 1e15;
    private readonly Dictionary<string, double> _last = new(StringComparer.Ordinal);

    /// <summary>A value.</summary>
    /// <param name="name">What it is the value of: the next one of the same name is near it.</param>
    /// <param name="schema">Its form.</param>
    /// <param name="display">Bounds, or null.</param>
    public JsonNode Next(string name, Schema schema, Display? display = null) => schema switch
    {
        StandardSchema standard => Standard(name, standard.Name, display),
        ArraySchema array => new JsonArray([.. Enumerable.Range(0, Items).Select(i => Next($"{name}[{i}]", array.Element))]),
        MapSchema map => new JsonObject { ["a"] = Next(name + ".a", map.Value), ["b"] = Next(name + ".b", map.Value) },
        ObjectSchema members => new JsonObject(members.Fields.Take(MaxFields).Select(f => KeyValuePair.Create(f.Name, (JsonNode?)Next($"{name}.{f.Name}", f.Schema, new Display { Unit = f.Unit })))),
        EnumSchema { Values.Count: > 0 } choice => Choose(choice),
        _ => JsonValue.Create(""),
    };

    private JsonNode Standard(string name, string form, Display? display)
    {
        var now = time.GetUtcNow();
        return form switch
        {
            "boolean" => JsonValue.Create(random.Next(2) == 0),
            "integer" => JsonValue.Create((int)Math.Clamp(Math.Round(Wander(name, display)), int.MinValue, int.MaxValue)),
            "long" => JsonValue.Create((long)Math.Round(Wander(name, display))),
            "double" or "float" => JsonValue.Create(Math.Round(Wander(name, display), display?.Decimals ?? 2)),
            "date" => JsonValue.Create(now.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)),
            "dateTime" => JsonValue.Create(now.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture)),
            "time" => JsonValue.Create(now.ToString("HH:mm:ss", CultureInfo.InvariantCulture)),
            "duration" => JsonValue.Create(XmlConvert.ToString(TimeSpan.FromSeconds(random.Next(1, 3600)))),
            "string" => JsonValue.Create($"{name.Split('.')[^1]} {random.Next(1, 100)}"),
            "geopoint" => new JsonObject { ["lat"] = Coordinate(name + ".lat", 47.64), ["lon"] = Coordinate(name + ".lon", -122.13), ["alt"] = 56 },
            "vector" => new JsonObject { ["x"] = Math.Round(Wander(name + ".x", null), 2), ["y"] = Math.Round(Wander(name + ".y", null), 2), ["z"] = Math.Round(Wander(name + ".z", null), 2) },
            _ => Shape(name, form),
        };
    }

    private JsonObject Shape(string name, string form)
    {
        JsonArray Place(string part, double off) => [Coordinate($"{name}.{part}.lon", -122.13 + off), Coordinate($"{name}.{part}.lat", 47.64 + off)];
        JsonArray Line() => [Place("a", 0), Place("b", 0.01)];
        JsonArray Ring()
        {
            var first = Place("a", 0);
            return [first, Place("b", 0.01), Place("c", 0.02), first.DeepClone()];
        }
        JsonArray coordinates = form switch
        {
            "point" => Place("a", 0),
            "lineString" or "multiPoint" => Line(),
            "multiLineString" => [Line()],
            "polygon" => [Ring()],
            _ => [new JsonArray(Ring())],
        };
        return new JsonObject { ["type"] = char.ToUpperInvariant(form[0]) + form[1..], ["coordinates"] = coordinates };
    }

    private double Coordinate(string name, double around) => Math.Round(around + (Wander(name, new Display { Min = -10, Max = 10 }) / 1000), 6);

    private JsonValue Choose(EnumSchema choice)
    {
        var value = choice.Values[random.Next(choice.Values.Count)].Value;
        return choice.IsText ? JsonValue.Create(value) : JsonValue.Create(int.Parse(value, CultureInfo.InvariantCulture));
    }

    private double Wander(string name, Display? display)
    {
        var (min, max) = Bounds(display);
        var value = _last.TryGetValue(name, out var last) ? last + ((random.NextDouble() - 0.5) * (max - min) / 10) : min + (random.NextDouble() * (max - min));
        return _last[name] = Math.Clamp(value, min, max);
    }

    private static (double Min, double Max) Bounds(Display? display)
    {
        var (low, high) = display?.Unit switch
        {
            "degreeCelsius" => (15.0, 30.0),
            "degreeFahrenheit" => (59.0, 86.0),
            "kelvin" => (288.0, 303.0),
            "percent" => (30.0, 70.0),
            _ => (0.0, 100.0),
        };
        var min = Math.Clamp(display?.Min ?? Math.Min(low, display?.Max ?? low), -Most, Most);
        var max = Math.Clamp(display?.Max ?? Math.Max(high, min + 1), -Most, Most);
        return min <= max ? (min, max) : (max, min);
    }
}
