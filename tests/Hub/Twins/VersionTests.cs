using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Hub.Twins;

/// <summary>Versions, ETags, times, and who hears of a change.</summary>
public sealed class VersionTests : TwinTests
{
    private const string Zero = "0001-01-01T00:00:00Z";
    private const string First = "2026-01-01T00:00:00.0000000Z";
    private const string Second = "2026-01-01T00:01:00.0000000Z";
    private const string Third = "2026-01-01T00:02:00.0000000Z";

    [Fact]
    public async Task A_new_twin_has_the_documented_numbers_and_times()
    {
        var twin = await TwinAsync();
        (twin.ETag, twin.Version).ShouldBe(("AAAAAAAAAAE=", 2));
        Same(JsonNode.Parse(twin.Desired.ForService()), $$$"""{"$metadata":{"$lastUpdated":"{{{Zero}}}"},"$version":1}""");
        Same(JsonNode.Parse(twin.Reported.ForService()), $$$"""{"$metadata":{"$lastUpdated":"{{{Zero}}}"},"$version":1}""");
        Encoding.UTF8.GetString(twin.ForDevice()).ShouldBe("""{"desired":{"$version":1},"reported":{"$version":1}}""");
    }

    [Fact]
    public async Task Each_change_counts_where_it_should()
    {
        async Task Expect(string etag, long version, long desired, long reported)
        {
            var twin = await TwinAsync();
            (twin.ETag, twin.Version, twin.Desired.Version, twin.Reported.Version).ShouldBe((etag, version, desired, reported));
        }

        await PatchAsync("""{"tags":{"t":1}}""");
        await Expect("AAAAAAAAAAI=", 3, 1, 1);
        await PatchAsync("""{"properties":{"desired":{"d":1}}}""");
        await Expect("AAAAAAAAAAM=", 4, 2, 1);
        await ReportAsync("""{"r":1}""");
        await Expect("AAAAAAAAAAM=", 5, 2, 2);
        await PatchAsync("""{"tags":{"t":2},"properties":{"desired":{"d":2}}}""");
        await Expect("AAAAAAAAAAQ=", 6, 3, 2);
        // What is the same as before is a change, too.
        await PatchAsync("""{"properties":{"desired":{"d":2}}}""");
        await Expect("AAAAAAAAAAU=", 7, 4, 2);
        await ReportAsync("""{"r":1}""");
        await Expect("AAAAAAAAAAU=", 8, 4, 3);
        await ReplaceAsync("""{"tags":{},"properties":{"desired":{"d":3}}}""");
        await Expect("AAAAAAAAAAY=", 9, 5, 3);
        (await ReportAsync("""{"a.b":1}""")).Refusal.ShouldNotBeNull();
        (await PatchAsync("""{"tags":{"t":9},"properties":{"desired":{"a.b":1}}}""")).Refusal.ShouldNotBeNull();
        (await PatchAsync("""{"tags":{"a b":1},"properties":{"desired":{"d":9}}}""")).Refusal.ShouldNotBeNull();
        await Expect("AAAAAAAAAAY=", 9, 5, 3);
        Same(Members(await TwinAsync(), "tags"), "{}");
        Same(Members(await TwinAsync(), "desired"), """{"d":3}""");
    }

    [Fact]
    public async Task The_metadata_has_time_and_version_of_the_last_change_at_every_level()
    {
        await PatchAsync("""{"properties":{"desired":{"a":1,"o":{"x":1,"y":[1,{"z":1}]},"p":{"q":1}}}}""");
        Time.Advance(TimeSpan.FromMinutes(1));
        await PatchAsync("""{"properties":{"desired":{"o":{"x":2},"n":null}}}""");
        var metadata = Json((await TwinAsync()).Desired.Metadata);
        Same(metadata, $$$"""
            {"$lastUpdated":"{{{Second}}}","$lastUpdatedVersion":3,
             "a":{"$lastUpdated":"{{{First}}}","$lastUpdatedVersion":2},
             "o":{"$lastUpdated":"{{{Second}}}","$lastUpdatedVersion":3,
                  "x":{"$lastUpdated":"{{{Second}}}","$lastUpdatedVersion":3},
                  "y":{"$lastUpdated":"{{{First}}}","$lastUpdatedVersion":2}},
             "p":{"$lastUpdated":"{{{First}}}","$lastUpdatedVersion":2,"q":{"$lastUpdated":"{{{First}}}","$lastUpdatedVersion":2} } }
            """);
        Time.Advance(TimeSpan.FromMinutes(1));
        await PatchAsync("""{"properties":{"desired":{"o":{"x":null},"p":7,"a":null}}}""");
        Same(Json((await TwinAsync()).Desired.Metadata), $$$"""
            {"$lastUpdated":"{{{Third}}}","$lastUpdatedVersion":4,
             "o":{"$lastUpdated":"{{{Third}}}","$lastUpdatedVersion":4,"y":{"$lastUpdated":"{{{First}}}","$lastUpdatedVersion":2}},
             "p":{"$lastUpdated":"{{{Third}}}","$lastUpdatedVersion":4}}
            """);
    }

