using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Imports and exports of the registry, asked by the npm package azure-iothub, with files in the built-in store.</summary>
[Collection(SharedServerTests.Name)]
public sealed class RegistryJobTests(SharedServer shared)
{
    private HubService Hub => shared.Server.Hub;

    [Fact]
    public async Task The_registry_is_exported_with_its_keys_and_twins_or_without_the_keys()
    {
        var id = SharedServer.NewId("export");
        var device = await Hub.CreateDeviceAsync(id);
        (await Hub.SendAsync(HttpMethod.Put, $"devices/{id}/modules/m1", new JsonObject { ["deviceId"] = id, ["moduleId"] = "m1" })).Status.ShouldBeInRange(200, 201);
        (await Hub.SendAsync(HttpMethod.Patch, $"twins/{id}", JsonNode.Parse("""{"tags":{"floor":3},"properties":{"desired":{"a":{"b":"ü"}}}}"""))).Status.ShouldBe(200);
        var container = await RegistryFiles.OpenAsync(shared.Server);

        var steps = await shared.Node.StepsAsync("registry", Service, ["exportDevicesToBlob", container.Uri, false], ["listJobs"]);
        var job = steps[0].Success;
        ((string?)job["type"], (string?)job["outputBlobName"], ((string)job["outputBlobContainerUri"]!).Contains("sig=", StringComparison.Ordinal)).ShouldBe(("export", "devices.txt", false));
        steps[1].Success.AsArray().Select(j => (string?)j!["jobId"]).ShouldContain((string?)job["jobId"]);
        ((int?)(await RegistryFiles.CompletedAsync(shared.Server, job))["progress"]).ShouldBe(100);
        var lines = (await container.ReadLinesAsync("devices.txt")).Where(l => (string?)l["id"] == id).ToList();
        lines.Count.ShouldBe(2);
        ((string?)lines[0]["authentication"]!["symmetricKey"]!["primaryKey"], (string?)lines[0]["status"], (int?)lines[0]["tags"]!["floor"]).ShouldBe((device.PrimaryKey, "enabled", 3));
        ((string?)lines[0]["properties"]!["desired"]!["a"]!["b"]).ShouldBe("ü");
        ((string?)lines[1]["moduleId"], (string?)lines[1]["authentication"]!["type"]).ShouldBe(("m1", "sas"));

        var bare = (await shared.Node.StepsAsync("registry", Service, ["exportDevicesToBlob", container.Uri, true]))[0].Success;
        await RegistryFiles.CompletedAsync(shared.Server, bare);
        (await container.ReadLinesAsync("devices.txt")).ShouldAllBe(l => l["authentication"]!["symmetricKey"]!["primaryKey"] == null);
    }

    [Fact]
    public async Task A_file_is_imported_line_by_line_and_refused_lines_are_in_the_error_file()
    {
        var id = SharedServer.NewId("import");
        await Hub.CreateDeviceAsync(id + "-old");
        await Hub.CreateDeviceAsync(id + "-gone");
        var key = SasToken.NewKey();
        var container = await RegistryFiles.OpenAsync(shared.Server);
        await container.WriteAsync("devices.txt", $$$$"""
            {"id":"{{{{id}}}}-new","eTag":"MQ==","status":"disabled","authentication":{"symmetricKey":{"primaryKey":"{{{{key}}}}","secondaryKey":"{{{{key}}}}"},"type":"sas"},"tags":{"t":1},"properties":{"desired":{"d":2,"$metadata":{},"$version":9},"reported":{"r":1}}}
            {"id":"{{{{id}}}}-new","moduleId":"m1"}
            {"id":"{{{{id}}}}-old","importMode":"create"}
            {"id":"{{{{id}}}}-old","importMode":"updateTwin","tags":{"t":2}}

            {"id":"{{{{id}}}}-gone","importMode":"delete"}
            this is no JSON
            {"id":"{{{{id}}}}-x","importMode":"guess"}
            {"id":"{{{{id}}}}-old","importMode":"updateIfMatchETag","eTag":"OTk="}
            """);

        var steps = await shared.Node.StepsAsync("registry", Service, ["importDevicesFromBlob", container.Uri, container.Uri]);
        await RegistryFiles.CompletedAsync(shared.Server, steps[0].Success);
        var made = (await Hub.SendAsync(HttpMethod.Get, $"devices/{id}-new")).Json;
        ((string?)made["status"], (string?)made["authentication"]!["symmetricKey"]!["primaryKey"]).ShouldBe(("disabled", key));
        var twin = (await Hub.SendAsync(HttpMethod.Get, $"twins/{id}-new")).Json;
        ((int?)twin["tags"]!["t"], (int?)twin["properties"]!["desired"]!["d"]).ShouldBe((1, 2));
        (await Hub.SendAsync(HttpMethod.Get, $"devices/{id}-new/modules/m1")).Status.ShouldBe(200);
        ((int?)(await Hub.SendAsync(HttpMethod.Get, $"twins/{id}-old")).Json["tags"]!["t"]).ShouldBe(2);
        (await Hub.SendAsync(HttpMethod.Get, $"devices/{id}-gone")).Status.ShouldBe(404);
        (await container.ReadLinesAsync("importErrors.log")).Select(e => ((string?)e["deviceId"], (string?)e["errorCode"])).ShouldBe(
        [
            ($"{id}-old", "DeviceAlreadyExists"), (null, "IotHubFormatError"), ($"{id}-x", "ArgumentInvalid"), ($"{id}-old", "PreconditionFailed"),
        ]);
    }

