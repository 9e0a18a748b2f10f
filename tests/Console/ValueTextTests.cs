using System.Text;
using System.Text.Json.Nodes;
using Homeport.Models;
using Homeport.Models.Elements;
using Homeport.WebConsole.Live;

namespace Homeport.Tests.WebConsole;

/// <summary>What people type into the forms of a template, and what they read there.</summary>
public sealed class ValueTextTests
{
    private const string Choice = """{ "@type": "Enum", "valueSchema": "integer", "enumValues": [{ "name": "off", "displayName": "Switched off", "enumValue": 0 }, { "name": "on", "enumValue": 1 }] }""";
    private const string Words = """{ "@type": "Enum", "valueSchema": "string", "enumValues": [{ "name": "a", "enumValue": "a b" }] }""";
    private const string Members = """{ "@type": "Object", "fields": [{ "name": "x", "schema": "double" }] }""";

    [Theory]
    [InlineData("\"double\"", "number", "1.5", "1.5")]
    [InlineData("\"double\"", "number", " 1e3 ", "1e3")]
    [InlineData("\"double\"", "number", "1,5", null)]
    [InlineData("\"double\"", "number", "NaN", null)]
    [InlineData("\"double\"", "number", "01", null)]
    [InlineData("\"integer\"", "number", "-7", "-7")]
    [InlineData("\"boolean\"", "boolean", "true", "true")]
    [InlineData("\"boolean\"", "boolean", "yes", null)]
    [InlineData("\"string\"", "text", "say \"hi\" <b>", "\"say \\u0022hi\\u0022 \\u003Cb\\u003E\"")]
    [InlineData("\"dateTime\"", "text", "2027-01-31T12:00:00Z", "\"2027-01-31T12:00:00Z\"")]
    [InlineData(Choice, "choice", "1", "1")]
    [InlineData(Choice, "choice", "on", null)]
    [InlineData(Words, "choice", "a b", "\"a b\"")]
    [InlineData(Members, "json", """{"x":1}""", """{"x":1}""")]
    [InlineData(Members, "json", "{x:1}", null)]
    public void What_is_typed_becomes_JSON_of_the_form(string schema, string input, string typed, string? json)
    {
        ValueText.InputOf(SchemaOf(schema)).ShouldBe(input);
        ValueText.ToJson(SchemaOf(schema), typed).ShouldBe(json);
        if (json is not null)
            ValueText.ToTyped(SchemaOf(schema), JsonNode.Parse(json)).ShouldBe(typed.Trim());
    }

    [Theory]
    [InlineData("\"double\"", "2.7173560908995227", null, null, "2.71736")]
    [InlineData("\"double\"", "2.7173560908995227", 1, "degreeCelsius", "2.7 °C")]
    [InlineData("\"long\"", "12345678901", null, "newtonMetre", "12345678901 newtonMetre")]
    [InlineData(Choice, "0", null, null, "Switched off")]
    [InlineData(Choice, "1", null, null, "on")]
    [InlineData(Choice, "7", null, null, "7")]
    [InlineData("\"string\"", "\"<b>\"", null, null, "<b>")]
    [InlineData("\"string\"", "null", null, null, "–")]
    public void A_value_is_shown_with_names_digits_and_unit(string schema, string value, int? decimals, string? unit, string shown)
        => ValueText.Shown(SchemaOf(schema), JsonNode.Parse(value), new Display { Decimals = decimals, Unit = unit }).ShouldBe(shown);

    [Fact]
    public void A_long_value_is_cut() => ValueText.Shown(SchemaOf("\"string\""), JsonValue.Create(new string('x', 10_000))).Length.ShouldBeLessThan(500);

    private static Schema SchemaOf(string schema)
        => ModelParser.Parse(Encoding.UTF8.GetBytes($$"""{ "@context": "dtmi:dtdl:context;2", "@id": "dtmi:a:b;1", "@type": "Interface", "contents": { "@type": "Telemetry", "name": "t", "schema": {{schema}} } }"""))
            .Model!.Find<Telemetry>(null, "t")!.Schema;
}