    [Fact]
    public async Task A_value_that_becomes_an_object_has_metadata_for_its_members()
    {
        await PatchAsync("""{"properties":{"desired":{"a":1,"b":[1]}}}""");
        Time.Advance(TimeSpan.FromMinutes(1));
        await PatchAsync("""{"properties":{"desired":{"a":{"x":1},"b":{"y":{}}}}}""");
        Same(Json((await TwinAsync()).Desired.Metadata), $$$"""
            {"$lastUpdated":"{{{Second}}}","$lastUpdatedVersion":3,
             "a":{"$lastUpdated":"{{{Second}}}","$lastUpdatedVersion":3,"x":{"$lastUpdated":"{{{Second}}}","$lastUpdatedVersion":3}},
             "b":{"$lastUpdated":"{{{Second}}}","$lastUpdatedVersion":3,"y":{"$lastUpdated":"{{{Second}}}","$lastUpdatedVersion":3} } }
            """);
    }

    [Fact]
    public async Task A_replacement_has_metadata_of_its_own_time_alone()
    {
        await PatchAsync("""{"properties":{"desired":{"a":1,"o":{"x":1}}}}""");
        Time.Advance(TimeSpan.FromMinutes(1));
        await ReplaceAsync("""{"properties":{"desired":{"a":1}}}""");
        Same(Json((await TwinAsync()).Desired.Metadata), $$$"""{"$lastUpdated":"{{{Second}}}","$lastUpdatedVersion":3,"a":{"$lastUpdated":"{{{Second}}}","$lastUpdatedVersion":3}}""");
    }

    [Fact]
    public async Task Reported_properties_have_times_without_versions()
    {
        await ReportAsync("""{"a":1,"o":{"x":1}}""");
        Time.Advance(TimeSpan.FromMinutes(1));
        await ReportAsync("""{"o":{"y":1}}""");
        Same(Json((await TwinAsync()).Reported.Metadata), $$$"""
            {"$lastUpdated":"{{{Second}}}","a":{"$lastUpdated":"{{{First}}}"},
             "o":{"$lastUpdated":"{{{Second}}}","x":{"$lastUpdated":"{{{First}}}"},"y":{"$lastUpdated":"{{{Second}}}"} } }
            """);
    }

    [Fact]
    public async Task A_member_may_be_called_like_any_word_of_the_hub()
    {
        await PatchAsync("""{"properties":{"desired":{"lastUpdated":1,"version":2,"metadata":{"lastUpdated":3}}}}""");
        Same(Members(await TwinAsync(), "desired"), """{"lastUpdated":1,"version":2,"metadata":{"lastUpdated":3}}""");
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("", true)]
    [InlineData("*", true)]
    [InlineData("\"*\"", true)]
    [InlineData("\"AAAAAAAAAAI=\"", true)]
    [InlineData("AAAAAAAAAAI=", true)]
    [InlineData("\"AAAAAAAAAAE=\"", false)]
    [InlineData("AAAAAAAAAAE=", false)]
    [InlineData("\"AAAAAAAAAAM=\"", false)]
    [InlineData("\"aaaaaaaaaai=\"", false)]
    [InlineData("nonsense", false)]
    public async Task If_Match_takes_the_present_etag_in_all_its_spellings(string? header, bool allowed)
    {
        await PatchAsync("""{"tags":{"t":1}}""");
        var patch = await PatchAsync("""{"tags":{"t":2}}""", header);
        patch.Refusal?.Error.ShouldBe(HubErrors.PreconditionFailed);
        (patch.Refusal is null).ShouldBe(allowed);
        Same(Members(await TwinAsync(), "tags"), allowed ? """{"t":2}""" : """{"t":1}""");
    }

