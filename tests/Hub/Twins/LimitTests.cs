using System.Text.Json.Nodes;

namespace Homeport.Tests.Hub.Twins;

/// <summary>Every limit at the last allowed value and one above it.</summary>
public sealed class LimitTests : TwinTests
{
    private static readonly string[] Sections = ["tags", "desired", "reported"];

    public static TheoryData<string, string, bool> Names => Table(
    [
        (new string('n', 1), true),
        (new string('n', 1023), true),
        (new string('n', 1024), true),
        (new string('n', 1025), false),
        (new string('ä', 512), true),
        (new string('ä', 512) + "n", false),
        (new string('€', 341) + "n", true),
        (new string('€', 341) + "nn", false),
        ("a.b", false), (".", false), ("a$b", false), ("$a", false), ("a b", false), (" ", false), ("a\u0001b", false), ("a\u001fb", false), ("a\u007fb", false), ("a\u0085b", false),
        ("a\tb", false), ("a\u00a0b", true), ("a-b_c:d/e#f", true), ("ä€🚢", true),
    ]);

    public static TheoryData<string, string, bool> Values => Table(
    [
        (Text('x', 4095), true),
        (Text('x', 4096), true),
        (Text('x', 4097), false),
        (Text('ä', 2048), true),
        (Text('ä', 2049), false),
        ("4503599627370496", true),
        ("-4503599627370496", true),
        ("4503599627370497", false),
        ("-4503599627370497", false),
        ("9223372036854775808", false),
        ("100000000000000000000000000000000", false),
        ("0.1", true), ("-1.5e10", true), ("true", true), ("\"\"", true), ("[]", true), ("{}", true),
        ("[4503599627370497]", false),
        ("{\"b\":4503599627370497}", false),
        ("{\"b\":" + Text('x', 4096) + "}", true),
        ("{\"b\":" + Text('x', 4097) + "}", false),
        ("[" + Text('x', 4097) + "]", false),
        ("{\"b c\":1}", false), ("{\"b\":{\"$c\":1}}", false), ("[{\"b.c\":1}]", false),
    ]);

