using System.Diagnostics;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Homeport.Models;
using Homeport.Models.Text;

namespace Homeport.Tests.Models;

/// <summary>Texts of people who mean harm, or whose files are broken: they get errors with places, in little time.</summary>
public sealed class HostileTests
{
    private static readonly byte[] Good = Encoding.UTF8.GetBytes(Source.With("""
        { "@type": ["Telemetry", "Temperature"], "name": "t", "schema": "double", "unit": "kelvin", "displayName": { "en": "Temperatur — ä" } },
        { "@type": "Property", "name": "p", "schema": "dtmi:com:example:map;1", "writable": true },
        { "@type": "Command", "name": "c", "request": { "name": "r", "schema": { "@type": "Enum", "valueSchema": "integer", "enumValues": [{ "name": "a", "enumValue": 1 }] } } },
        { "@type": "Component", "name": "part", "schema": { "@id": "dtmi:com:example:Part;1", "@type": "Interface" } }
        """, more: """, "schemas": [{ "@id": "dtmi:com:example:map;1", "@type": "Map", "mapKey": { "name": "k", "schema": "string" }, "mapValue": { "name": "v", "schema": "string" } }]"""));

    [Fact]
    public void The_text_that_is_changed_is_good() => ModelParser.Parse(Good).Errors.ShouldBeEmpty();

    [Fact]
    public void A_changed_text_is_accepted_or_refused_at_a_place_in_it()
    {
        var bytes = Gen.Choose(0, Good.Length - 1).Zip(Gen.Choose(0, 255)).Zip(Gen.Choose(0, 3));
        Prop.ForAll(bytes.ArrayOf().Where(a => a.Length is > 0 and < 8).ToArbitrary(), changes =>
        {
            var text = Good.ToList();
            foreach (var ((at, value), what) in changes)
            {
                var place = Math.Min(at, text.Count - 1);
                if (what == 0)
                    text[place] = (byte)value;
                else if (what == 1)
                    text.RemoveAt(place);
                else if (what == 2)
                    text.Insert(place, (byte)value);
                else
                    text.RemoveRange(place, text.Count - place);
                if (text.Count == 0)
                    text.Add((byte)' ');
            }
            var parsed = ModelParser.Parse([.. text]);
            var lines = 1 + text.Count(b => b == '\n');
            return (parsed.Model is null) == (parsed.Errors.Count > 0) && parsed.Errors.All(e => e.Line >= 1 && e.Line <= lines && e.Column >= 1);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void Any_JSON_is_read_without_a_fault()
    {
        string[] words = ["@id", "@type", "@context", "contents", "schema", "schemas", "extends", "name", "displayName", "fields", "enumValues", "Interface", "Telemetry", "Object", "dtmi:a:b;1", "dtmi:dtdl:context;2", "double"];
        var word = Gen.Elements(words);
        Gen<string> Json(int depth) => depth == 0
            ? Gen.OneOf(word.Select(w => $"\"{w}\""), Gen.Elements("1", "-1.5e300", "true", "null", "\"\""))
            : Gen.OneOf(Json(0), Json(depth - 1).ArrayOf(3).Select(i => $"[{string.Join(',', i)}]"), word.Zip(Json(depth - 1)).ArrayOf(4).Select(m => $"{{{string.Join(',', m.Select(p => $"\"{p.Item1}\":{p.Item2}"))}}}"));
        Prop.ForAll(Json(4).ToArbitrary(), text =>
        {
            var parsed = Source.Parse(text);
            return (parsed.Model is null) == (parsed.Errors.Count > 0) && parsed.Errors.Count <= 100;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    public static TheoryData<string, string> Bombs => new()
    {
        { "deep JSON", new string('[', 100_000) },
        { "deep objects", string.Concat(Enumerable.Repeat("{\"a\":", 100_000)) },
        { "long name", Source.With($$"""{ "@type": "Telemetry", "name": "{{new string('x', 500_000)}}", "schema": "double" }""") },
        { "many errors", $"[{string.Join(',', Enumerable.Repeat("{}", 100_000))}]" },
        { "many members", Source.With($"{{ {string.Join(',', Enumerable.Range(0, 50_000).Select(i => $"\"m{i}\": 1"))} }}") },
        { "schemas in a row", Chain(5_000) },
        { "schemas that grow", Growing() },
        { "interfaces in a row", Row(5_000) },
        { "interfaces that inherit much", Heirs() },
        { "a schema in itself", Source.With("""{ "@type": "Telemetry", "name": "t", "schema": "dtmi:a:s;1" }""", 2, """, "schemas": { "@id": "dtmi:a:s;1", "@type": "Array", "elementSchema": "dtmi:a:s;1" }""") },
        { "half a character", Source.With("""{ "@type": "Telemetry", "name": "t", "schema": "double", "comment": "\ud83d" }""") },
        { "script", Source.With("""{ "@type": "<script>alert(1)</script>", "name": "t", "schema": "double" }""") },
    };

