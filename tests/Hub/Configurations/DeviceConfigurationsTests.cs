using System.Text.Json.Nodes;
using Homeport.Hub.Configurations;
using Homeport.Hub.Registry;

namespace Homeport.Tests.Hub.Configurations;

public sealed class DeviceConfigurationsTests
{
    private const string Content = """{"deviceContent":{"properties.desired.a":1}}""";

    [Fact]
    public async Task A_configuration_is_created_once_and_changed_with_its_etag()
    {
        using var hub = new ConfigurationFixture();
        var first = await hub.PutAsync("c1", "*", Content);
        (await RefusedAsync(hub, "c1", null)).ShouldBe(409401);
        (await RefusedAsync(hub, "c1", "\"AAAA\"")).ShouldBe(412001);
        (await RefusedAsync(hub, "c2", "*")).ShouldBe(404301);
        var second = await hub.PutAsync("c1", "tags.a=1", Content, ifMatch: $"\"{first.Configuration.ETag}\"");
        second.Configuration.ETag.ShouldNotBe(first.Configuration.ETag);
        second.Configuration.CreatedTime.ShouldBe(first.Configuration.CreatedTime);
        second.Configuration.UpdatedTime.ShouldBeGreaterThan(first.Configuration.UpdatedTime);
        (await hub.PutAsync("c1", "tags.a=2", Content, ifMatch: "*")).Configuration.TargetCondition.ShouldBe("tags.a=2");

        (await hub.Configurations.DeleteAsync("c1", IfMatch.Parse(first.Configuration.ETag), default))!.Error.Code.ShouldBe(412001);
        (await hub.Configurations.DeleteAsync("c1", IfMatch.Parse("*"), default)).ShouldBeNull();
        (await hub.Configurations.DeleteAsync("c1", IfMatch.Absent, default))!.Error.Code.ShouldBe(404301);
        (await hub.Configurations.GetAsync("c1", default)).Refusal!.Error.Code.ShouldBe(404301);
    }

