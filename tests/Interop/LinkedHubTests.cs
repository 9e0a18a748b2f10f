using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>
/// Two servers: the provisioning service of one assigns devices to the hub of the other, over its REST API. The Node SDK follows. Both
/// have the ports that SDKs know, each at an address of its own.
/// </summary>
public sealed class LinkedHubTests : IAsyncLifetime
{
    private const string Here = "127.0.0.1";
    private const string There = "127.0.0.2";
    private readonly TempFolder _folder = new();
    private ServerProcess _here = null!;
    private ServerProcess _there = null!;

    public async ValueTask InitializeAsync()
    {
        var starts = new[] { Here, There }.Select(host => ServerProcess.StartAsync(
            new ServerSettings(_folder.File(host), SharedServer.HttpsPort, SharedServer.MqttPort, SharedServer.CrlPort, SharedServer.AmqpPort, host), "--listen", host)).ToArray();
        (_here, _there) = (await starts[0], await starts[1]);
    }

    public async ValueTask DisposeAsync()
    {
        await _here.DisposeAsync();
        await _there.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Devices_are_assigned_to_the_hub_of_another_server_and_move_back_with_their_twin()
    {
        (await LinkAsync(_there.Ready.Hub.ServiceConnectionString)).Status.ShouldBe(200);
        var linked = await _here.Dps.SendAsync(HttpMethod.Get, "homeport/v1/linkedHubs");
        linked.Json.AsArray().Select(h => (string?)h!["name"]).ShouldBe([Here, There]);
        var secret = ServiceCredential.Parse(_there.Ready.Hub.ServiceConnectionString).Key;
        linked.Body.ShouldNotContain(secret);
        SecretsOnDisk(secret).ShouldBeEmpty("the key is sealed");

        var key = SasToken.NewKey();
        await EnrollAsync("mover", key, There);
        var first = await ProvisionAsync("mover", key, "hello there");
        ((string?)first["registration"]!["assignedHub"]).ShouldBe(There);
        ((bool?)first["sent"]).ShouldBe(true, first.ToJsonString());
        (await _there.Reader.SingleAsync("mover")).Text.ShouldBe("hello there");
        var twin = (await _there.Hub.SendAsync(HttpMethod.Get, "twins/mover")).Json;
        ((string?)twin["tags"]!["site"]).ShouldBe("A");
        ((int?)twin["properties"]!["desired"]!["interval"]).ShouldBe(5);
        (await _here.Hub.SendAsync(HttpMethod.Get, "devices/mover")).Status.ShouldBe(404);

        (await _there.Hub.SendAsync(HttpMethod.Patch, "twins/mover", new JsonObject { ["tags"] = new JsonObject { ["site"] = "B" } })).Status.ShouldBe(200);
        await EnrollAsync("mover", key, Here);
        var second = await ProvisionAsync("mover", key, "back again");
        ((string?)second["registration"]!["assignedHub"]).ShouldBe(Here);
        ((string?)second["registration"]!["substatus"]).ShouldBe("deviceDataMigrated");
        (await _here.Reader.SingleAsync("mover")).Text.ShouldBe("back again");
        ((string?)(await _here.Hub.SendAsync(HttpMethod.Get, "twins/mover")).Json["tags"]!["site"]).ShouldBe("B");
        (await _there.Hub.SendAsync(HttpMethod.Get, "devices/mover")).Status.ShouldBe(404);

        // And there once more: what the device reported goes along as well.
        await ReportAsync("mover", key);
        await EnrollAsync("mover", key, There);
        ((string?)(await ProvisionAsync("mover", key, null))["registration"]!["substatus"]).ShouldBe("deviceDataMigrated");
        ((int?)(await _there.Hub.SendAsync(HttpMethod.Get, "twins/mover")).Json["properties"]!["reported"]!["temperature"]).ShouldBe(20);
    }

    [Fact]
    public async Task The_nearest_hub_is_chosen_by_the_network_or_by_what_the_device_measured_among_hubs_that_the_tool_links()
    {
        await File.WriteAllTextAsync(_folder.File("hub2.txt"), _there.Ready.Hub.ServiceConnectionString + "\n");
        (await ToolAsync(0, "hubs", "link", "@" + _folder.File("hub2.txt"), "--trust", _there.Ready.CaFile, "--weight", "2", "--location", "plant-2")).Output.ShouldContain($"{There} is linked.");
        await ToolAsync(0, "hubs", "set", Here, "--location", "plant-1");
        (await ToolAsync(0, "hubs", "list")).Output.Split('\n').ShouldContain(l => l.StartsWith(There, StringComparison.Ordinal) && l.Contains("plant-2", StringComparison.Ordinal));
        var key = SasToken.NewKey();
        var group = JsonSerializer.SerializeToNode(new { enrollmentGroupId = "near", attestation = new { type = "symmetricKey", symmetricKey = new { primaryKey = key, secondaryKey = key } } });
        (await _here.Dps.SendAsync(HttpMethod.Put, "enrollmentGroups/near?api-version=2021-10-01", group)).Status.ShouldBe(200);

        await AllocateAsync("plant-2");
        (await HubOfAsync("near-1", key)).ShouldBe(There, "the location of its network");
        (await HubOfAsync("near-2", key, new Dictionary<string, double> { [Here] = 3.5, [There] = 40 })).ShouldBe(Here, "what it measured goes before that");
        (await HubOfAsync("near-3", key, new Dictionary<string, double> { [There] = 40 })).ShouldBe(There, "a hub that it did not measure is far");
        await AllocateAsync("plant-1");
        (await HubOfAsync("near-4", key)).ShouldBe(Here);

        (await ToolAsync(0, "hubs", "unlink", There)).Output.ShouldContain($"Unlinked {There}.");
        (await HubOfAsync("near-1", key)).ShouldBe(Here, "its hub is not linked any more");
        (await ToolAsync(1, "hubs", "unlink", There)).Error.ShouldContain("404");
    }

    [Fact]
    public async Task A_link_that_cannot_work_is_found_when_it_is_made_and_a_hub_that_is_away_asks_devices_to_wait()
    {
        var good = _there.Ready.Hub.ServiceConnectionString;
        var credential = ServiceCredential.Parse(good);
        var wrongKey = await LinkAsync($"HostName={There};SharedAccessKeyName={credential.Policy};SharedAccessKey={SasToken.NewKey()}");
        ((int?)wrongKey.Json["errorCode"]).ShouldBe(400209, wrongKey.Body);
        var otherHost = await LinkAsync(good.Replace(There, "127.0.0.3", StringComparison.Ordinal));
        otherHost.Status.ShouldBe(400, otherHost.Body);
        var untrusted = await LinkAsync(good, trusted: false);
        untrusted.Status.ShouldBe(503, untrusted.Body);
        untrusted.Body.ShouldContain("certificateAuthority");
        (await LinkAsync(good)).Status.ShouldBe(200);

        var key = SasToken.NewKey();
        await EnrollAsync("waiting", key, There);
        await _there.KillAsync();
        var answer = await RegisterAsync("waiting", key);
        answer.Status.ShouldBe(503, answer.Body);
        ((int?)answer.Json["errorCode"]).ShouldBe(503001);
        int.Parse(answer.Header("Retry-After")!).ShouldBeInRange(5, 30);
        (await _here.Dps.SendAsync(HttpMethod.Get, "registrations/waiting")).Status.ShouldBe(404, "nothing was decided");

        (await _here.Dps.SendAsync(HttpMethod.Delete, "homeport/v1/linkedHubs/" + There)).Status.ShouldBe(204);
        var gone = await RegisterAsync("waiting", key);
        gone.Status.ShouldBe(202, gone.Body);
        ((int?)(await _here.Dps.SendAsync(HttpMethod.Get, "registrations/waiting")).Json["errorCode"]).ShouldBe(400208, "the enrollment names a hub that is not linked");
    }

    [Fact]
    public async Task One_chip_under_two_names_is_held_in_the_hub_of_another_server_too()
    {
        (await LinkAsync(_there.Ready.Hub.ServiceConnectionString)).Status.ShouldBe(200);
        await using var tpm = await SoftwareTpm.StartAsync();
        var identity = await new NodeClient(_here.Ready.CaFile).RunAsync("tpm-identity.mjs", new { });
        var chip = new { type = "tpm", tpm = new { endorsementKey = (string)identity["endorsementKey"]! } };
        await EnrollAsync("first", chip, There);
        await EnrollAsync("second", chip, There);
        ((bool?)(await RunAsync(new { host = Here, idScope = _here.Ready.Dps.IdScope, attestation = "tpm", registrationId = "first" }))["registered"]).ShouldBe(true);
        ((string?)(await _there.Hub.SendAsync(HttpMethod.Get, "devices/first")).Json["status"]).ShouldBe("enabled");

        ((bool?)(await RunAsync(new { host = Here, idScope = _here.Ready.Dps.IdScope, attestation = "tpm", registrationId = "second" }))["registered"]).ShouldBe(false);
        var held = (await _there.Hub.SendAsync(HttpMethod.Get, "devices/first")).Json;
        ((string?)held["status"]).ShouldBe("disabled");
        ((string?)held["statusReason"]).ShouldNotBeNull().ShouldContain("endorsement key");
        (await _there.Hub.SendAsync(HttpMethod.Get, "devices/second")).Status.ShouldBe(404);

        (await _here.Dps.SendAsync(HttpMethod.Delete, "registrations/second?api-version=2021-10-01")).Status.ShouldBe(204);
        ((bool?)(await RunAsync(new { host = Here, idScope = _here.Ready.Dps.IdScope, attestation = "tpm", registrationId = "first" }))["registered"]).ShouldBe(true);
        var released = (await _there.Hub.SendAsync(HttpMethod.Get, "devices/first")).Json;
        ((string?)released["status"]).ShouldBe("enabled");
        ((string?)released["statusReason"]).ShouldBeNull();
    }

    private async Task AllocateAsync(string location)
    {
        var settings = JsonSerializer.SerializeToNode(new { allocationPolicy = "geoLatency", regions = new[] { new { network = "127.0.0.0/8", locations = new[] { location } } } });
        var answer = await _here.Dps.SendAsync(HttpMethod.Put, "homeport/v1/allocation", settings);
        answer.Status.ShouldBe(200, answer.Body);
    }

    private async Task<string?> HubOfAsync(string id, string groupKey, Dictionary<string, double>? measured = null)
    {
        object? payload = measured is null ? null : new { hubLatencies = measured };
        var outcome = await RunAsync(new { host = Here, idScope = _here.Ready.Dps.IdScope, registrationId = id, key = SasToken.DerivedKey(groupKey, id), payload });
        ((bool?)outcome["registered"]).ShouldBe(true, outcome.ToJsonString());
        return (string?)outcome["registration"]!["assignedHub"];
    }

    private async Task<ProgramResult> ToolAsync(int exitCode, params string[] arguments)
    {
        var result = await ExternalProgram.RunAsync("dotnet", [ServerProcess.Tool, .. arguments, "--ready-file", _here.ReadyPath]);
        result.ExitCode.ShouldBe(exitCode, result.ToString());
        return result;
    }

    private async Task<RestAnswer> LinkAsync(string connectionString, bool trusted = true)
    {
        var body = new JsonObject { ["connectionString"] = connectionString, ["allocationWeight"] = 2, ["location"] = "plant-2" };
        if (trusted)
            body["certificateAuthority"] = await File.ReadAllTextAsync(_there.Ready.CaFile);
        return await _here.Dps.SendAsync(HttpMethod.Put, "homeport/v1/linkedHubs/" + There, body);
    }

    private Task EnrollAsync(string id, string key, string hub)
        => EnrollAsync(id, new { type = "symmetricKey", symmetricKey = new { primaryKey = key, secondaryKey = key } }, hub);

    private async Task EnrollAsync(string id, object attestation, string hub)
    {
        var body = JsonSerializer.SerializeToNode(new
        {
            registrationId = id,
            attestation,
            allocationPolicy = "static",
            iotHubHostName = hub,
            initialTwin = new { tags = new { site = "A" }, properties = new { desired = new { interval = 5 } } },
            reprovisionPolicy = new { updateHubAssignment = true, migrateDeviceData = true },
        });
        var answer = await _here.Dps.SendAsync(HttpMethod.Put, $"enrollments/{id}?api-version=2021-10-01", body, ifMatch: (await _here.Dps.SendAsync(HttpMethod.Get, $"enrollments/{id}?api-version=2021-10-01")).Status == 200 ? "*" : null);
        answer.Status.ShouldBe(200, answer.Body);
    }

    private Task<RestAnswer> RegisterAsync(string id, string key)
    {
        var scope = _here.Ready.Dps.IdScope;
        return _here.Dps.SendAsync(HttpMethod.Put, $"{scope}/registrations/{id}/register?api-version=2021-06-01", new JsonObject(), token: SasToken.Create($"{scope}/registrations/{id}", key, "registration"));
    }

    private async Task<JsonNode> ProvisionAsync(string id, string key, string? send)
    {
        var outcome = await RunAsync(new { host = Here, idScope = _here.Ready.Dps.IdScope, registrationId = id, key, send });
        ((bool?)outcome["registered"]).ShouldBe(true, outcome.ToJsonString());
        return outcome;
    }

    private async Task<JsonNode> RunAsync(object arguments)
    {
        var both = _folder.File("both.pem");
        await File.WriteAllTextAsync(both, await File.ReadAllTextAsync(_here.Ready.CaFile) + await File.ReadAllTextAsync(_there.Ready.CaFile));
        return await new NodeClient(both).RunAsync("provision.mjs", arguments);
    }

    private async Task ReportAsync(string id, string key)
    {
        var topics = new[] { "-h", Here, "-p", $"{SharedServer.MqttPort}", "--cafile", _here.Ready.CaFile, "-V", "mqttv311", "-i", id, "-u", $"{Here}/{id}/?api-version=2021-04-12", "-P", SasToken.ForDevice(Here, id, key) };
        var result = await ExternalProgram.RunAsync("mosquitto_pub", [.. topics, "-q", "1", "-t", "$iothub/twin/PATCH/properties/reported/?$rid=1", "-m", """{"temperature":20}"""], TimeSpan.FromSeconds(20));
        result.ExitCode.ShouldBe(0, result.Error);
    }

    private IEnumerable<string> SecretsOnDisk(string secret) => Directory.EnumerateFiles(_here.Settings.Data, "*", SearchOption.AllDirectories)
        .Where(f => !Path.GetFileName(f).StartsWith("ready-", StringComparison.Ordinal) && Path.GetFileName(f) != "lock")
        .Where(f => System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(f)).Contains(secret, StringComparison.Ordinal));
}