    [Fact]
    public async Task A_job_that_cannot_work_is_refused_or_says_why_it_failed()
    {
        var container = await RegistryFiles.OpenAsync(shared.Server);
        var reading = (string)(await Hub.SendAsync(HttpMethod.Get, "homeport/v1/files/access")).Json["sasToken"]!;
        var address = container.Uri.Split('?')[0];
        foreach (var (body, error) in ((JsonObject, string)[])
        [
            (new() { ["type"] = "export" }, "BlobContainerValidationError"),
            (new() { ["type"] = "export", ["outputBlobContainerUri"] = address }, "BlobContainerValidationError"),
            (new() { ["type"] = "export", ["outputBlobContainerUri"] = address.Replace("registry-", "uploads-", StringComparison.Ordinal) + reading }, "BlobContainerValidationError"),
            (new() { ["type"] = "export", ["outputBlobContainerUri"] = container.Uri.Replace("https:", "http:", StringComparison.Ordinal) }, "BlobContainerValidationError"),
            (new() { ["type"] = "move", ["outputBlobContainerUri"] = container.Uri }, "ArgumentInvalid"),
            (new() { ["type"] = "export", ["outputBlobContainerUri"] = container.Uri, ["storageAuthenticationType"] = "identityBased" }, "ArgumentInvalid"),
        ])
        {
            var refused = await Hub.SendAsync(HttpMethod.Post, "jobs/create", body);
            (refused.Status, refused.Header("iothub-errorcode")).ShouldBe((400, error), body.ToJsonString());
        }
        var none = await Hub.SendAsync(HttpMethod.Post, "jobs/create",
            new JsonObject { ["type"] = "import", ["inputBlobContainerUri"] = container.Uri, ["inputBlobName"] = "none.txt", ["outputBlobContainerUri"] = container.Uri });
        var failed = await RegistryFiles.EndedAsync(shared.Server, none.Json);
        ((string?)failed["status"], ((string?)failed["failureReason"])!.Contains("'none.txt'", StringComparison.Ordinal)).ShouldBe(("failed", true));
        var steps = await shared.Node.StepsAsync("registry", Service, ["cancelJob", (string)failed["jobId"]!], ["getJob", "no-such-job"], ["cancelJob", "no-such-job"]);
        steps[0].Ok.ShouldBeTrue();
        ((string?)steps[1].Error!["header"], (string?)steps[2].Error!["header"]).ShouldBe(("JobNotFound", "JobNotFound"));
    }

    private string Service => shared.Server.Ready.Hub.ServiceConnectionString;
}

