using Homeport.Contract.Errors;

namespace Homeport.Tests.Hub.Twins;

/// <summary>How a patch changes a section: the examples of RFC 7396 that have objects on both sides, and those that twins add.</summary>
public sealed class MergeTests : TwinTests
{
    private static readonly (string Before, string Patch, string After)[] Merges =
    [
        ("""{"a":"b"}""", """{"a":"c"}""", """{"a":"c"}"""),
        ("""{"a":"b"}""", """{"b":"c"}""", """{"a":"b","b":"c"}"""),
        ("""{"a":"b"}""", """{"a":null}""", "{}"),
        ("""{"a":"b","b":"c"}""", """{"a":null}""", """{"b":"c"}"""),
        ("""{"a":["b"]}""", """{"a":"c"}""", """{"a":"c"}"""),
        ("""{"a":"c"}""", """{"a":["b"]}""", """{"a":["b"]}"""),
        ("""{"a":{"b":"c"}}""", """{"a":{"b":"d","c":null}}""", """{"a":{"b":"d"}}"""),
        ("""{"a":[{"b":"c"}]}""", """{"a":[1]}""", """{"a":[1]}"""),
        ("{}", """{"a":{"bb":{"ccc":null}}}""", """{"a":{"bb":{}}}"""),
        // Other types
        ("""{"a":1}""", """{"a":{"b":2}}""", """{"a":{"b":2}}"""),
        ("""{"a":1}""", """{"a":{"b":null,"c":{"d":null,"e":0}}}""", """{"a":{"c":{"e":0}}}"""),
        ("""{"a":{"b":{"c":1}}}""", """{"a":false}""", """{"a":false}"""),
        ("""{"a":{"b":1}}""", """{"a":[]}""", """{"a":[]}"""),
        ("""{"a":[1]}""", """{"a":{"b":1}}""", """{"a":{"b":1}}"""),
        // Arrays are values; null inside of one is one.
        ("""{"a":[1,2,3]}""", """{"a":[4]}""", """{"a":[4]}"""),
        ("""{"a":[1,2,3]}""", """{"a":[]}""", """{"a":[]}"""),
        ("{}", """{"a":[null,{"b":null},[null]]}""", """{"a":[null,{"b":null},[null]]}"""),
        // Deeper, and at several places at once
        ("""{"a":{"b":{"c":{"d":1,"e":2}}},"f":1}""", """{"a":{"b":{"c":{"d":null,"g":3}}}}""", """{"a":{"b":{"c":{"e":2,"g":3}}},"f":1}"""),
        ("""{"a":{"b":1}}""", """{"a":{"b":null}}""", """{"a":{}}"""),
        ("""{"a":{"b":1}}""", """{"a":{}}""", """{"a":{"b":1}}"""),
        ("""{"a":1}""", """{"nothing":null}""", """{"a":1}"""),
        ("""{"a":1}""", "{}", """{"a":1}"""),
        // Names are case-sensitive, and any text that is allowed.
        ("""{"a":1}""", """{"A":2}""", """{"a":1,"A":2}"""),
        ("""{"a":1}""", """{"ä€🚢":"ä€🚢 \" \\ / < ' \n"}""", """{"a":1,"ä€🚢":"ä€🚢 \" \\ / < ' \n"}"""),
        ("{}", """{"\u0061":"\ud83d\udea2 \u00e4"}""", """{"a":"🚢 ä"}"""),
        ("{}", """{"a/b":1,"a-b":2,"a_b":3,"a:b":4}""", """{"a/b":1,"a-b":2,"a_b":3,"a:b":4}"""),
        ("{}", """{"n":1.5,"m":-0.25,"e":1e3,"z":0,"t":true,"f":false,"s":""}""", """{"n":1.5,"m":-0.25,"e":1e3,"z":0,"t":true,"f":false,"s":""}"""),
    ];

