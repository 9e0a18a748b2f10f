using System.Text.Json.Nodes;
using Homeport.Operations.Groups;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.People.Access;
using Homeport.People.Audit;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Tests.People;

/// <summary>Device groups over REST in the form of IoT Central, and who is in them.</summary>
public sealed class DeviceGroupTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    private const string Groups = "/api/deviceGroups/";

    [Fact]
    public async Task A_group_is_made_listed_changed_and_deleted()
    {
        var token = await fixture.TokenAsync(Role.Operator);
        var made = await SendAsync(token, "PUT", Groups + "g-1", """{"displayName":"Pumps","description":"In Oslo","filter":"SELECT * FROM devices WHERE $template = \"dtmi:pump;1\" AND $provisioned = true","organizations":["north"]}""");
        (Text(made, "id"), Text(made, "displayName"), Text(made, "description"), (string?)made["organizations"]![0]).ShouldBe(("g-1", "Pumps", "In Oslo", "north"));
        var patched = await SendAsync(token, "PATCH", Groups + "g-1", """{"description":null,"displayName":"Pumps of the north"}""");
        (Text(patched, "displayName"), Text(patched, "description"), Text(patched, "filter")).ShouldBe(("Pumps of the north", null, Text(made, "filter")));
        patched["organizations"].ShouldNotBeNull("a patch leaves what it does not name");
        var replaced = await SendAsync(token, "PUT", Groups + "g-1", """{"filter":"SELECT * FROM devices"}""");
        (Text(replaced, "displayName"), replaced["organizations"]).ShouldBe(("g-1", null), "a PUT takes away what it does not name");

        (await fixture.SendAsync("PATCH", Groups + "g-1", token, new JsonObject { ["displayName"] = "x", ["etag"] = Text(made, "etag") }.ToJsonString())).Status.ShouldBe(412);
        (await fixture.SendAsync("PUT", Groups + "g-9", token, """{"filter":"SELECT * FROM devices","etag":"1"}""")).Status.ShouldBe(412, "it is not there");
        Text(await SendAsync(token, "PATCH", Groups + "g-1", new JsonObject { ["displayName"] = "x", ["etag"] = Text(replaced, "etag") }.ToJsonString()), "displayName").ShouldBe("x");
        (await SendAsync(token, "GET", "/api/deviceGroups?api-version=2022-07-31&$top=100"))["value"]!.AsArray().ShouldContain(g => Text(g!, "id") == "g-1");
        (await fixture.SendAsync("DELETE", Groups + "g-1", token)).Status.ShouldBe(204);
        foreach (var path in (string[])[Groups + "g-1", Groups + "g-1/devices"])
            (await fixture.SendAsync("GET", path, token)).Status.ShouldBe(404);
        var entries = await fixture.Audit.SearchAsync(new AuditFilter { EntityType = "deviceGroup" }, 100, default);
        entries.ShouldContain(e => e.EntityId == "g-1" && e.Action == "putDeviceGroup" && e.Detail!.Contains("$provisioned", StringComparison.Ordinal));
        entries.ShouldContain(e => e.EntityId == "g-1" && e.Action == "deleteDeviceGroup");
    }

    [Theory]
    [InlineData("""{"filter":"SELECT * FROM devices WHERE $color = 1"}""", 400, "position 29: found '$color'")]
    [InlineData("""{"filter":"SELECT * FROM devices WHERE $template ="}""", 400, "position 40")]
    [InlineData("""{"filter":"SELECT * FROM devices WHERE $template = 'x' ORDER BY $id"}""", 400, "ORDER BY")]
    [InlineData("""{"filter":"SELECT $id FROM devices"}""", 400, "position 8")]
    [InlineData("""{"filter":"SELECT * FROM devices.modules"}""", 400, "another collection")]
    [InlineData("""{"filter":""}""", 400, "empty")]
    [InlineData("""{"filter":7}""", 400, "filter is no text")]
    [InlineData("""{"displayName":"no filter"}""", 400, "filter is missing")]
    [InlineData("""{"filter":"SELECT * FROM devices","organizations":["a","b"]}""", 400, "organizations")]
    [InlineData("""{"filter":"SELECT * FROM devices","displayName":"two\nlines"}""", 400, "displayName")]
    [InlineData("""[]""", 400, "object")]
    public async Task A_group_with_a_mistake_is_refused_and_the_place_is_said(string body, int status, string says)
    {
        var answer = await fixture.SendAsync("PUT", Groups + "wrong", await fixture.TokenAsync(Role.Operator), body);
        answer.Status.ShouldBe(status, answer.Body?.ToJsonString());
        Text(answer.Body!["error"]!, "message")!.ShouldContain(says);
        (await fixture.SendAsync("GET", Groups + "wrong", await fixture.TokenAsync(Role.Operator))).Status.ShouldBe(404);
    }

    [Fact]
    public async Task An_id_with_other_characters_is_refused()
        => (await fixture.SendAsync("PUT", Groups + "a%20b", await fixture.TokenAsync(Role.Operator), """{"filter":"SELECT * FROM devices"}""")).Status.ShouldBe(400);

    [Theory]
    [InlineData("$template = \"dtmi:f:pump;1\"", "f-1 f-2")]
    [InlineData("$template = \"dtmi:f:pump;1\" AND $displayName != 'Second'", "f-1")]
    [InlineData("$template = null AND STARTSWITH($id, 'f-')", "f-3 f-4")]
    [InlineData("CONTAINS($displayName, 'econ')", "f-2")]
    [InlineData("$id IN ['f-4', 'f-1', 'nobody']", "f-1 f-4")]
    [InlineData("$id = 'f-1' OR $id = 'f-3'", "f-1 f-3")]
    [InlineData("$status = 'blocked' AND STARTSWITH($id, 'f-')", "f-2")]
    [InlineData("$enabled = false AND STARTSWITH($id, 'f-')", "f-2")]
    [InlineData("$organizations = 'north'", "f-1")]
    [InlineData("NOT $simulated AND $provisioned = false AND STARTSWITH($id, 'f-')", "f-1 f-2 f-3 f-4")]
    [InlineData("city = 'Oslo'", "f-1 f-3")]
    [InlineData("city = 'Oslo' AND $template = 'dtmi:f:pump;1'", "f-1")]
    [InlineData("level >= 5 AND level < 8", "f-1")]
    [InlineData("motor.speed = 30", "f-2")]
    [InlineData("interval = 60", "f-3")]
    [InlineData("tags.cloud.city = 'Oslo' AND properties.desired.interval = 60", "f-3")]
    [InlineData("connectionState = 'Disconnected' AND STARTSWITH(deviceId, 'f-')", "f-1 f-2 f-3")]
    [InlineData("IS_DEFINED(version) AND STARTSWITH($id, 'f-')", "f-1 f-2 f-3")]
    [InlineData("version = 'two'", "f-2")]
    [InlineData("city = 'Bergen'", "")]
    public async Task A_filter_chooses_by_members_properties_and_twins(string where, string ids)
    {
        await FleetAsync();
        DeviceGroupFilter.Parse("SELECT * FROM devices WHERE " + where).Succeeded(out var filter, out var refusal).ShouldBeTrue(refusal?.Text);
        var page = await fixture.Groups.Members.ListAsync(filter!, null, null, 100, default);
        string.Join(' ', page.Devices.Select(d => d.DeviceId)).ShouldBe(ids);
        page.Continuation.ShouldBeNull();
        var all = new List<string>();
        await foreach (var device in fixture.Groups.Members.AllAsync(filter!, null, default))
            all.Add(device.DeviceId);
        string.Join(' ', all).ShouldBe(ids);
    }

    [Fact]
    public async Task Devices_of_a_group_come_in_pages_and_only_those_of_its_organization()
    {
        await FleetAsync();
        var token = await fixture.TokenAsync(Role.Auditor);
        var builder = await fixture.TokenAsync(Role.Builder);
        await SendAsync(builder, "PUT", Groups + "paged", """{"filter":"SELECT * FROM devices WHERE STARTSWITH($id, 'f-')"}""");
        var found = new List<string?>();
        for (var next = Groups + "paged/devices?api-version=2022-07-31&$top=2"; next is not null;)
        {
            var page = await SendAsync(token, "GET", next);
            page["value"]!.AsArray().Count.ShouldBeLessThanOrEqualTo(2);
            found.AddRange(page["value"]!.AsArray().Select(d => Text(d!, "id")));
            next = Text(page, "nextLink") is { } link ? new Uri(link).PathAndQuery : null;
        }
        found.ShouldBe(["f-1", "f-2", "f-3", "f-4"]);
        await SendAsync(builder, "PATCH", Groups + "paged", """{"organizations":["north"]}""");
        (await SendAsync(token, "GET", Groups + "paged/devices"))["value"]!.AsArray().Select(d => Text(d!, "id")).ShouldBe(["f-1"]);
        (await fixture.SendAsync("GET", Groups + "paged/devices?api-version=2022-07-31&$top=1000", token)).Status.ShouldBe(400);
        (await fixture.SendAsync("GET", Groups + "paged/devices?api-version=2022-07-31&$skiptoken=%25", token)).Status.ShouldBe(400);
        (await fixture.SendAsync("DELETE", Groups + "paged", token)).Status.ShouldBe(403);
    }

    [Fact]
    public async Task A_filter_that_nobody_fulfils_looks_at_a_bounded_number_of_devices()
    {
        const int Devices = 50_000;
        DeviceGroupFilter.Parse("SELECT * FROM devices WHERE $displayName = 'nobody'").Succeeded(out var filter, out _).ShouldBeTrue();
        var store = new CountedDevices(Devices);
        var members = new DeviceGroupMembers(store, null!);
        var (after, pages) = ((string?)null, 0);
        do
        {
            store.Read = 0;
            var page = await members.ListAsync(filter!, null, after, 25, default);
            page.Devices.ShouldBeEmpty();
            store.Read.ShouldBeLessThanOrEqualTo(DeviceGroupMembers.MaxLooked);
            after = page.Continuation;
            pages++;
        }
        while (after is not null);
        pages.ShouldBe(3);
    }

    /// <summary>f-1 and f-2 follow a template, f-2 is blocked, f-4 is in no hub yet.</summary>
    private async Task FleetAsync()
    {
        if ((await fixture.Lifecycle.GetAsync("f-1", default)).Value is not null)
            return;
        await fixture.Lifecycle.CreateAsync(new DeviceFacts { DeviceId = "f-4" }, "test", default);
        await TwinAsync("f-1", """{"cloud":{"city":"Oslo"}}""", "{}", """{"level":{"value":7,"ac":200,"av":1}}""");
        await TwinAsync("f-2", """{"cloud":{"city":"Stavanger"}}""", "{}", """{"level":9,"motor":{"__t":"c","speed":30},"version":"two"}""");
        await TwinAsync("f-3", """{"cloud":{"city":"Oslo"}}""", """{"interval":60}""", "{}");
        await fixture.TemplateAsync("dtmi:f:pump;1");
        await fixture.Lifecycle.UpdateAsync("f-1", d => d with { Template = "dtmi:f:pump;1", Organization = "north" }, IfMatch.Absent, "test", default);
        await fixture.Lifecycle.UpdateAsync("f-2", d => d with { Template = "dtmi:f:pump;1", DisplayName = "Second" }, IfMatch.Absent, "test", default);
        await fixture.Lifecycle.BlockAsync("f-2", "test", default);
    }

    private async Task TwinAsync(string id, string tags, string desired, string reported)
    {
        await fixture.Registry.PutAsync(new Identity { DeviceId = id, GenerationId = "", Authentication = new Authentication(AuthenticationType.Sas) }, IfMatch.Absent, default);
        TwinPatch.Check(JsonNode.Parse(tags)!.AsObject(), JsonNode.Parse(desired)!.AsObject()).Succeeded(out var patch, out _).ShouldBeTrue();
        (await fixture.Twins.PatchAsync(id, null, patch!, IfMatch.Absent, default)).Refusal.ShouldBeNull();
        (await fixture.Twins.ReportAsync(id, null, System.Text.Encoding.UTF8.GetBytes(reported), default)).Refusal.ShouldBeNull();
    }

    private async Task<JsonNode> SendAsync(string token, string method, string path, string? body = null)
    {
        var (status, answer) = await fixture.SendAsync(method, path, token, body);
        status.ShouldBe(200, answer?.ToJsonString());
        return answer!;
    }

    private static string? Text(JsonNode node, string member) => (string?)node[member];

    /// <summary>Many devices that are made as they are read.</summary>
    private sealed class CountedDevices(int count) : IDeviceStore
    {
        public int Read { get; set; }

        public Task<IReadOnlyList<DeviceFacts>> ListAsync(DeviceFilter filter, DeviceFacts? after, int max, CancellationToken token)
        {
            var from = after is null ? 0 : int.Parse(after.DeviceId, System.Globalization.CultureInfo.InvariantCulture) + 1;
            IReadOnlyList<DeviceFacts> page = [.. Enumerable.Range(from, Math.Min(max, count - from)).Select(i => new DeviceFacts { DeviceId = $"{i:d6}" })];
            Read += page.Count;
            return Task.FromResult(page);
        }

        public Task<DeviceFacts?> FindAsync(string deviceId, CancellationToken token) => throw new NotSupportedException();

        public Task<Contract.Errors.Outcome<DeviceFacts>> ChangeAsync(string deviceId, Func<DeviceFacts?, Contract.Errors.Outcome<DeviceFacts>> change, CancellationToken token) => throw new NotSupportedException();

        public Task<bool> DeleteAsync(string deviceId, CancellationToken token) => throw new NotSupportedException();

        public Task<IReadOnlyDictionary<DeviceStatus, long>> CountAsync(IReadOnlyCollection<string>? organizations, CancellationToken token) => throw new NotSupportedException();

        public Task<ApprovalPolicy> ReadPolicyAsync(CancellationToken token) => throw new NotSupportedException();

        public Task SavePolicyAsync(ApprovalPolicy policy, CancellationToken token) => throw new NotSupportedException();
    }
}
