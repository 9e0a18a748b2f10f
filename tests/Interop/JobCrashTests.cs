using System.Diagnostics;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>A job survives the end of the server: kill -9 in its middle, start again, look at every device.</summary>
public sealed class JobCrashTests : IDisposable
{
    private const int Devices = 2000;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_twin_job_goes_on_after_kill_9_and_every_device_is_right()
    {
        var settings = new ServerSettings(_folder.Path).WithFreePorts();
        await using (var server = await ServerProcess.StartAsync(settings))
        {
            for (var i = 0; i < Devices; i += 100)
            {
                var elements = Enumerable.Range(i, 100).Select(n => (JsonNode)new JsonObject { ["id"] = $"crash-{n:d4}", ["importMode"] = "create" });
                (await server.Hub.SendAsync(HttpMethod.Post, "devices", new JsonArray([.. elements]))).Status.ShouldBe(200);
            }
            var twin = JsonNode.Parse("""{"tags":{"a":1},"properties":{"desired":{"b":2}}}""");
            var job = new JsonObject { ["type"] = "scheduleUpdateTwin", ["queryCondition"] = "*", ["updateTwin"] = twin };
            (await server.Hub.SendAsync(HttpMethod.Put, "jobs/v2/j1", job)).Status.ShouldBe(200);
            var middle = await WaitAsync(server, j => Count(j, "succeededCount") > 0);
            Count(middle, "succeededCount").ShouldBeLessThan(Devices, "the kill comes in the middle");
            await server.KillAsync();
        }

        await using var again = await ServerProcess.StartAsync(settings);
        var end = await WaitAsync(again, j => (string?)j["status"] == "completed");
        (Count(end, "deviceCount"), Count(end, "succeededCount"), Count(end, "failedCount"), Count(end, "runningCount"), Count(end, "pendingCount"))
            .ShouldBe((Devices, Devices, 0, 0, 0), again.Printed);
        again.Printed.ShouldNotContain("met a fault");
        await again.WaitForPrintedAsync(l => l.Contains("Job j1 goes on", StringComparison.Ordinal), "that the job goes on");
        (await CountAsync(again, "SELECT COUNT() AS n FROM devices WHERE tags.a=1 AND properties.desired.b=2")).ShouldBe(Devices);
        (await CountAsync(again, "SELECT COUNT() AS n FROM devices.jobs WHERE devices.jobs.jobId='j1' AND devices.jobs.status='completed'")).ShouldBe(Devices);
        // Those that were in work when the server was killed may be written twice, no other.
        (await CountAsync(again, "SELECT COUNT() AS n FROM devices WHERE properties.desired.$version=2")).ShouldBeGreaterThanOrEqualTo(Devices - 32);
    }

    [Fact]
    public async Task An_import_goes_on_after_kill_9_and_does_no_line_twice()
    {
        const int Lines = 5000;
        var settings = new ServerSettings(_folder.Path).WithFreePorts();
        JsonNode job;
        await using (var server = await ServerProcess.StartAsync(settings))
        {
            var files = await RegistryFiles.OpenAsync(server);
            await files.WriteAsync("devices.txt", string.Join('\n', Enumerable.Range(0, Lines).Select(i => $$"""{"id":"d{{i}}","importMode":"create","tags":{"n":{{i}}} }""")));
            job = (await server.Hub.SendAsync(HttpMethod.Post, "jobs/create",
                new JsonObject { ["type"] = "import", ["inputBlobContainerUri"] = files.Uri, ["outputBlobContainerUri"] = files.Uri })).Json;
            var watch = Stopwatch.StartNew();
            while (await TotalAsync(server) == 0)
                watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60));
            (await TotalAsync(server)).ShouldBeLessThan(Lines, "the kill comes in the middle");
            var second = await server.Hub.SendAsync(HttpMethod.Post, "jobs/create", new JsonObject { ["type"] = "export", ["outputBlobContainerUri"] = files.Uri });
            (second.Status, second.Header("iothub-errorcode")).ShouldBe((403, "JobQuotaExceeded"));
            await server.KillAsync();
        }

        await using var again = await ServerProcess.StartAsync(settings);
        await RegistryFiles.CompletedAsync(again, job);
        (await TotalAsync(again)).ShouldBe(Lines);
        (await (await RegistryFiles.OpenAsync(again)).ReadLinesAsync("importErrors.log")).ShouldBeEmpty();
    }

    private static async Task<int> TotalAsync(ServerProcess server) => (int)(await server.Hub.SendAsync(HttpMethod.Get, "statistics/devices")).Json["totalDeviceCount"]!;

    private static int Count(JsonNode job, string name) => (int)job["deviceJobStatistics"]![name]!;

    private static async Task<JsonNode> WaitAsync(ServerProcess server, Func<JsonNode, bool> reached)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var job = (await server.Hub.SendAsync(HttpMethod.Get, "jobs/v2/j1")).Json;
            if (reached(job))
                return job;
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60), job.ToJsonString() + server.Printed);
        }
    }

    private static async Task<int> CountAsync(ServerProcess server, string query)
        => (int)(await server.Hub.SendAsync(HttpMethod.Post, "devices/query", new JsonObject { ["query"] = query })).Json[0]!["n"]!;
}
