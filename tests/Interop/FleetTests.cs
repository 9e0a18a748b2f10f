using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Many devices at once over REST: bulk calls with twins, queries in pages, allowing and blocking of groups.</summary>
[Collection(SharedServerTests.Name)]
public sealed class FleetTests(SharedServer shared)
{
    private HubService Hub => shared.Server.Hub;

    [Fact]
    public async Task A_bulk_call_writes_identities_and_twins_and_lists_what_failed_in_order()
    {
        var (a, b) = (SharedServer.NewId("bulka"), SharedServer.NewId("bulkb"));
        var created = await BulkAsync($$"""
            [{"id":"{{a}}","importMode":"create","tags":{"site":"A"},"properties":{"desired":{"interval":5} } },
             {"id":"{{b}}","importMode":"create"},
             {"id":"{{b}}","moduleId":"m1","importMode":"create","tags":{"part":1} }]
            """);
        created.Status.ShouldBe(200);
        var twin = (await Hub.SendAsync(HttpMethod.Get, $"twins/{a}")).Json;
        ((string?)twin["tags"]!["site"]).ShouldBe("A");
        ((int?)twin["properties"]!["desired"]!["interval"]).ShouldBe(5);
        ((int?)(await Hub.SendAsync(HttpMethod.Get, $"twins/{b}/modules/m1")).Json["tags"]!["part"]).ShouldBe(1);

        var changed = await BulkAsync($$"""
            [{"id":"{{a}}","importMode":"updateTwin","tags":{"site":"B"} },
             {"id":"{{a}}","importMode":"updateTwinIfMatchETag","twinETag":"AAAAAAAAAAE=","tags":{"site":"C"} },
             {"id":"{{b}}","importMode":"create"},
             {"id":"{{b}}","importMode":"paint"},
             {"id":"{{b}}","importMode":"updateTwin","tags":{"a.b":1} }]
            """);
        changed.Status.ShouldBe(400);
        changed.Json["errors"]!.AsArray().Select(e => (string?)e!["errorCode"]).ShouldBe(["PreconditionFailed", "DeviceAlreadyExists", "ArgumentInvalid", "ArgumentInvalid"]);
        ((string?)(await Hub.SendAsync(HttpMethod.Get, $"twins/{a}")).Json["tags"]!["site"]).ShouldBe("B");
    }

    [Fact]
    public async Task A_group_is_blocked_by_condition_and_allowed_by_list_at_once()
    {
        var group = SharedServer.NewId("group");
        var devices = new List<TestDevice>();
        foreach (var name in (string[])["1", "2", "3"])
            devices.Add(await Hub.CreateDeviceAsync($"{group}-{name}"));
        await BulkAsync($$"""[{"id":"{{devices[0].Id}}","importMode":"updateTwin","tags":{"group":"{{group}}"} },{"id":"{{devices[1].Id}}","importMode":"updateTwin","tags":{"group":"{{group}}"} }]""");
        var wires = new List<MqttWire>();
        foreach (var device in devices)
            wires.Add((await MqttWire.ConnectAsync(shared.Server, device)).Wire);

        var blocked = await Hub.SendAsync(HttpMethod.Post, "homeport/v1/devices/block", JsonNode.Parse($$"""{"condition":"tags.group='{{group}}'","reason":"recalled"}"""));
        blocked.Status.ShouldBe(200, blocked.Body);
        ((int?)blocked.Json["count"]).ShouldBe(2);
        await wires[0].ExpectCloseAsync();
        await wires[1].ExpectCloseAsync();
        await wires[2].PublishAndWaitAsync(devices[2].Id, "still here", 1);
        ((string?)(await Hub.SendAsync(HttpMethod.Get, $"devices/{devices[0].Id}")).Json["statusReason"]).ShouldBe("recalled");

        var allowed = await Hub.SendAsync(HttpMethod.Post, "homeport/v1/devices/allow", JsonNode.Parse($$"""{"deviceIds":["{{devices[0].Id}}","nobody-{{group}}"]}"""));
        ((int?)allowed.Json["count"]).ShouldBe(1);
        ((string?)allowed.Json["errors"]![0]!["errorCode"]).ShouldBe("DeviceNotFound");
        await using (var back = (await MqttWire.ConnectAsync(shared.Server, devices[0])).Wire)
            await back.PublishAndWaitAsync(devices[0].Id, "back", 1);
        foreach (var wire in wires)
            await wire.DisposeAsync();
    }

    [Fact]
    public async Task A_query_sees_what_was_just_written_and_comes_in_pages()
    {
        var group = SharedServer.NewId("query");
        var elements = string.Join(',', Enumerable.Range(0, 25).Select(i => $$$"""{"id":"{{{group}}}-{{{i:00}}}","importMode":"create","tags":{"group":"{{{group}}}","n":{{{i}}} } }"""));
        (await BulkAsync($"[{elements}]")).Status.ShouldBe(200);
        var query = $"SELECT deviceId, tags.n AS n FROM devices WHERE tags.group = '{group}' AND tags.n >= 5";
        var result = await shared.Node.RunAsync("query.mjs", new { connectionString = shared.Server.Ready.Hub.ServiceConnectionString, query, size = 8 });
        var pages = result["pages"]!.AsArray().Select(p => p!.AsArray()).ToList();
        pages.Select(p => p.Count).ShouldBe([8, 8, 4]);
        pages.SelectMany(p => p).Select(i => (int?)i!["n"]).ShouldBe(Enumerable.Range(5, 20).Select(n => (int?)n));
        var count = await Hub.SendAsync(HttpMethod.Post, "devices/query", JsonNode.Parse($$"""{"query":"SELECT COUNT() AS n FROM devices WHERE tags.group='{{group}}'"}"""));
        ((int?)count.Json[0]!["n"]).ShouldBe(25);
        count.Header("x-ms-item-type").ShouldBe("Raw");
        var wrong = await Hub.SendAsync(HttpMethod.Post, "devices/query", JsonNode.Parse("""{"query":"SELECT * FROM devices WHERE deviceId ="}"""));
        wrong.Status.ShouldBe(400);
        wrong.Body.ShouldContain("position");
    }

    private Task<RestAnswer> BulkAsync(string elements) => Hub.SendAsync(HttpMethod.Post, "devices", JsonNode.Parse(elements));
}