    public static TheoryData<string, string, string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string, string, string>();
            foreach (var section in (string[])["tags", "desired", "reported"])
            {
                foreach (var (before, patch, after) in Merges)
                    data.Add(section, before, patch, after);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_patch_merges(string section, string before, string patch, string after)
    {
        (await WriteAsync(section, before)).Refusal.ShouldBeNull();
        (await WriteAsync(section, patch)).Refusal.ShouldBeNull();
        Same(Members(await TwinAsync(), section), after);
    }

    [Fact]
    public async Task A_patch_leaves_the_other_sections_alone()
    {
        await PatchAsync("""{"tags":{"t":1},"properties":{"desired":{"d":1}}}""");
        await ReportAsync("""{"r":1}""");
        await PatchAsync("""{"tags":{"t":null}}""");
        await PatchAsync("""{"properties":{"desired":{"e":1}}}""");
        var twin = await TwinAsync();
        Same(Members(twin, "tags"), "{}");
        Same(Members(twin, "desired"), """{"d":1,"e":1}""");
        Same(Members(twin, "reported"), """{"r":1}""");
    }

    [Fact]
    public async Task A_replacement_leaves_nothing_of_before_but_what_the_device_reported()
    {
        await PatchAsync("""{"tags":{"t":1},"properties":{"desired":{"d":{"e":1}}}}""");
        await ReportAsync("""{"r":1}""");
        await ReplaceAsync("""{"tags":{"u":2},"properties":{"desired":{"d":{"f":1},"gone":null},"reported":{"r":2}}}""");
        var twin = await TwinAsync();
        Same(Members(twin, "tags"), """{"u":2}""");
        Same(Members(twin, "desired"), """{"d":{"f":1}}""");
        Same(Members(twin, "reported"), """{"r":1}""");
    }

    [Theory]
    [InlineData("""{"etag":"AAAAAAAAAAk=","version":77,"deviceId":"dev1","status":"disabled","$version":9,"$metadata":{},"tags":{"t":1}}""")]
    [InlineData("""{"tags":{"t":1},"properties":{"reported":{"r":1}}}""")]
    [InlineData("""{"tags":{"t":1},"properties":{}}""")]
    [InlineData("""{"tags":{"t":1},"properties":{"desired":{"$version":5,"$metadata":{"$lastUpdated":"2020-01-01T00:00:00Z"}}}}""")]
    public async Task What_the_hub_keeps_itself_is_passed_over_in_a_body(string body)
    {
        var twin = (await PatchAsync(body)).Value!;
        Same(Members(twin, "tags"), """{"t":1}""");
        Same(Members(twin, "desired"), "{}");
        Same(Members(twin, "reported"), "{}");
        (twin.Desired.Version, twin.Reported.Version).ShouldBe((1, 1));
    }

    [Theory]
    [InlineData("""{"tags":[]}""")]
    [InlineData("""{"tags":"t"}""")]
    [InlineData("""{"properties":1}""")]
    [InlineData("""{"properties":{"desired":[1]}}""")]
    [InlineData("""{"properties":{"desired":"d"}}""")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("""{"tags":{"a":1}}}""")]
    [InlineData("""{"tags":{"a":tru}}""")]
    [InlineData("""{"tags":{"a":"\uD800x"}}""")]
    [InlineData("""{"tags":{"a\uDC00":1}}""")]
    [InlineData("""{"etag":"\uDC00"}""")]
    public async Task A_body_that_is_no_twin_is_a_bad_request(string body)
    {
        (await PatchAsync(body)).Refusal!.Error.HttpStatus.ShouldBe(400);
        (await ReplaceAsync(body)).Refusal!.Error.HttpStatus.ShouldBe(400);
        (await TwinAsync()).Version.ShouldBe(2);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("1")]
    [InlineData("[{}]")]
    [InlineData("null")]
    [InlineData("""{"a":1""")]
    [InlineData("""{"a":1}x""")]
    [InlineData("""{a:1}""")]
    [InlineData("""{"a":1,}""")]
    [InlineData("""{"a":NaN}""")]
    [InlineData("""{"a":"\ud800"}""")]
    [InlineData("""{"a":["\udc00\ud800"]}""")]
    [InlineData("""{"\udfff":1}""")]
    public async Task A_report_that_is_no_object_is_a_bad_request(string body)
    {
        (await ReportAsync(body)).Refusal!.Error.HttpStatus.ShouldBe(400);
        (await TwinAsync()).Version.ShouldBe(2);
    }

    [Fact]
    public async Task A_report_of_broken_utf_8_is_a_bad_request()
    {
        byte[] broken = [.. "{\"a\":\""u8, 0xC3, 0x28, .. "\"}"u8];
        (await Twins.ReportAsync("dev1", null, broken, default)).Refusal!.Error.HttpStatus.ShouldBe(400);
    }

    [Fact]
    public async Task Deep_nesting_costs_a_refusal_and_no_stack()
    {
        var deep = string.Concat(Enumerable.Repeat("{\"a\":", 20_000)) + "1" + new string('}', 20_000);
        (await ReportAsync(deep)).Refusal!.Error.HttpStatus.ShouldBe(400);
        (await ReportAsync("{\"a\":" + new string('[', 20_000) + new string(']', 20_000) + "}")).Refusal!.Error.HttpStatus.ShouldBe(400);
    }

    [Fact]
    public async Task An_unknown_device_has_no_twin()
    {
        (await Twins.GetAsync("nobody", null, default)).Refusal!.Error.ShouldBe(HubErrors.DeviceNotFound);
        (await Twins.GetAsync("dev1", "nothing", default)).Refusal!.Error.ShouldBe(HubErrors.ModuleNotFound);
        (await Twins.ReportAsync("nobody", null, "{\"a\":1}"u8.ToArray(), default)).Refusal!.Error.ShouldBe(HubErrors.DeviceNotFound);
        (await Twins.PatchAsync("DEV1", null, new Homeport.Hub.Twins.TwinPatch([], []), default, default)).Refusal!.Error.ShouldBe(HubErrors.DeviceNotFound);
    }
}
