using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Jobs and configurations as the npm package azure-iothub uses them.</summary>
[Collection(SharedServerTests.Name)]
public sealed class JobTests(SharedServer shared)
{
    [Fact]
    public async Task Jobs_and_configurations_reach_the_devices_that_their_conditions_choose()
    {
        var hub = shared.Server.Hub;
        var id = SharedServer.NewId("job");
        var elements = string.Join(',', Enumerable.Range(0, 5).Select(i => $$$"""{"id":"{{{id}}}-{{{i}}}","importMode":"create","tags":{"job":"{{{id}}}"} }"""));
        (await hub.SendAsync(HttpMethod.Post, "devices", JsonNode.Parse($"[{elements}]"))).Status.ShouldBe(200);

        var result = await shared.Node.RunAsync(
            "jobs.mjs", new { connectionString = shared.Server.Ready.Hub.ServiceConnectionString, id, condition = $"tags.job='{id}'", device = $"{id}-0" });

        ((string?)result["twinJob"]!["status"]).ShouldBe("completed");
        ((int?)result["twinJob"]!["deviceJobStatistics"]!["succeededCount"]).ShouldBe(5);
        ((int?)result["methodJob"]!["deviceJobStatistics"]!["failedCount"]).ShouldBe(5, "no device is online");
        result["conflict"].ShouldNotBeNull("a job's id is used once");
        result["rows"]!.AsArray().Count.ShouldBe(5);
        result["rows"]!.AsArray().ShouldAllBe(r => (string?)r!["status"] == "completed");
        ((string?)result["cancelled"]!["status"]).ShouldBe("cancelled");
        ((string?)result["applied"]!["properties"]!["desired"]!["byJob"]).ShouldBe(id);
        ((string?)result["applied"]!["properties"]!["desired"]!["byConfiguration"]!["mode"]).ShouldBe(id);
        ((string?)result["added"]!["etag"]).ShouldNotBeNullOrEmpty();
        ((string?)result["read"]!["targetCondition"]).ShouldBe($"tags.job='{id}'");
    }

    [Fact]
    public async Task A_method_job_calls_the_connected_devices_and_tells_which_were_not()
    {
        var id = SharedServer.NewId("call");
        var online = await shared.Server.Hub.CreateDeviceAsync(id + "-on");
        await shared.Server.Hub.CreateDeviceAsync(id + "-off");
        await using var device = shared.Node.Start("device.mjs", new
        {
            connectionString = shared.ConnectionString(online),
            actions = new object[] { new { onMethod = "reboot", status = 207, payload = new { done = true } }, new { report = new { @event = "listening" } }, new { untilDisconnected = 120_000 } },
        });
        await device.WaitForEventAsync("listening");

        var method = new { methodName = "reboot", payload = new { a = 1 }, responseTimeoutInSeconds = 10 };
        var result = await shared.Node.RunAsync(
            "job.mjs", new { connectionString = shared.Server.Ready.Hub.ServiceConnectionString, id, condition = $"deviceId IN ['{id}-on','{id}-off']", method });
        ((string?)result["job"]!["status"]).ShouldBe("completed");
        ((int?)result["job"]!["deviceJobStatistics"]!["succeededCount"]).ShouldBe(1);
        ((int?)result["job"]!["deviceJobStatistics"]!["failedCount"]).ShouldBe(1);
        var rows = result["rows"]!.AsArray().ToDictionary(r => (string)r!["deviceId"]!, r => r!, StringComparer.Ordinal);
        rows[online.Id]["outcome"]!["deviceMethodResponse"]!.ToJsonString().ShouldBe("""{"status":207,"payload":{"done":true}}""");
        ((string?)rows[id + "-off"]["error"]!["code"]).ShouldBe("DeviceNotOnline");
        result["listed"]!.AsArray().Select(j => (string?)j!["jobId"]).ShouldContain(id);
    }

    [Fact]
    public async Task A_configuration_is_changed_with_its_etag_and_content_is_applied_to_one_device()
    {
        var id = SharedServer.NewId("conf");
        await shared.Server.Hub.CreateDeviceAsync(id);
        var content = new { deviceContent = new Dictionary<string, object>(StringComparer.Ordinal) { ["properties.desired.a"] = 1 } };
        var steps = await shared.Node.StepsAsync(
            "registry", shared.Server.Ready.Hub.ServiceConnectionString,
            ["addConfiguration", new { id, content, targetCondition = "", priority = 1 }],
            ["addConfiguration", new { id, content, targetCondition = "", priority = 1 }],
            ["updateConfiguration", new { id, content, targetCondition = "", priority = 2, etag = "AAAA" }],
            ["updateConfiguration", new { id, content, targetCondition = "", priority = 3 }, true],
            ["getConfigurations"],
            ["applyConfigurationContentOnDevice", id, content],
            ["getTwin", id],
            ["removeConfiguration", id],
            ["getConfiguration", id]);
        ((int?)steps[0].Success["priority"]).ShouldBe(1);
        ((int?)steps[1].Error!["status"]).ShouldBe(409);
        ((int?)steps[2].Error!["status"]).ShouldBe(412);
        ((int?)steps[3].Success["priority"]).ShouldBe(3);
        steps[4].Success.AsArray().Select(c => (string?)c!["id"]).ShouldContain(id);
        steps[5].Ok.ShouldBeTrue(steps[5].Error?.ToJsonString());
        ((int?)steps[6].Success["properties"]!["desired"]!["a"]).ShouldBe(1);
        steps[7].Ok.ShouldBeTrue(steps[7].Error?.ToJsonString());
        ((int?)steps[8].Error!["status"]).ShouldBe(404);
    }
}
