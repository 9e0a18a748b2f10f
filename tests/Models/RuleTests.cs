using Homeport.Models;
using Homeport.Models.Elements;

namespace Homeport.Tests.Models;

/// <summary>The rules of the language: what is refused, at which place, and what is accepted.</summary>
public sealed class RuleTests
{
    /// <summary>Contents in line 4 on; version; line and column of the error; words of it.</summary>
    public static TheoryData<string, int, int, int, string> Refused => new()
    {
        { """{ "@type": "Telemetry", "name": "t" }""", 2, 4, 1, "'schema' is missing" },
        { """{ "@type": "Telemetry", "schema": "double" }""", 2, 4, 1, "'name' is missing" },
        { """{ "@type": "Telemetry", "name": "1t", "schema": "double" }""", 2, 4, 33, "'1t' cannot be used" },
        { """{ "@type": "Telemetry", "name": "t_", "schema": "double" }""", 3, 4, 33, "'t_' cannot be used" },
        { """{ "@type": "Telemetry", "name": "t", "schema": "number" }""", 2, 4, 48, "no schema 'number'" },
        { """{ "@type": "Telemetry", "name": "t", "schema": "dtmi:a:b;1" }""", 2, 4, 48, "no schema 'dtmi:a:b;1'" },
        { """{ "@type": "Telemetry", "name": "t", "schema": "vector" }""", 2, 4, 48, "no schema 'vector'" },
        { """{ "@type": "Telemetry", "name": "t", "schema": "double", "color": "red" }""", 2, 4, 58, "no member 'color'" },
        { """{ "@type": "Telemetry", "name": "t", "schema": "double", "unit": "volt" }""", 2, 4, 58, "no member 'unit'" },
        { """{ "@type": ["Telemetry", "Temperature"], "name": "t", "schema": "double", "unit": "volt" }""", 2, 4, 83, "'volt' is no unit of Temperature" },
        { """{ "@type": ["Telemetry", "Temperature"], "name": "t", "schema": "string", "unit": "kelvin" }""", 2, 4, 1, "Temperature is a number" },
        { """{ "@type": ["Telemetry", "Temperature"], "name": "t", "schema": "double", "unit": "kelvin" }""", 3, 4, 26, "'Temperature' is not known" },
        { """{ "@type": ["Telemetry", "Nonsense"], "name": "t", "schema": "double" }""", 3, 4, 26, "'Nonsense' is not known" },
        { """{ "@type": ["Telemetry", "Property"], "name": "t", "schema": "double" }""", 2, 4, 26, "at once" },
        { """{ "@type": "Interface", "name": "t", "schema": "double" }""", 2, 4, 12, "Interface cannot stand here" },
        { """{ "name": "t", "schema": "double" }""", 2, 4, 1, "'@type' is missing" },
        { """{ "@type": "Property", "name": "p", "schema": { "@type": "Array", "elementSchema": "double" } }""", 2, 4, 1, "has an array" },
        { """{ "@type": "Property", "name": "p", "schema": "point" }""", 2, 4, 1, "has an array" },
        { """{ "@type": "Property", "name": "p", "schema": "double", "writable": "yes" }""", 2, 4, 69, "neither true nor false" },
        { """{ "@type": "Command", "name": "c", "request": { "name": "r" } }""", 2, 4, 47, "'schema' is missing" },
        { """{ "@type": "Command", "name": "c", "request": { "@type": "CommandRequest", "name": "r", "schema": "double" } }""", 2, 4, 58, "CommandRequest cannot stand here" },
        { """{ "@type": ["Telemetry", "Temperature"], "name": "t", "schema": "double" }""", 2, 4, 1, "Temperature has no unit" },
        { """{ "@type": "Command", "name": "c", "commandType": "now" }""", 2, 4, 51, "neither synchronous" },
        { """{ "@type": "Component", "name": "c", "schema": "dtmi:com:example:Other;1" }""", 2, 4, 1, "'dtmi:com:example:Other;1' is not in this text" },
        { """{ "@type": "Component", "name": "c", "schema": 7 }""", 2, 4, 48, "names no interface" },
        { """{ "@type": "Relationship", "name": "r", "minMultiplicity": 1 }""", 2, 4, 60, "minMultiplicity is not 0" },
        { """{ "@type": "Relationship", "name": "r", "maxMultiplicity": 501 }""", 2, 4, 60, "maxMultiplicity is out of bounds" },
        { """{ "@type": "Relationship", "name": "r", "target": "x" }""", 2, 4, 1, "no id of an interface" },
        { """{ "@type": "Telemetry", "name": "t", "schema": { "@type": "Enum", "valueSchema": "double", "enumValues": [] } }""", 2, 4, 82, "neither integer nor string" },
        { """{ "@type": "Telemetry", "name": "t", "schema": { "@type": "Enum", "valueSchema": "integer", "enumValues": [{ "name": "a", "enumValue": "1" }] } }""", 2, 4, 136, "no whole number" },
        { """{ "@type": "Telemetry", "name": "t", "schema": { "@type": "Enum", "valueSchema": "string", "enumValues": [{ "name": "a", "enumValue": "1" }, { "name": "a", "enumValue": "2" }] } }""", 2, 4, 142, "stands here already" },
        { """{ "@type": "Telemetry", "name": "t", "schema": { "@type": "Map", "mapKey": { "name": "k", "schema": "integer" }, "mapValue": { "name": "v", "schema": "double" } } }""", 2, 4, 48, "keys of the map" },
        { """{ "@type": "Telemetry", "name": "t", "schema": { "@type": "Object", "fields": [{ "name": "a", "schema": "double" }, { "name": "a", "schema": "double" }] } }""", 2, 4, 117, "'a' stands here a second time" },
        { """{ "@type": "Telemetry", "name": "t", "schema": "double", "displayName": { "english": "T" } }""", 2, 4, 75, "'english' is no language" },
        { """{ "@type": "Telemetry", "name": "t", "schema": "double", "displayName": 7 }""", 2, 4, 73, "neither a text" },
        { """{ "@type": "Telemetry", "name": "t", "name": "u", "schema": "double" }""", 2, 4, 38, "'name' stands here a second time" },
        { """{ "@type": "Telemetry", "name": "t", "schema": "double" }, { "@type": "Property", "name": "t", "schema": "double" }""", 2, 4, 60, "'t' stands here a second time" },
        { """{ "@type": "Telemetry", "@id": "dtmi:dtdl:x;1", "name": "t", "schema": "double" }""", 2, 4, 32, "belongs to the language" },
        { """{ "@type": "Telemetry", "@id": "dtmi:com:example:Thing;1", "name": "t", "schema": "double" }""", 2, 4, 32, "a second time" },
        { """{ "@type": "Telemetry", "@foo": 1, "name": "t", "schema": "double" }""", 3, 4, 25, "'@foo' is no member" },
        { "\"text\"", 2, 4, 1, "cannot be in an interface" },
        { """{ "@type": "Telemetry", "name": "t", "schema": "double" """, 2, 5, 1, "JSON is broken" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_breaks_a_rule_is_refused_at_its_place(string contents, int version, int line, int column, string words)
    {
        var parsed = Source.Parse(Source.With(contents, version));
        parsed.Model.ShouldBeNull();
        var error = parsed.Errors[0];
        error.Seen.ShouldContain(words);
        (error.Line, error.Column).ShouldBe((line, column), error.ToString());
        error.Fix.ShouldNotBeEmpty();
    }

    public static TheoryData<string, int> Accepted => new()
    {
        { """{ "@type": ["Telemetry", "Temperature"], "name": "t", "schema": "double", "unit": "degreeCelsius" }""", 2 },
        { """{ "@type": ["Property", "Commercial"], "name": "p", "schema": "double", "brand": "x", "writable": true }""", 2 },
        { """{ "@type": "Property", "name": "p", "schema": { "@type": "Array", "elementSchema": "double" } }""", 3 },
        { """{ "@type": "Property", "name": "p", "schema": "point" }""", 3 },
        { """{ "@type": "Telemetry", "name": "t", "schema": "dtmi:dtdl:instance:Schema:double;2" }""", 2 },
        { """{ "@type": "dtmi:dtdl:class:Telemetry;3", "dtmi:dtdl:property:name;3": "t", "schema": "dtmi:dtdl:instance:Schema:double;3" }""", 3 },
        { """{ "@type": "Command", "name": "c", "commandType": "synchronous", "request": { "@type": "CommandPayload", "name": "r", "schema": "duration" }, "response": { "name": "s", "schema": "dateTime" } }""", 2 },
        { """{ "@type": "Command", "name": "c", "request": { "@type": "CommandRequest", "name": "r", "schema": "duration" } }""", 3 },
        { """{ "@type": "Telemetry", "name": "t", "schema": "double", "displayName": { "en": "T", "de": "T", "pt-BR": "T" } }""", 2 },
        { """{ "@type": "Telemetry", "name": "t", "schema": "double", "displayName": [ "T", { "@value": "T", "@language": "de" } ] }""", 3 },
        { """{ "@type": "Relationship", "name": "r", "maxMultiplicity": 1, "target": "dtmi:com:example:Nowhere;1", "properties": [{ "@type": "Property", "name": "p", "schema": "string" }] }""", 2 },
        { """{ "@type": "Component", "name": "c", "schema": { "@id": "dtmi:com:example:Part;1", "@type": "Interface", "contents": { "@type": "Telemetry", "name": "t", "schema": "double" } } }""", 2 },
        { """{ "@type": "Telemetry", "name": "t", "schema": { "@type": "Enum", "valueSchema": "integer", "enumValues": [{ "name": "a", "enumValue": -1 }, { "name": "b", "enumValue": 2 }] } }""", 2 },
    };

    [Theory]
    [MemberData(nameof(Accepted))]
    public void What_keeps_the_rules_is_accepted(string contents, int version)
    {
        var parsed = Source.Parse(Source.With(contents, version));
        parsed.Errors.ShouldBeEmpty();
        parsed.Model!.Root.Contents.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(2, 5, true)]
    [InlineData(2, 6, false)]
    [InlineData(3, 5, true)]
    [InlineData(3, 6, false)]
    public void Schemas_lie_five_deep(int version, int depth, bool good)
        => (Source.Parse(Source.With($$"""{ "@type": "Telemetry", "name": "t", "schema": {{Source.Arrays(depth)}} }""", version)).Model is not null).ShouldBe(good);

    [Theory]
    [InlineData(2, 64, true)]
    [InlineData(2, 65, false)]
    [InlineData(3, 512, true)]
    [InlineData(3, 513, false)]
    public void Names_have_a_length(int version, int length, bool good)
        => (Source.Parse(Source.With($$"""{ "@type": "Telemetry", "name": "{{new string('n', length)}}", "schema": "double" }""", version)).Model is not null).ShouldBe(good);

    [Theory]
    [InlineData(2, 300, true)]
    [InlineData(2, 301, false)]
    [InlineData(3, 301, true)]
    public void An_interface_of_version_2_has_300_contents(int version, int count, bool good)
    {
        var contents = string.Join(",\n", Enumerable.Range(0, count).Select(i => $$"""{ "@type": "Telemetry", "name": "t{{i}}", "schema": "double" }"""));
        (Source.Parse(Source.With(contents, version)).Model is not null).ShouldBe(good);
    }

    [Theory]
    [InlineData("", "'@context' is missing")]
    [InlineData("\"@context\": \"dtmi:dtdl:context;1\",", "version of DTDL that is not read")]
    [InlineData("\"@context\": [ \"dtmi:iotcentral:context;2\", \"dtmi:dtdl:context;2\" ],", "in front of the language")]
    [InlineData("\"@context\": [ \"dtmi:dtdl:context;3\", \"dtmi:com:example:ours;1\" ],", "extension 'dtmi:com:example:ours;1' is not known")]
    [InlineData("\"@context\": 2,", "no text")]
    [InlineData("\"@context\": [],", "names no version")]
    public void The_context_decides_on_the_language(string context, string words)
        => Source.Parse($$"""{ {{context}} "@id": "dtmi:a:b;1", "@type": "Interface" }""").Errors[0].Seen.ShouldContain(words);

    [Theory]
    [InlineData("\"State\"", "\"double\"", "State cannot have")]
    [InlineData("\"Event\"", "\"boolean\"", "Event cannot have")]
    [InlineData("\"Location\"", "\"string\"", "Location cannot have")]
    [InlineData("\"VelocityVector\"", "\"double\"", "VelocityVector cannot have")]
    [InlineData("\"Location\"", "\"geopoint\"", null)]
    [InlineData("\"AccelerationVector\"", "\"vector\"", null)]
    public void The_extension_of_IoT_Central_has_rules(string type, string schema, string? words)
    {
        var parsed = Source.Parse($$"""
            { "@context": [ "dtmi:dtdl:context;2", "dtmi:iotcentral:context;2" ], "@id": "dtmi:a:b;1", "@type": "Interface",
              "contents": { "@type": [ "Telemetry", {{type}} ], "name": "t", "schema": {{schema}} } }
            """);
        if (words is null)
            parsed.Errors.ShouldBeEmpty();
        else
            parsed.Errors[0].Seen.ShouldContain(words);
    }

    [Fact]
    public void An_interface_inherits_what_those_have_that_it_extends_once_each()
    {
        var parsed = Source.Parse("""
            [ { "@context": "dtmi:dtdl:context;2", "@id": "dtmi:a:Base;1", "@type": "Interface", "contents": { "@type": "Telemetry", "name": "t", "schema": "double" } },
              { "@context": "dtmi:dtdl:context;2", "@id": "dtmi:a:Left;1", "@type": "Interface", "extends": "dtmi:a:Base;1" },
              { "@context": "dtmi:dtdl:context;2", "@id": "dtmi:a:Right;1", "@type": "Interface", "extends": "dtmi:a:Base;1" },
              { "@context": "dtmi:dtdl:context;2", "@id": "dtmi:a:Bottom;1", "@type": "Interface", "extends": [ "dtmi:a:Left;1", "dtmi:a:Right;1" ],
                "contents": [ { "@type": "Property", "name": "p", "schema": "dtmi:a:shared;1" } ],
                "schemas": { "@id": "dtmi:a:shared;1", "@type": "Map", "mapKey": { "name": "k", "schema": "string" }, "mapValue": { "name": "v", "schema": "double" } } } ]
            """);
        parsed.Errors.ShouldBeEmpty();
        parsed.Model!.Root.Id.Text.ShouldBe("dtmi:a:Bottom;1");
        parsed.Model.Root.Contents.Select(c => c.Name).ShouldBe(["t", "p"]);
        parsed.Model.Root.Contents[0].DefinedBy.ShouldBe("dtmi:a:Base;1");
        parsed.Model.Find<Property>(null, "p")!.Schema.ShouldBeOfType<MapSchema>();
    }

    [Theory]
    [InlineData("\"extends\": \"dtmi:a:B;1\"", "\"extends\": \"dtmi:a:A;1\"", "extends this interface in turn")]
    [InlineData("\"extends\": [ \"dtmi:a:B;1\", \"dtmi:a:C;1\", \"dtmi:a:D;1\" ]", "\"displayName\": \"B\"", "extends 3 others")]
    [InlineData("\"extends\": \"dtmi:a:B;1\", \"contents\": { \"@type\": \"Telemetry\", \"name\": \"t\", \"schema\": \"double\" }", "\"contents\": { \"@type\": \"Property\", \"name\": \"t\", \"schema\": \"double\" }", "inherited from dtmi:a:B;1")]
    [InlineData("\"contents\": { \"@type\": \"Component\", \"name\": \"c\", \"schema\": \"dtmi:a:B;1\" }", "\"contents\": { \"@type\": \"Component\", \"name\": \"c\", \"schema\": \"dtmi:a:C;1\" }", "has components itself")]
    [InlineData("\"contents\": { \"@type\": \"Component\", \"name\": \"c\", \"schema\": \"dtmi:a:A;1\" }", "\"displayName\": \"B\"", "has components itself")]
    public void Interfaces_refer_to_each_other_within_bounds(string first, string second, string words)
    {
        static string Interface(string name, string more) => $$"""{ "@context": "dtmi:dtdl:context;2", "@id": "dtmi:a:{{name}};1", "@type": "Interface", {{more}} }""";
        var parsed = Source.Parse($"[ {Interface("A", first)}, {Interface("B", second)}, {Interface("C", "\"comment\": \"\"")}, {Interface("D", "\"comment\": \"\"")} ]");
        parsed.Errors.ShouldContain(e => e.Seen.Contains(words), string.Join("; ", parsed.Errors));
    }

