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
            "jobs.mjs", new { connectionString = shared.Server.Ready.Hub.ServiceConnectionString, id, condition = $"tags.job='{id}'", device = $"{id}-0" }, TimeSpan.FromSeconds(60));

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
}