    [Fact]
    public async Task A_report_spoils_no_etag_and_a_service_write_does()
    {
        var etag = (await TwinAsync()).ETag;
        await ReportAsync("""{"r":1}""");
        (await ReplaceAsync("""{"tags":{"t":1}}""", $"\"{etag}\"")).Refusal.ShouldBeNull();
        (await ReplaceAsync("""{"tags":{"t":2}}""", $"\"{etag}\"")).Refusal!.Error.ShouldBe(HubErrors.PreconditionFailed);
        (await PatchAsync("""{"properties":{"desired":{"d":2}}}""", etag)).Refusal!.Error.ShouldBe(HubErrors.PreconditionFailed);
        Same(Members(await TwinAsync(), "tags"), """{"t":1}""");
    }

    [Fact]
    public async Task Of_many_writers_with_one_etag_exactly_one_wins()
    {
        var etag = (await TwinAsync()).ETag;
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 32).Select(i => Task.Run(() => PatchAsync($$"""{"tags":{"winner":{{i}} } }""", etag))));
        outcomes.Count(o => o.Refusal is null).ShouldBe(1);
        outcomes.Where(o => o.Refusal is not null).ShouldAllBe(o => o.Refusal!.Error == HubErrors.PreconditionFailed);
        (await TwinAsync()).Version.ShouldBe(3);
    }

    [Fact]
    public async Task A_connected_device_hears_of_its_desired_properties_and_of_nothing_else()
    {
        var (device, module) = (new FakeLink("dev1"), new FakeLink("dev1/m1"));
        Live.Open(device);
        Live.Open(module);
        await PatchAsync("""{"tags":{"t":1}}""");
        await ReportAsync("""{"r":1}""");
        (await PatchAsync("""{"properties":{"desired":{"a b":1}}}""")).Refusal.ShouldNotBeNull();
        (await PatchAsync("""{"properties":{"desired":{"a":1}}}""", "stale")).Refusal.ShouldNotBeNull();
        device.Changes.ShouldBeEmpty();
        await PatchAsync("""{"tags":{"t":1},"properties":{"desired":{"a":1,"b":null}}}""");
        await ReplaceAsync("""{"properties":{"desired":{"c":{"d":1}}}}""");
        device.Changes.Select(Text).ShouldBe(["""2 {"a":1,"b":null,"$version":2}""", """3 {"c":{"d":1},"$version":3}"""]);
        module.Changes.ShouldBeEmpty();
        await PatchAsync("""{"properties":{"desired":{"m":1}}}""", moduleId: "m1");
        (device.Changes.Count, Text(module.Changes.Single())).ShouldBe((2, """2 {"m":1,"$version":2}"""));
    }

    [Fact]
    public async Task Under_concurrency_the_device_hears_every_version_once_and_in_order()
    {
        var link = new FakeLink("dev1");
        Live.Open(link);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(w => Task.Run(async () =>
        {
            for (var i = 0; i < 100; i++)
                (i % 10 == 0 ? await ReplaceAsync($$$"""{"properties":{"desired":{"w":{{{w}}} } } }""") : await PatchAsync($$$"""{"properties":{"desired":{"w":{{{w}}} } } }""")).Refusal.ShouldBeNull();
        })));
        link.Changes.Select(c => c.Version).ShouldBe(Enumerable.Range(2, 800).Select(v => (long)v));
        link.Changes.ShouldAllBe(c => (long)Json(c.Body)["$version"]! == c.Version);
        var twin = await TwinAsync();
        (twin.Desired.Version, twin.Version).ShouldBe((801, 802));
        Same(Json(link.Changes[^1].Body)["w"], Members(twin, "desired")["w"]!.ToJsonString());
    }

    private static string Text(DesiredChange change) => $"{change.Version} {Encoding.UTF8.GetString(change.Body.Span)}";
}
