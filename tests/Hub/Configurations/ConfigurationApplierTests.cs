using System.Text.Json.Nodes;
using Homeport.Hub.Configurations;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Hub.Configurations;

public sealed class ConfigurationApplierTests
{
    private const string Content = """{"deviceContent":{"properties.desired.net.interval":5}}""";

    [Fact]
    public async Task A_configuration_is_written_to_the_twins_that_it_targets_and_shows_there()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("in", tags: """{"floor":1}""");
        await hub.AddAsync("out", tags: """{"floor":2}""");
        await hub.PutAsync("c1", "tags.floor=1", Content);
        await hub.ApplyAsync();
        (await hub.DesiredAsync("in")).ShouldBe("""{"net":{"interval":5}}""");
        (await hub.ShownAsync("in")).ShouldBe("""{"c1":{"status":"Applied"}}""");
        (await hub.DesiredAsync("out")).ShouldBe("{}");
        (await hub.ShownAsync("out")).ShouldBe("{}");
        (await hub.QueryAsync("SELECT * FROM devices WHERE configurations.[[c1]].status='Applied'")).ShouldBe(["in"]);
        hub.Log.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_there_already_is_not_written_again()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("d1");
        await hub.PutAsync("c1", "*", """{"deviceContent":{"properties.desired":{"a":1,"b":{"c":"ä","gone":null},"list":[1,{"x":2}]}}}""");
        await hub.ApplyAsync();
        var first = await hub.TwinAsync("d1");
        first.Desired.Version.ShouldBe(2);
        for (var i = 0; i < 3; i++)
        {
            hub.Applier.NoteAll();
            await hub.ApplyAsync();
        }
        (await hub.TwinAsync("d1")).Version.ShouldBe(first.Version);
    }

    [Fact]
    public async Task The_highest_priority_wins_and_of_equal_ones_the_newest()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("d1");
        await hub.PutAsync("high", "*", """{"deviceContent":{"properties.desired.x":"high"}}""", priority: 5);
        await hub.PutAsync("low-new", "*", """{"deviceContent":{"properties.desired.x":"new","properties.desired.y":1}}""", priority: 2);
        await hub.PutAsync("low-newest", "*", """{"deviceContent":{"properties.desired.x":"newest"}}""", priority: 2);
        await hub.ApplyAsync();
        (await hub.DesiredAsync("d1")).ShouldBe("""{"x":"high"}""");
        (await hub.ShownAsync("d1")).ShouldBe("""{"high":{"status":"Applied"},"low-new":{"status":"Targeted"},"low-newest":{"status":"Targeted"}}""");
        (await hub.Configurations.DeleteAsync("high", IfMatch.Absent, default)).ShouldBeNull();
        (await hub.ShownAsync("d1")).ShouldNotContain("high", Case.Sensitive, "it goes with the configuration");
        await hub.ApplyAsync();
        (await hub.DesiredAsync("d1")).ShouldBe("""{"x":"newest"}""");
        (await hub.ShownAsync("d1")).ShouldBe("""{"low-new":{"status":"Targeted"},"low-newest":{"status":"Applied"}}""");
    }

    [Fact]
    public async Task A_device_that_comes_to_match_or_stops_to_is_looked_at_alone()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("d1");
        await hub.PutAsync("c1", "tags.floor=1", Content);
        await hub.ApplyAsync();
        await hub.TagAsync("d1", """{"floor":1}""");
        await hub.ApplyAsync();
        (await hub.DesiredAsync("d1")).ShouldBe("""{"net":{"interval":5}}""");
        await hub.AddAsync("new", tags: """{"floor":1}""");
        await hub.ApplyAsync();
        (await hub.ShownAsync("new")).ShouldBe("""{"c1":{"status":"Applied"}}""");
        await hub.TagAsync("d1", """{"floor":2}""");
        await hub.ApplyAsync();
        (await hub.ShownAsync("d1")).ShouldBe("{}");
        (await hub.DesiredAsync("d1")).ShouldBe("""{"net":{"interval":5}}""", "what was written stays");
    }

    [Fact]
    public async Task A_report_can_make_a_device_a_target()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("d1");
        await hub.PutAsync("c1", "properties.reported.firmware='1.0'", Content);
        await hub.ApplyAsync();
        (await hub.DesiredAsync("d1")).ShouldBe("{}");
        await hub.Twins.ReportAsync("d1", null, """{"firmware":"1.0"}"""u8.ToArray(), default);
        await hub.ApplyAsync();
        (await hub.DesiredAsync("d1")).ShouldBe("""{"net":{"interval":5}}""");
    }

    [Fact]
    public async Task Module_content_goes_to_the_modules_that_the_condition_names()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("d1");
        await hub.AddAsync("d1", "m1");
        await hub.AddAsync("d1", "m2");
        await hub.PutAsync("c1", "FROM devices.modules WHERE moduleId='m1'", """{"moduleContent":{"properties.desired.a":1}}""");
        await hub.ApplyAsync();
        (await hub.DesiredAsync("d1", "m1")).ShouldBe("""{"a":1}""");
        (await hub.ShownAsync("d1", "m1")).ShouldBe("""{"c1":{"status":"Applied"}}""");
        (await hub.DesiredAsync("d1", "m2")).ShouldBe("{}");
        (await hub.DesiredAsync("d1")).ShouldBe("{}");
        await hub.AddAsync("d2");
        await hub.AddAsync("d2", "m1");
        await hub.ApplyAsync();
        (await hub.DesiredAsync("d2", "m1")).ShouldBe("""{"a":1}""");
    }

    [Fact]
    public async Task Content_for_edge_modules_makes_the_modules_and_writes_what_differs()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("e1", edge: true);
        await hub.AddAsync("d1");
        await hub.PutAsync("edge", "*", """{"modulesContent":{"$edgeAgent":{"properties.desired":{"a":1}},"m1":{"properties.desired.b":{"c":2}}}}""");
        await hub.ApplyAsync();
        await hub.ApplyAsync();
        ((await hub.DesiredAsync("e1", "$edgeAgent")), (await hub.DesiredAsync("e1", "m1"))).ShouldBe(("""{"a":1}""", """{"b":{"c":2}}"""));
        (await hub.Twins.GetAsync("e1", "m1", default)).Value!.Desired.Version.ShouldBe(2, "the second pass found nothing to write");
        (await hub.ShownAsync("e1")).ShouldBe("""{"edge":{"status":"Applied"}}""");
        (await hub.Registry.ListModulesAsync("d1", default)).Value.ShouldBeEmpty("it is no edge device");
        (await hub.ShownAsync("d1")).ShouldBe("""{"edge":{"status":"Targeted"}}""");
    }

    [Fact]
    public async Task Content_for_edge_modules_is_kept_and_takes_nothing_from_other_configurations()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("d1");
        await hub.PutAsync("edge", "*", """{"modulesContent":{"$edgeAgent":{"properties.desired":{"a":1}}}}""", priority: 9);
        await hub.PutAsync("c1", "*", Content);
        await hub.ApplyAsync();
        (await hub.ShownAsync("d1")).ShouldBe("""{"c1":{"status":"Applied"},"edge":{"status":"Targeted"}}""");
    }

    [Fact]
    public async Task An_empty_condition_targets_nothing()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("d1");
        await hub.PutAsync("c1", "", Content);
        await hub.ApplyAsync();
        (await hub.DesiredAsync("d1")).ShouldBe("{}");
    }

    [Fact]
    public async Task A_twin_that_would_grow_too_large_shows_that_it_is_a_target_only()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("d1");
        var filler = new JsonObject();
        for (var i = 0; i < 8; i++)
            filler[$"f{i}"] = new string('x', 4000);
        await hub.Twins.PatchAsync("d1", null, new TwinPatch(null, filler), IfMatch.Absent, default);
        await hub.PutAsync("c1", "*", "{\"deviceContent\":{\"properties.desired.more\":\"" + new string('y', 4000) + "\"}}");
        await hub.ApplyAsync();
        (await hub.ShownAsync("d1")).ShouldBe("""{"c1":{"status":"Targeted"}}""");
        hub.Log.Problems.ShouldBe([2501]);
    }

    [Fact]
    public async Task A_thousand_devices_get_it_in_one_look()
    {
        using var hub = new ConfigurationFixture();
        await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => hub.AddAsync($"d{i:d4}")));
        await hub.PutAsync("c1", "*", Content);
        await hub.ApplyAsync();
        var (targeted, applied) = await hub.Store.CountAsync("c1", default);
        (targeted, applied).ShouldBe((1000, 1000));
        (await hub.QueryAsync("SELECT deviceId FROM devices WHERE properties.desired.net.interval=5")).Count.ShouldBe(1000);
    }

    [Fact]
    public async Task A_device_that_goes_takes_its_states_along()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("d1");
        await hub.PutAsync("c1", "*", Content);
        await hub.ApplyAsync();
        await hub.Registry.DeleteAsync("d1", null, IfMatch.Absent, default);
        (await hub.Store.CountAsync("c1", default)).ShouldBe((0, 0));
    }

    [Fact]
    public async Task The_background_applies_what_changed_and_looks_at_all_now_and_then()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("d1", tags: """{"floor":1}""");
        using var stop = new CancellationTokenSource();
        var running = hub.Applier.RunAsync(stop.Token);
        await hub.PutAsync("c1", "tags.floor=1", Content);
        await UntilAsync(hub, async () => await hub.DesiredAsync("d1") != "{}", TimeSpan.FromMilliseconds(100));

        // Behind its back, as after a crash between two writes.
        await hub.Store.SetStatusAsync([new TwinConfigurations("d1", null, [])], default);
        await UntilAsync(hub, async () => await hub.ShownAsync("d1") != "{}", TimeSpan.FromMinutes(1));
        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        hub.Log.Problems.ShouldBeEmpty();
    }

    private static async Task UntilAsync(ConfigurationFixture hub, Func<Task<bool>> reached, TimeSpan step)
    {
        for (var i = 0; i < 500; i++)
        {
            if (await reached())
                return;
            hub.Time.Advance(step);
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
        throw new TimeoutException("not applied");
    }
}
