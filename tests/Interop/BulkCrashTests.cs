using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>An import survives the end of the server: kill -9 in its middle, start again, count every row.</summary>
public sealed class BulkCrashTests(ConsoleBrowser console) : IClassFixture<ConsoleBrowser>
{
    private const int Rows = 20_000;
    private const int There = 500;
    private const int Bad = Rows / 1000;

    [Fact]
    public async Task An_import_goes_on_after_kill_9_and_every_row_is_counted_once()
    {
        await using var window = await console.SignedInAsync();
        var token = await window.ApiTokenAsync("importer", "Operator");
        var server = console.Server;
        var curl = new OperatorCurl(server, token);
        var before = await curl.SendAsync("POST", "/api/x/devices/import", File(Enumerable.Range(0, There)));
        ((int)before.Json["progress"]!["created"]!).ShouldBe(There - 1);
        var made = await curl.SendAsync("POST", "/api/x/importJobs", File(Enumerable.Range(0, Rows)), "&name=crash.csv");
        (made.Status, (string?)made.Json["status"]).ShouldBe((202, "queued"), made.Body);
        var address = made.Header("location").ShouldNotBeNull();
        var middle = await UntilAsync(curl, address, j => (int)j["progress"]!["processed"]! > 2 * There, server);
        ((string?)middle["status"]).ShouldBe("running", "the kill comes in the middle");
        await server.KillAsync();

        await using var again = await ServerProcess.StartAsync(server.Settings);
        curl = new OperatorCurl(again, token);
        var end = await UntilAsync(curl, address, j => j["end"] is not null, again);
        ((string?)end["status"], Counts(end)).ShouldBe(("succeededWithErrors", (Rows, Rows - There - Bad + 1, 0, There - 1, Bad)), again.Printed);
        var errors = await curl.SendAsync("GET", (string)end["errorFileUrl"]!);
        errors.Body.Split('\n').Count(l => l.StartsWith("no id ", StringComparison.Ordinal)).ShouldBe(Bad);
        var export = (await curl.SendAsync("GET", "/api/x/devices/export")).Body;
        export.Split('\n').Where(l => l.StartsWith("crash-", StringComparison.Ordinal)).Distinct(StringComparer.Ordinal).Count().ShouldBe(Rows - Bad);
        (await curl.SendAsync("GET", "/api/x/importJobs")).Json["value"]!.AsArray().Count.ShouldBe(1);
    }

    private static string File(IEnumerable<int> rows)
    {
        var file = new StringBuilder("IOTC_DEVICEID\n");
        foreach (var row in rows)
            file.Append(row % 1000 == 400 ? "no id " : "crash-").Append(row).Append('\n');
        return file.ToString();
    }

    private static (int, int, int, int, int) Counts(JsonNode job)
    {
        var p = job["progress"]!;
        return ((int)p["processed"]!, (int)p["created"]!, (int)p["updated"]!, (int)p["skipped"]!, (int)p["failed"]!);
    }

    private static async Task<JsonNode> UntilAsync(OperatorCurl curl, string address, Func<JsonNode, bool> reached, ServerProcess server)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var job = (await curl.SendAsync("GET", address)).Json;
            if (reached(job))
                return job;
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(120), job.ToJsonString() + server.Printed);
        }
    }
}