    public static TheoryData<string, string?, string?, string?, string> Bad => new()
    {
        { "a/b", "*", null, null, "id" },
        { "c1", "tags.a = = 1", null, null, "targetCondition" },
        { "c1", "FROM devices.jobs WHERE jobId='a'", null, null, "targetCondition" },
        { "c1", "*", """{"deviceContent":[]}""", null, "deviceContent" },
        { "c1", "*", """{"deviceContent":{"properties.reported.a":1}}""", null, "properties.reported.a" },
        { "c1", "*", """{"deviceContent":{"properties.desiredX":1}}""", null, "properties.desiredX" },
        { "c1", "*", """{"deviceContent":{"properties.desired":5}}""", null, "properties.desired" },
        { "c1", "*", """{"deviceContent":{"properties.desired.a..b":5}}""", null, "empty" },
        { "c1", "*", """{"deviceContent":{"properties.desired.a.b.c.d.e.f.g.h.i.j.k.l":5}}""", null, "nesting" },
        { "c1", "*", """{"deviceContent":{"properties.desired.a":1,"properties.desired.a.b":2}}""", null, "properties.desired.a.b" },
        { "c1", "*", """{"moduleContent":{"properties.desired.a":1}}""", null, "moduleContent" },
        { "c1", "FROM devices.modules WHERE moduleId='m'", Content, null, "modules" },
        { "c1", "*", """{"modulesContent":{"m":1}}""", null, "modulesContent.m" },
        { "c1", "*", null, """{"m":"SELECT"}""", "metrics.queries.m" },
        { "c1", "*", null, """{"m":1}""", "metrics.queries.m" },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public async Task A_bad_configuration_is_refused_with_the_member_that_is_wrong(string id, string? condition, string? content, string? metrics, string named)
    {
        using var hub = new ConfigurationFixture();
        var refusal = (await hub.Configurations.PutAsync(ConfigurationFixture.Request(id, condition, content, metrics: metrics), IfMatch.Absent, default)).Refusal.ShouldNotBeNull();
        refusal.Error.Code.ShouldBe(400004);
        refusal.Seen.ShouldContain(named);
    }

    [Fact]
    public async Task A_hub_has_a_hundred_configurations_at_most()
    {
        using var hub = new ConfigurationFixture();
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => hub.PutAsync($"c{i:d3}", "")));
        (await RefusedAsync(hub, "more", null)).ShouldBe(403002);
        (await hub.Configurations.ListAsync(3, default)).Select(v => v.Configuration.Id).ShouldBe(["c000", "c001", "c002"]);
        (await hub.PutAsync("c000", "*", ifMatch: "*")).Configuration.TargetCondition.ShouldBe("*");
    }

    [Fact]
    public async Task Metrics_count_the_rows_of_their_queries()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("d1", tags: """{"a":1}""");
        await hub.AddAsync("d2", tags: """{"a":1}""");
        await hub.AddAsync("d3");
        await hub.PutAsync("c1", "tags.a=1", Content, metrics: """{"one":"SELECT deviceId FROM devices WHERE tags.a=1","groups":"SELECT tags.a, COUNT() AS n FROM devices GROUP BY tags.a"}""");
        await hub.ApplyAsync();
        var view = (await hub.Configurations.GetAsync("c1", default)).Value!;
        (view.Targeted, view.Applied).ShouldBe((2, 2));
        view.Metrics["one"].ShouldBe(2);
        view.Metrics["groups"].ShouldBe(2);
        (await hub.Configurations.ListAsync(10, default)).Single().Metrics["one"].ShouldBe(2);
        var (targeted, applied) = DeviceConfigurations.SystemQueries(view.Configuration);
        (await hub.QueryAsync(targeted)).ShouldBe(["d1", "d2"]);
        (await hub.QueryAsync(applied)).ShouldBe(["d1", "d2"]);
    }

    [Theory]
    [InlineData("odd:+%#*?!(),=@;$'")]
    [InlineData("with.dots-and_dashes")]
    public async Task The_hubs_own_queries_can_be_run_for_every_id(string id)
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("d1");
        await hub.AddAsync("d1", "m1");
        var view = await hub.PutAsync(id, "*", Content);
        await hub.ApplyAsync();
        (await hub.QueryAsync(DeviceConfigurations.SystemQueries(view.Configuration).Applied)).ShouldBe(["d1"]);
        view = await hub.PutAsync(id, "FROM devices.modules WHERE moduleId='m1'", null, ifMatch: "*");
        await hub.ApplyAsync();
        var (targeted, applied) = DeviceConfigurations.SystemQueries(view.Configuration);
        (await hub.QueryAsync(targeted)).ShouldBe(["d1"]);
        (await hub.QueryAsync(applied)).ShouldBe(["d1"]);
        (await hub.ShownAsync("d1")).ShouldBe("{}", "the device is no target any more");
    }

    [Fact]
    public void A_test_says_what_is_wrong_with_each_query()
    {
        var test = DeviceConfigurations.Test("tags.a = ", new Dictionary<string, string?> { ["good"] = "SELECT deviceId FROM devices", ["bad"] = "SELECT FROM" }).Value!;
        test.TargetConditionError.ShouldNotBeNull();
        test.MetricErrors.Keys.ShouldBe(["bad"]);
        DeviceConfigurations.Test("*", new Dictionary<string, string?>()).Value!.TargetConditionError.ShouldBeNull();
    }

    [Fact]
    public async Task Content_is_applied_to_one_device_and_its_modules()
    {
        using var hub = new ConfigurationFixture();
        await hub.AddAsync("d1");
        await hub.AddAsync("d1", "m1");
        (await ApplyContentAsync(hub, "d1", """{"deviceContent":{"properties.desired.a":1},"modulesContent":{"m1":{"properties.desired":{"b":2}}}}""")).ShouldBe(0);
        (await hub.DesiredAsync("d1")).ShouldBe("""{"a":1}""");
        (await hub.DesiredAsync("d1", "m1")).ShouldBe("""{"b":2}""");
        (await ApplyContentAsync(hub, "d1", """{"deviceContent":{"properties.desired.a":2},"modulesContent":{"new":{"properties.desired":{"b":2}}}}""")).ShouldBe(0);
        (await hub.DesiredAsync("d1")).ShouldBe("""{"a":2}""");
        (await hub.DesiredAsync("d1", "new")).ShouldBe("""{"b":2}""", "a module that is not there is made");
        (await ApplyContentAsync(hub, "none", Content)).ShouldBe(404001);
        (await ApplyContentAsync(hub, "d1", """{"deviceContent":{"x":1}}""")).ShouldBe(400004);
    }

    [Fact]
    public void Members_of_content_are_put_together()
    {
        var content = JsonNode.Parse("""{"properties.desired":{"a":{"b":1,"c":null}},"properties.desired.a.d":[1],"properties.desired.e":{"f":true}}""");
        ConfigurationContent.ReadPatch("content", content).Value!.ToJsonString().ShouldBe("""{"a":{"b":1,"c":null,"d":[1]},"e":{"f":true}}""");
    }

    [Fact]
    public void The_longest_path_is_written_where_it_says_and_a_longer_one_nowhere()
    {
        var names = Enumerable.Range(1, 11).Select(i => $"n{i}").ToList();
        var patch = ConfigurationContent.ReadPatch("content", new JsonObject { ["properties.desired." + string.Join('.', names)] = 5 }).Value.ShouldNotBeNull();
        JsonNode? at = patch;
        foreach (var name in names)
            at = at![name];
        ((int)at!).ShouldBe(5);
        ConfigurationContent.ReadPatch("content", new JsonObject { ["properties.desired." + string.Join('.', names) + ".more"] = 5 }).Refusal!.Seen.ShouldContain("nesting");
    }

    private static async Task<int> ApplyContentAsync(ConfigurationFixture hub, string deviceId, string content)
        => (await hub.Configurations.ApplyAsync(deviceId, JsonNode.Parse(content)!.AsObject(), default))?.Error.Code ?? 0;

    private static async Task<int> RefusedAsync(ConfigurationFixture hub, string id, string? ifMatch)
        => (await hub.Configurations.PutAsync(ConfigurationFixture.Request(id, "*", Content), IfMatch.Parse(ifMatch), default)).Refusal?.Error.Code ?? 0;
}
