using System.Text.Json;
using Homeport.Models;
using Homeport.Models.Elements;

namespace Homeport.Tests.Models;

/// <summary>Values against schemas, made values, and what differs between models.</summary>
public sealed class ValueTests
{
    private const string Object = """{ "@type": "Object", "fields": [{ "name": "x", "schema": "double" }, { "name": "on", "schema": "boolean" }] }""";
    private const string Enum = """{ "@type": "Enum", "valueSchema": "integer", "enumValues": [{ "name": "a", "enumValue": 1 }, { "name": "b", "enumValue": 2 }] }""";

    [Theory]
    [InlineData("\"double\"", "1.5", null)]
    [InlineData("\"double\"", "\"1.5\"", "The value is \"1.5\", not a number")]
    [InlineData("\"double\"", "null", null)]
    [InlineData("\"integer\"", "2147483648", "not a whole number of 4 bytes")]
    [InlineData("\"integer\"", "1.5", "not a whole number")]
    [InlineData("\"long\"", "2147483648", null)]
    [InlineData("\"boolean\"", "true", null)]
    [InlineData("\"boolean\"", "1", "not true or false")]
    [InlineData("\"string\"", "7", "not a text")]
    [InlineData("\"date\"", "\"2027-01-31\"", null)]
    [InlineData("\"date\"", "\"31.1.2027\"", "not a date")]
    [InlineData("\"dateTime\"", "\"2027-01-31T12:00:00Z\"", null)]
    [InlineData("\"dateTime\"", "\"noon\"", "not a time")]
    [InlineData("\"time\"", "\"12:30:00Z\"", null)]
    [InlineData("\"time\"", "\"25:00\"", "not a time of the day")]
    [InlineData("\"duration\"", "\"PT10M\"", null)]
    [InlineData("\"duration\"", "\"10 min\"", "not a duration")]
    [InlineData("\"point\"", """{ "type": "Point", "coordinates": [1, 2] }""", null)]
    [InlineData("\"point\"", """{ "type": "Polygon", "coordinates": [] }""", "not a GeoJSON point")]
    [InlineData(Object, """{ "x": 1, "on": true }""", null)]
    [InlineData(Object, """{ "x": "1" }""", "x is \"1\", not a number")]
    [InlineData(Object, """{ "y": 1 }""", "y is no field of the object; it has x, on")]
    [InlineData(Object, "[]", "an array, not an object")]
    [InlineData(Enum, "2", null)]
    [InlineData(Enum, "3", "not one of 1, 2")]
    [InlineData(Enum, "\"1\"", "not one of 1, 2")]
    [InlineData("""{ "@type": "Array", "elementSchema": "integer" }""", "[1, 2, 3]", null)]
    [InlineData("""{ "@type": "Array", "elementSchema": "integer" }""", "[1, null, \"3\"]", "[2] is \"3\"")]
    [InlineData("""{ "@type": "Map", "mapKey": { "name": "k", "schema": "string" }, "mapValue": { "name": "v", "schema": "integer" } }""", """{ "a": 1, "b": "2" }""", "b is \"2\"")]
    public void A_value_has_the_form_of_its_schema_or_the_mismatch_is_named(string schema, string value, string? words)
    {
        using var document = JsonDocument.Parse(value);
        var mismatch = SchemaCheck.Mismatch(SchemaOf(schema), document.RootElement);
        if (words is null)
            mismatch.ShouldBeNull();
        else
            mismatch.ShouldNotBeNull().ShouldContain(words);
    }

    [Theory]
    [InlineData("\"double\"")]
    [InlineData("\"float\"")]
    [InlineData("\"integer\"")]
    [InlineData("\"long\"")]
    [InlineData("\"boolean\"")]
    [InlineData("\"string\"")]
    [InlineData("\"date\"")]
    [InlineData("\"dateTime\"")]
    [InlineData("\"time\"")]
    [InlineData("\"duration\"")]
    [InlineData("\"point\"")]
    [InlineData("\"lineString\"")]
    [InlineData("\"multiPolygon\"")]
    [InlineData(Object)]
    [InlineData(Enum)]
    public void A_made_value_has_the_form_of_its_schema(string schema)
    {
        var values = new SampleValues(Random.Shared, TimeProvider.System);
        for (var i = 0; i < 50; i++)
        {
            using var document = JsonDocument.Parse(values.Next("v", SchemaOf(schema)).ToJsonString());
            SchemaCheck.Mismatch(SchemaOf(schema), document.RootElement).ShouldBeNull();
        }
    }

    [Fact]
    public void Made_numbers_stay_within_their_bounds()
    {
        var values = new SampleValues(Random.Shared, TimeProvider.System);
        var number = SchemaOf("\"double\"");
        foreach (var display in (Display[])[new Display { Min = -5, Max = 5 }, new Display { Min = 1e300, Max = -1e300 }, new Display { Min = double.MinValue, Max = double.MaxValue }, new Display { Unit = "degreeCelsius" }, new Display { Max = -40 }])
        {
            for (var i = 0; i < 200; i++)
            {
                var value = (double)values.Next($"{display}", number, display);
                double.IsFinite(value).ShouldBeTrue();
                if (display is { Min: -5 })
                    value.ShouldBeInRange(-5, 5);
            }
        }
    }

    [Theory]
    [InlineData("""{ "@type": "Telemetry", "name": "a", "schema": "double" }""", ChangeKind.Breaking, "b", "Property is gone")]
    [InlineData("""{ "@type": "Telemetry", "name": "a", "schema": "integer" }, { "@type": "Property", "name": "b", "schema": "double" }""", ChangeKind.Breaking, "a", "is integer, not double")]
    [InlineData("""{ "@type": "Telemetry", "name": "a", "schema": "double" }, { "@type": "Property", "name": "b", "schema": "double", "writable": true }""", ChangeKind.Addition, "b", "can be written now")]
    [InlineData("""{ "@type": "Telemetry", "name": "a", "schema": "double" }, { "@type": "Property", "name": "b", "schema": "double" }, { "@type": "Command", "name": "c" }""", ChangeKind.Addition, "c", "Command is new")]
    [InlineData("""{ "@type": "Telemetry", "name": "a", "schema": "double", "displayName": "A" }, { "@type": "Property", "name": "b", "schema": "double" }""", ChangeKind.Presentation, "a", "is shown as 'A', not 'a'")]
    [InlineData("""{ "@type": "Property", "name": "a", "schema": "double" }, { "@type": "Property", "name": "b", "schema": "double" }""", ChangeKind.Breaking, "a", "Telemetry becomes Property")]
    public void What_differs_is_named_and_weighed(string contents, ChangeKind kind, string path, string text)
    {
        var before = Source.Parse(Source.With("""{ "@type": "Telemetry", "name": "a", "schema": "double" }, { "@type": "Property", "name": "b", "schema": "double" }""")).Model!;
        ModelDifference.Between(before, before).ShouldBeEmpty();
        ModelDifference.Between(before, Source.Parse(Source.With(contents)).Model!).ShouldHaveSingleItem().ShouldBe(new ModelChange(kind, path, text));
    }

    private static Schema SchemaOf(string schema)
        => Source.Parse(Source.With($$"""{ "@type": "Telemetry", "name": "t", "schema": {{schema}} }""")).Model!.Find<Telemetry>(null, "t")!.Schema;
}