    [Theory]
    [MemberData(nameof(Bombs))]
    public void A_hostile_text_is_refused_in_little_time(string name, string text)
    {
        var watch = Stopwatch.StartNew();
        var parsed = Source.Parse(text);
        parsed.Errors.Count.ShouldBeInRange(1, 100, name);
        parsed.Errors.ShouldAllBe(e => e.Seen.Length < 1000 && e.Fix.Length < 1000);
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(30), name);
    }

    [Fact]
    public void A_text_that_is_too_long_or_no_UTF_8_is_refused()
    {
        ModelParser.Parse(new byte[JsonSource.MaxBytes + 1]).Errors[0].Seen.ShouldContain("bytes");
        ModelParser.Parse([0x22, 0xff, 0x22]).Errors[0].Seen.ShouldContain("UTF-8");
        ModelParser.Parse([]).Errors.ShouldHaveSingleItem();
        ModelParser.Parse([0xef, 0xbb, 0xbf, .. Good]).Errors.ShouldBeEmpty();
    }

    [Fact]
    public void Columns_count_characters_not_bytes()
    {
        var error = Source.Parse("{ \"ä🚢\": 1, }").Errors.ShouldHaveSingleItem();
        error.Line.ShouldBe(1);
        Source.Parse(Source.With("""{ "displayName": "ä🚢", "name": "1", "@type": "Telemetry", "schema": "double" }""")).Errors[0].Column.ShouldBe(32);
    }

    private static string Chain(int count)
        => Source.With("""{ "@type": "Telemetry", "name": "t", "schema": "dtmi:a:s0;1" }""", 3, $", \"schemas\": [{string.Join(',', Enumerable.Range(0, count).Select(i => $$"""{ "@id": "dtmi:a:s{{i}};1", "@type": "Array", "elementSchema": "dtmi:a:s{{i + 1}};1" }"""))}]");

    /// <summary>Five objects, each with 60 fields of the next: 60 to the fifth elements when followed.</summary>
    private static string Growing()
    {
        var schemas = Enumerable.Range(0, 5).Select(i => $$"""{ "@id": "dtmi:a:s{{i}};1", "@type": "Object", "fields": [{{string.Join(',', Enumerable.Range(0, 60).Select(f => $$"""{ "name": "f{{f}}", "schema": "{{(i == 4 ? "double" : $"dtmi:a:s{i + 1};1")}}" }"""))}}] }""");
        return Source.With("""{ "@type": "Telemetry", "name": "t", "schema": "dtmi:a:s0;1" }""", 3, $", \"schemas\": [{string.Join(',', schemas)}]");
    }

    private static string Row(int count)
        => $"[{string.Join(',', Enumerable.Range(0, count).Select(i => $$"""{ "@context": "dtmi:dtdl:context;3", "@id": "dtmi:a:I{{i}};1", "@type": "Interface", "extends": "dtmi:a:I{{i + 1}};1" }"""))}]";

    private static string Heirs()
    {
        var contents = string.Join(',', Enumerable.Range(0, 3000).Select(i => $$"""{ "@type": "Telemetry", "name": "t{{i}}", "schema": "double" }"""));
        var heirs = string.Join(',', Enumerable.Range(0, 3000).Select(i => $$"""{ "@context": "dtmi:dtdl:context;3", "@id": "dtmi:a:I{{i}};1", "@type": "Interface", "extends": "dtmi:a:Base;1" }"""));
        return $$"""[{ "@context": "dtmi:dtdl:context;3", "@id": "dtmi:a:Base;1", "@type": "Interface", "contents": [{{contents}}] }, {{heirs}}]""";
    }
}
