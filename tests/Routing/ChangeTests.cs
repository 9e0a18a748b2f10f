using System.Text;
using System.Text.Json.Nodes;
using Homeport.Hub.Registry;
using Homeport.Log;

namespace Homeport.Tests.Routing;

/// <summary>What is told of devices and templates, whoever changes them.</summary>
public sealed class ChangeTests
{
    [Fact]
    public async Task Each_change_of_a_device_is_told_in_the_words_of_IoT_Central()
    {
        await using var fixture = new ExportFixture();
        await WantAsync(fixture, true);
        await fixture.CreateAsync("d1");
        await ToldAsync(fixture, "registered");
        (await fixture.Registry.SetEnabledAsync("d1", false, "service", default)).Refusal.ShouldBeNull();
        await ToldAsync(fixture, "disabled");
        await fixture.ChangeAsync("d1", d => d with { Blocked = true });
        await ToldAsync(fixture);
        (await fixture.Registry.SetEnabledAsync("d1", true, null, default)).Refusal.ShouldBeNull();
        await ToldAsync(fixture);
        await fixture.ChangeAsync("d1", d => d with { Blocked = false });
        await ToldAsync(fixture, "enabled");
        await fixture.ChangeAsync("d1", d => d with { Provisioned = true });
        await ToldAsync(fixture, "provisioned");
        await fixture.ChangeAsync("d1", d => d with { LastSeen = DateTimeOffset.UnixEpoch, Organization = "north" });
        await ToldAsync(fixture);
        await fixture.ChangeAsync("d1", d => d with { DisplayName = "d1" });
        await ToldAsync(fixture);
        await fixture.ChangeAsync("d1", d => d with { DisplayName = "One", Template = "dtmi:a;1" });
        await ToldAsync(fixture, "displayNameChanged", "deviceTemplateChanged");
        (await fixture.Registry.DeleteAsync("d1", null, IfMatch.Absent, default)).ShouldBeNull();
        (await ToldAsync(fixture, "deleted"))[0].ShouldBeJson(
            """{"id":"d1","displayName":"One","template":"dtmi:a;1","organization":"north","approved":true,"blocked":false,"provisioned":true,"simulated":false}""");
    }

    [Fact]
    public async Task A_device_that_waits_and_one_that_comes_at_once_are_told_in_order()
    {
        await using var fixture = new ExportFixture();
        await WantAsync(fixture, true);
        await fixture.ChangeAsync("waits", d => d);
        await ToldAsync(fixture, "registered");
        await fixture.ChangeAsync("waits", d => d with { Blocked = true });
        await ToldAsync(fixture, "disabled");
        await fixture.ChangeAsync("waits", d => d with { Approved = true });
        await ToldAsync(fixture);
        await fixture.ChangeAsync("waits", d => d with { Blocked = false });
        await ToldAsync(fixture, "enabled");
        await fixture.ChangeAsync("asks", d => d);
        await ToldAsync(fixture, "registered");
        await fixture.ChangeAsync("asks", d => d with { Approved = true });
        await ToldAsync(fixture, "enabled");
        await fixture.ChangeAsync("comes", d => d with { Approved = true, Provisioned = true, Template = "dtmi:a;1" });
        await ToldAsync(fixture, "registered", "provisioned");
    }

    [Fact]
    public async Task A_template_is_told_when_it_is_published_changed_and_deleted()
    {
        await using var fixture = new ExportFixture();
        await WantAsync(fixture, true);
        const string Text = """{ "@context": "dtmi:dtdl:context;2", "@id": "dtmi:example:valve;1", "@type": "Interface" }""";
        (await fixture.Templates.SaveDraftAsync("dtmi:modelDefinition:example:valve;1", Text, IfMatch.Absent, default)).Refusal?.Text.ShouldBeNull();
        await ToldAsync(fixture);
        (await fixture.Templates.PublishAsync("dtmi:modelDefinition:example:valve;1", default)).Refusal?.Text.ShouldBeNull();
        (await ToldAsync(fixture, "created"))[0]["modelId"].ShouldBeJson("\"dtmi:example:valve;1\"");
        (await fixture.Templates.PatchAsync("dtmi:modelDefinition:example:valve;1", new JsonObject { ["displayName"] = "Valve" }, IfMatch.Absent, default)).Refusal?.Text.ShouldBeNull();
        await ToldAsync(fixture, "updated");
        (await fixture.Templates.DeleteAsync("dtmi:modelDefinition:example:valve;1", default)).ShouldBeNull();
        await ToldAsync(fixture, "deleted");
    }

    [Fact]
    public async Task What_nobody_wants_to_know_leaves_no_trace()
    {
        await using var fixture = new ExportFixture();
        await fixture.CreateAsync("d1");
        (await fixture.Changes.ReadAsync(10, default)).ShouldBeEmpty();
        await WantAsync(fixture, true);
        await fixture.CreateAsync("d2");
        await WantAsync(fixture, false);
        await fixture.CreateAsync("d3");
        (await fixture.Changes.ReadAsync(10, default)).ShouldHaveSingleItem().Event.ShouldBeNull("nobody wants it any more");
        await fixture.StartAsync();
        await fixture.UntilAsync(async () => (await fixture.Changes.ReadAsync(10, default)).Count == 0, "it is gone");
        fixture.Log.ExtentOf(0).IsEmpty.ShouldBeTrue();
    }

    private static async Task WantAsync(ExportFixture fixture, bool wanted)
    {
        fixture.Events.Routed = source => wanted && source is (MessageSource.DeviceStatus or MessageSource.DeviceTemplate);
        await fixture.Changes.NoteWantedAsync(default);
    }

    /// <summary>The changes since the last call, by their kinds.</summary>
    private static async Task<List<JsonNode>> ToldAsync(ExportFixture fixture, params string[] kinds)
    {
        var changes = await fixture.Changes.ReadAsync(100, default);
        var events = changes.Select(c => c.Event!).ToList();
        string[] told = [.. events.Select(e => RecordProperties.Read(e.Properties.Span).First(p => p.Key == "opType").Value!)];
        told.ShouldBe(kinds);
        if (changes.Count > 0)
            await fixture.Changes.DeleteAsync(changes[^1].Number, default);
        return [.. events.Select(e => JsonNode.Parse(Encoding.UTF8.GetString(e.Body.Span))!)];
    }
}