/// <summary>A job that is cancelled while it works, on a server of its own, since it leaves many devices.</summary>
public sealed class RegistryJobCancelTests
{
    [Fact]
    public async Task A_running_import_and_an_export_are_cancelled_and_make_room_for_the_next_job()
    {
        using var folder = new TempFolder();
        await using var server = await ServerProcess.StartAsync(new ServerSettings(folder.Path));
        var container = await RegistryFiles.OpenAsync(server);
        const int Lines = 60_000;
        await container.WriteAsync("devices.txt", string.Join('\n', Enumerable.Range(0, Lines).Select(i => $$"""{"id":"d{{i}}","authentication":{"type":"none"} }""")));
        Task<RestAnswer> StartAsync(string type) => server.Hub.SendAsync(HttpMethod.Post, "jobs/create",
            new JsonObject { ["type"] = type, ["inputBlobContainerUri"] = container.Uri, ["outputBlobContainerUri"] = container.Uri, ["outputBlobName"] = "out.txt" });

        var import = (await StartAsync("import")).Json;
        var path = $"jobs/{(string)import["jobId"]!}";
        JsonNode now;
        do
            now = (await server.Hub.SendAsync(HttpMethod.Get, path)).Json;
        while ((string?)now["status"] is "enqueued" or "queued" || ((string?)now["status"] == "running" && (int?)now["progress"] == 0));
        ((string?)now["status"]).ShouldBe("running", now.ToJsonString());
        var second = await StartAsync("export");
        (second.Status, second.Header("iothub-errorcode")).ShouldBe((403, "JobQuotaExceeded"));
        (await server.Hub.SendAsync(HttpMethod.Delete, path)).Status.ShouldBeInRange(200, 204);
        ((string?)(await RegistryFiles.EndedAsync(server, import))["status"]).ShouldBe("cancelled");

        // A job after it runs when nothing of the cancelled one works any more: what it did stays, and no more comes.
        var export = (await StartAsync("export")).Json;
        await RegistryFiles.CompletedAsync(server, export);
        var exported = (await container.ReadLinesAsync("out.txt")).Count;
        exported.ShouldBeInRange(1, Lines - 1);
        ((int?)(await server.Hub.SendAsync(HttpMethod.Get, "statistics/devices")).Json["totalDeviceCount"]).ShouldBe(exported);

        var cut = (await StartAsync("export")).Json;
        (await server.Hub.SendAsync(HttpMethod.Delete, $"jobs/{(string)cut["jobId"]!}")).Status.ShouldBeInRange(200, 204);
        ((string?)(await RegistryFiles.EndedAsync(server, cut))["status"]).ShouldBeOneOf("cancelled", "completed");
        await RegistryFiles.CompletedAsync(server, (await StartAsync("export")).Json);
    }
}

/// <summary>The container for files of imports and exports.</summary>
public sealed class RegistryFiles(ServerProcess server, string uri)
{
    public string Uri => uri;

    public static async Task<RegistryFiles> OpenAsync(ServerProcess server)
    {
        var access = (await server.Hub.SendAsync(HttpMethod.Get, "homeport/v1/registry/container")).Json;
        return new RegistryFiles(server, (string)access["containerUri"]! + (string)access["sasToken"]!);
    }

    public static async Task<JsonNode> CompletedAsync(ServerProcess server, JsonNode job)
    {
        var ended = await EndedAsync(server, job);
        ((string?)ended["status"]).ShouldBe("completed", ended.ToJsonString());
        return ended;
    }

    public static async Task<JsonNode> EndedAsync(ServerProcess server, JsonNode job)
    {
        for (var i = 0; ; i++)
        {
            var now = (await server.Hub.SendAsync(HttpMethod.Get, $"jobs/{(string)job["jobId"]!}")).Json;
            if ((string?)now["status"] is "completed" or "failed" or "cancelled")
                return now;
            i.ShouldBeLessThan(1200, now.ToJsonString());
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    public async Task WriteAsync(string name, string text)
    {
        using var http = server.Trust.HttpClient(server.Ready.Ports.Https);
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(text));
        content.Headers.Add("x-ms-blob-type", "BlockBlob");
        using var answer = await http.PutAsync(Blob(name), content);
        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
    }

    public async Task<IReadOnlyList<JsonNode>> ReadLinesAsync(string name)
    {
        using var http = server.Trust.HttpClient(server.Ready.Ports.Https);
        return [.. (await http.GetStringAsync(Blob(name))).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!)];
    }

    private Uri Blob(string name) => new(uri.Replace("?", $"/{name}?", StringComparison.Ordinal));
}