    [Theory]
    [InlineData(11, true)]
    [InlineData(12, false)]
    public void Ten_interfaces_extend_each_other_in_a_row(int count, bool good)
    {
        var texts = Enumerable.Range(0, count).Select(i => $$"""{ "@context": "dtmi:dtdl:context;2", "@id": "dtmi:a:I{{i}};1", "@type": "Interface"{{(i == 0 ? "" : $", \"extends\": \"dtmi:a:I{i - 1};1\"")}} }""");
        foreach (var order in (IEnumerable<string>[])[texts, texts.Reverse()])
            (Source.Parse($"[{string.Join(",\n", order)}]").Errors.Count == 0).ShouldBe(good);
    }

    [Fact]
    public void What_a_text_needs_from_elsewhere_is_named_and_read_with_it()
    {
        var text = System.Text.Encoding.UTF8.GetBytes(Source.With("""{ "@type": "Component", "name": "c", "schema": "dtmi:com:example:Part;2" }"""));
        ModelParser.Parse(text).Missing.ShouldBe(["dtmi:com:example:Part;2"]);
        var other = Homeport.Models.Text.JsonSource.Read("""{ "@context": "dtmi:dtdl:context;2", "@id": "dtmi:com:example:Part;2", "@type": "Interface", "contents": { "@type": "Telemetry", "name": "t", "schema": "double" } }"""u8, "part");
        var parsed = ModelParser.Parse(text, null, [other]);
        parsed.Errors.ShouldBeEmpty();
        parsed.Model!.Find<Telemetry>("c", "t").ShouldNotBeNull();
    }
}