    /// <summary>The documentation's example of a valid twin has ten objects in one another, and a value in the tenth.</summary>
    [Theory]
    [InlineData(9, true)]
    [InlineData(10, true)]
    [InlineData(11, false)]
    [InlineData(30, false)]
    public async Task Objects_are_nested_ten_deep(int depth, bool allowed)
    {
        foreach (var section in Sections)
        {
            var json = string.Concat(Enumerable.Repeat("{\"o\":", depth)) + "{\"property\":\"value\"}" + new string('}', depth);
            await ExpectAsync(section, json, allowed);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public Task Names_are_short_and_of_allowed_characters(string section, string name, bool allowed) => ExpectAsync(section, new JsonObject { [name] = 1 }.ToJsonString(), allowed);

    [Theory]
    [MemberData(nameof(Names))]
    public Task Names_in_objects_are_as_those_outside(string section, string name, bool allowed) => ExpectAsync(section, new JsonObject { ["o"] = new JsonObject { [name] = 1 } }.ToJsonString(), allowed);

    [Theory]
    [MemberData(nameof(Values))]
    public Task Texts_and_integers_have_their_limits(string section, string value, bool allowed) => ExpectAsync(section, $$"""{"a":{{value}}}""", allowed);

    [Fact]
    public Task An_empty_name_is_none() => ExpectAsync("reported", """{"":1}""", false);

    [Theory]
    [InlineData("tags", 8 * 1024, 400)]
    [InlineData("desired", 32 * 1024, 400)]
    [InlineData("reported", 32 * 1024, 413)]
    public async Task A_section_has_a_size_and_it_counts_after_the_merge(string section, int limit, int status)
    {
        (await WriteAsync(section, Filling(limit))).Refusal.ShouldBeNull("it is just full");
        var full = await TwinAsync();
        (await WriteAsync(section, """{"z":""}""")).Refusal!.Error.HttpStatus.ShouldBe(status);
        (await TwinAsync()).ShouldBeSameAs(full);
        // Room is made and taken in one step.
        (await WriteAsync(section, """{"a":null,"b":1}""")).Refusal.ShouldBeNull();
        (await WriteAsync(section, Filling(limit + 1))).Refusal!.Error.HttpStatus.ShouldBe(status);
    }

    [Theory]
    [InlineData("tags", 8 * 1024)]
    [InlineData("desired", 32 * 1024)]
    public async Task A_replacement_is_measured_too(string section, int limit)
    {
        string Body(int size) => section == "tags" ? $$"""{"tags":{{Filling(size)}}}""" : $$$"""{"properties":{"desired":{{{Filling(size)}}}}}""";
        (await ReplaceAsync(Body(limit + 1))).Refusal!.Error.HttpStatus.ShouldBe(400);
        (await ReplaceAsync(Body(limit))).Refusal.ShouldBeNull();
        (await ReplaceAsync(Body(limit))).Refusal.ShouldBeNull("it takes the place of what was there");
    }

    /// <summary>Names and texts in UTF-8 without control characters, numbers 8, booleans 4, all levels, and nothing for the hub's own members.</summary>
    [Theory]
    [InlineData("""{"n":1}""", 9)]
    [InlineData("""{"n":1.23456789012}""", 9)]
    [InlineData("""{"b":true}""", 5)]
    [InlineData("""{"b":false}""", 5)]
    [InlineData("""{"s":""}""", 1)]
    [InlineData("""{"s":"abc"}""", 4)]
    [InlineData("""{"s":"äöü"}""", 7)]
    [InlineData("""{"s":"a\n\t\u0001\u0085b"}""", 3)]
    [InlineData("""{"ä":{"ö":"x"}}""", 5)]
    [InlineData("""{"o":{}}""", 1)]
    [InlineData("""{"o":[]}""", 1)]
    [InlineData("""{"o":[1,"a",true,{"x":"y"}]}""", 16)]
    public async Task The_size_is_counted_as_documented(string json, int size)
    {
        (await ReportAsync(json)).Refusal.ShouldBeNull();
        (await ReportAsync(Filling(32 * 1024 - size, 'A'))).Refusal.ShouldBeNull("both together are just full");
        (await ReportAsync("""{"z":""}""")).Refusal!.Error.HttpStatus.ShouldBe(413);
    }

    [Fact]
    public async Task A_refusal_names_the_place_and_no_value()
    {
        var refusal = (await PatchAsync("""{"properties":{"desired":{"wifi":{"pass word":"hunter2"}}}}""")).Refusal!;
        refusal.Text.ShouldContain("pass word");
        refusal.Text.ShouldContain("wifi");
        refusal.Text.ShouldNotContain("hunter2");
    }

    private async Task ExpectAsync(string section, string json, bool allowed)
    {
        var outcome = await WriteAsync(section, json);
        (outcome.Refusal is null).ShouldBe(allowed, outcome.Refusal?.Text ?? "it was taken");
        if (allowed)
            Same(Members(await TwinAsync(), section), json);
        else
            (outcome.Refusal!.Error.HttpStatus, (await TwinAsync()).Version).ShouldBe((400, 2));
    }

    /// <summary>Members that count as so many bytes: names of one letter, texts of at most 4096 bytes.</summary>
    private static string Filling(int size, char name = 'a')
    {
        var members = new JsonObject();
        for (; size > 0; name++)
        {
            var length = Math.Min(size - 1, 4000);
            members[$"{name}"] = new string('x', length);
            size -= 1 + length;
        }
        return members.ToJsonString();
    }

    private static string Text(char letter, int count) => $"\"{new string(letter, count)}\"";

    private static TheoryData<string, string, bool> Table((string Text, bool Allowed)[] rows)
    {
        var data = new TheoryData<string, string, bool>();
        foreach (var section in Sections)
        {
            foreach (var (text, allowed) in rows)
                data.Add(section, text, allowed);
        }
        return data;
    }
}
