using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Tests that bring devices into a server in bulk.</summary>
[CollectionDefinition(Name)]
public sealed class MigrationServersTests : ICollectionFixture<MigrationServers>
{
    public const string Name = "a server that is migrated to, and another one";
}

/// <summary>A server that others are migrated to, on the ports that the SDKs have compiled in, and another Homeport as source.</summary>
public sealed class MigrationServers : IAsyncLifetime
{
    private readonly ConsoleBrowser _console = new();
    private readonly TempFolder _folder = new();
    private ServerProcess? _source;

    public ConsoleBrowser Console => _console;

    public ServerProcess Target => _console.Server;

    public ServerProcess Source => _source ?? throw new InvalidOperationException("the server did not start");

    public string TargetToken { get; private set; } = "";

    public string SourceToken { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        await _console.InitializeAsync();
        _source = await ServerProcess.StartAsync(new ServerSettings(_folder.Path));
        await using var target = await _console.SignedInAsync();
        TargetToken = await target.ApiTokenAsync("migration", "Administrator");
        await using var source = await _console.FirstAsync(_source);
        SourceToken = await source.ApiTokenAsync("migration", "Administrator");
    }

    public async ValueTask DisposeAsync()
    {
        if (_source is not null)
            await _source.DisposeAsync();
        await _console.DisposeAsync();
        _folder.Dispose();
    }
}

/// <summary><c>homeport import</c>: what was exported from Azure, or another server, comes here, and devices come with what they have.</summary>
[Collection(MigrationServersTests.Name)]
public sealed class MigrationTests(MigrationServers servers) : IDisposable
{
    private readonly TempFolder _folder = new();

    private ServerProcess Target => servers.Target;

    private ServerProcess Source => servers.Source;

    private NodeClient Node => new(Target.Ready.CaFile);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_state_file_of_an_IoT_Hub_brings_devices_with_their_keys_twins_modules_and_parents()
    {
        var (key, module, edge) = (SasToken.NewKey(), SasToken.NewKey(), SasToken.NewKey());
        await File.WriteAllTextAsync(_folder.File("state.json"), State(key, module, edge));
        var tried = await ImportAsync(1, "azure-hub-state", _folder.File("state.json"), "--dry-run");
        tried.Output.ShouldContain("would be made");
        (await Target.Hub.SendAsync(HttpMethod.Get, "devices/moved-1")).Status.ShouldBe(404, "nothing is written");

        var done = await ImportAsync(1, "azure-hub-state", _folder.File("state.json"));
        done.ToString().ShouldNotContain(key);
        done.Output.ShouldContain("left out: device bad id");
        done.Output.ShouldContain("by hand: route route2");
        (await File.ReadAllTextAsync(_folder.File("report.json"))).ShouldNotContain(key);
        Counts("device").ShouldBe((3, 0, 1));
        (Counts("module"), Counts("configuration"), Counts("parent")).ShouldBe(((1, 0, 0), (1, 0, 0), (1, 0, 0)));

        var host = Target.Ready.Hub.HostName;
        var seen = await Node.RunAsync("device.mjs", new { connectionString = $"HostName={host};DeviceId=moved-1;SharedAccessKey={key}", actions = new[] { new { twin = true } } });
        seen.ToJsonString().ShouldContain("\"interval\":30");
        ((string?)(await Target.Hub.SendAsync(HttpMethod.Get, "twins/moved-1")).Json["tags"]?["site"]).ShouldBe("Aachen");
        var inside = await Node.RunAsync("device.mjs", new { module = true, connectionString = $"HostName={host};DeviceId=moved-1;ModuleId=m1;SharedAccessKey={module}", actions = new[] { new { twin = true } } });
        inside.ToJsonString().ShouldContain("\"level\":3");
        var (child, parent) = ((await Target.Hub.SendAsync(HttpMethod.Get, "devices/moved-1")).Json, (await Target.Hub.SendAsync(HttpMethod.Get, "devices/moved-edge")).Json);
        ((string?)child["deviceScope"]).ShouldBe(((string?)parent["deviceScope"]).ShouldNotBeNull());
        ((string?)(await Target.Hub.SendAsync(HttpMethod.Get, "devices/moved-x509")).Json["authentication"]!["x509Thumbprint"]!["primaryThumbprint"]).ShouldBe(new string('A', 40));

        await ImportAsync(1, "azure-hub-state", _folder.File("state.json"));
        Counts("device").ShouldBe((0, 3, 1));
        Counts("parent").ShouldBe((0, 1, 0));
    }

    [Fact]
    public async Task The_file_of_a_registry_export_brings_devices_with_their_keys()
    {
        var key = SasToken.NewKey();
        var lines = Enumerable.Range(0, 250).Select(i =>
            $$$"""{"id":"line-{{{i}}}","eTag":"MQ==","status":"{{{(i == 7 ? "disabled" : "enabled")}}}","authentication":{"symmetricKey":{"primaryKey":"{{{key}}}","secondaryKey":"{{{key}}}"},"type":"sas"},"twinETag":"AAAAAAAAAAE=","tags":{"n":{{{i}}}},"properties":{"desired":{"$metadata":{},"$version":1},"reported":{"$metadata":{},"$version":1}},"capabilities":{"iotEdge":false}}""");
        await File.WriteAllTextAsync(_folder.File("devices.txt"), string.Join("\r\n", lines.Append("{\"no\":1}")));
        await ImportAsync(1, "azure-hub-state", _folder.File("devices.txt"));
        Counts("device").ShouldBe((250, 0, 1));
        ((string?)(await Target.Hub.SendAsync(HttpMethod.Get, "devices/line-7")).Json["status"]).ShouldBe("disabled");
        var sent = await Node.RunAsync("device.mjs", new { connectionString = $"HostName={Target.Ready.Hub.HostName};DeviceId=line-249;SharedAccessKey={key}", actions = new[] { new { twin = true } } });
        sent.ToJsonString().ShouldContain("desired");
        ((int?)(await Target.Hub.SendAsync(HttpMethod.Get, "twins/line-249")).Json["tags"]?["n"]).ShouldBe(249);
    }

    [Fact]
    public async Task Enrollments_of_a_running_service_come_with_their_keys_certificates_and_endorsement_keys()
    {
        await using var tpm = await SoftwareTpm.StartAsync();
        var endorsement = (string)(await Node.RunAsync("tpm-identity.mjs", new { }))["endorsementKey"]!;
        using var pki = new OpenSslPki();
        await pki.RootAsync("works", "ec");
        await pki.IssueAsync("leaf", "works", "dps-x509", "ec");
        var group = (await EnrollAsync("enrollmentGroups/dps-group", new JsonObject { ["enrollmentGroupId"] = "dps-group", ["attestation"] = new JsonObject { ["type"] = "symmetricKey" } }))["attestation"]!["symmetricKey"]!;
        var own = (await EnrollAsync("enrollments/dps-own", Enrollment("dps-own", new JsonObject { ["type"] = "symmetricKey" })))["attestation"]!["symmetricKey"]!;
        await EnrollAsync("enrollments/dps-tpm", Enrollment("dps-tpm", new JsonObject { ["type"] = "tpm", ["tpm"] = new JsonObject { ["endorsementKey"] = endorsement } }));
        await EnrollAsync("enrollmentGroups/dps-ca", new JsonObject
        {
            ["enrollmentGroupId"] = "dps-ca",
            ["attestation"] = new JsonObject { ["type"] = "x509", ["x509"] = new JsonObject { ["signingCertificates"] = new JsonObject { ["primary"] = new JsonObject { ["certificate"] = await pki.ReadAsync("works.pem") } } } },
        });

        string[] command = ["azure-dps", "--source-port", $"{Source.Ready.Ports.Https}", "--source-ca", Source.Ready.CaFile];
        await ImportAsync(1, [.. command, "--dry-run"]);
        (await Target.Dps.SendAsync(HttpMethod.Get, "enrollmentGroups/dps-group?api-version=2021-10-01")).Status.ShouldBe(404, "nothing is written");
        (await ImportAsync(1, command)).Output.ShouldContain("--certificates", Case.Sensitive, "a service shows no certificates");
        Directory.CreateDirectory(_folder.File("cas"));
        File.Copy(pki.PathOf("works.pem"), Path.Combine(_folder.File("cas"), "works.pem"));
        await ImportAsync(0, [.. command, "--certificates", _folder.File("cas")]);
        (Counts("enrollmentGroup", "dps-"), Counts("enrollment", "dps-")).ShouldBe(((1, 1, 0), (0, 2, 0)));

        await SentAsync(new { registrationId = "dps-a-device", key = SasToken.DerivedKey((string)group["primaryKey"]!, "dps-a-device"), send = "1" });
        await SentAsync(new { registrationId = "dps-own", key = (string)own["primaryKey"]!, send = "1" });
        await SentAsync(new { attestation = "x509", registrationId = "dps-x509", key = await pki.ReadAsync("leaf.key"), certificate = await pki.ReadAsync("leaf.pem"), send = "1" });
        await SentAsync(new { attestation = "tpm", registrationId = "dps-tpm", send = "1" });
    }

    [Fact]
    public async Task Enrollments_that_the_Azure_CLI_printed_come_with_their_keys_and_those_without_are_named()
    {
        var key = SasToken.NewKey();
        await File.WriteAllTextAsync(_folder.File("list.json"), """
            [ { "allocationPolicy": null, "attestation": { "symmetricKey": null, "tpm": null, "type": "symmetricKey", "x509": null }, "capabilities": { "iotEdge": false }, "createdDateTimeUtc": "2024-05-01T10:00:00.0+00:00",
                "customAllocationDefinition": null, "deviceId": "", "etag": "\"AAAAAAAAAAA=\"", "initialTwin": null, "iotHubHostName": null, "iotHubs": null, "provisioningStatus": "enabled", "registrationId": "cli-without" } ]
            """);
        await File.WriteAllBytesAsync(_folder.File("show.json"), [0xff, 0xfe, .. System.Text.Encoding.Unicode.GetBytes($$"""
            { "allocationPolicy": "static", "attestation": { "symmetricKey": { "primaryKey": "{{key}}", "secondaryKey": "{{key}}" }, "tpm": null, "type": "symmetricKey", "x509": null }, "capabilities": { "iotEdge": false },
              "createdDateTimeUtc": "2024-05-01T10:00:00.0+00:00", "enrollmentGroupId": "cli-group", "etag": "\"AAAAAAAAAAA=\"", "initialTwin": { "properties": { "desired": { "interval": 5 } }, "tags": { "line": "3" } },
              "iotHubHostName": "old.azure-devices.net", "iotHubs": [ "old.azure-devices.net" ], "provisioningStatus": "enabled", "reprovisionPolicy": { "migrateDeviceData": true, "updateHubAssignment": true } }
            """)]);
        var result = await ImportAsync(1, "azure-dps", _folder.File("list.json"), _folder.File("show.json"));
        result.Output.ShouldContain("left out: enrollment cli-without: Its keys are not in the file.");
        result.Output.ShouldContain("by hand: enrollmentGroup cli-group: It was assigned to 'old.azure-devices.net' alone");
        await SentAsync(new { registrationId = "cli-1", key = SasToken.DerivedKey(key, "cli-1"), send = "1" });
        ((string?)(await Target.Hub.SendAsync(HttpMethod.Get, "twins/cli-1")).Json["tags"]?["line"]).ShouldBe("3");
    }

    [Fact]
    public async Task An_application_comes_by_REST_and_its_devices_keep_their_keys()
    {
        var source = new OperatorCurl(Source, servers.SourceToken);
        var target = new OperatorCurl(Target, servers.TargetToken);
        await OkAsync(source, "PUT", "/api/deviceTemplates/dtmi:modelDefinition:moved;1", """
            {"@type":["ModelDefinition","DeviceModel"],"@context":["dtmi:iotcentral:context;2","dtmi:dtdl:context;2"],"displayName":"Pump",
             "capabilityModel":{"@id":"dtmi:com:example:Moved;1","@type":"Interface","contents":[{"@type":"Telemetry","name":"pressure","schema":"double"}]}}
            """);
        await OkAsync(source, "PUT", "/api/organizations/europe", """{"displayName":"Europe"}""");
        await OkAsync(source, "PUT", "/api/organizations/aachen", """{"displayName":"Aachen","parent":"europe"}""");
        await OkAsync(source, "PUT", "/api/devices/app-1", """{"displayName":"One","template":"dtmi:modelDefinition:moved;1","organizations":["aachen"]}""");
        await OkAsync(source, "PUT", "/api/devices/app-2", """{"displayName":"Two","enabled":false}""");
        var own = SasToken.NewKey();
        await OkAsync(source, "PUT", "/api/devices/app-2/attestation", $$$"""{"type":"symmetricKey","symmetricKey":{"primaryKey":"{{{own}}}","secondaryKey":"{{{own}}}"}}""");
        await OkAsync(source, "PUT", "/api/deviceGroups/pumps", """{"displayName":"Pumps","filter":"SELECT * FROM devices WHERE $template = \"dtmi:modelDefinition:moved;1\""}""");
        var key = (string)(await OkAsync(source, "GET", "/api/devices/app-1/credentials"))["symmetricKey"]!["primaryKey"]!;
        await OkAsync(source, "POST", "/api/x/devices/import", "IOTC_DEVICEID\n" + string.Join('\n', Enumerable.Range(0, 120).Select(i => $"page-{i}")));

        string[] command = ["azure-central", "--source", $"https://{Source.Ready.Host}:{Source.Ready.Ports.Https}", "--source-ca", Source.Ready.CaFile];
        await ImportAsync(0, [.. command, "--dry-run", "--replace-keys"]);
        (await target.SendAsync("GET", "/api/devices/app-1")).Status.ShouldBe(404, "nothing is written");
        var result = await ImportAsync(0, [.. command, "--replace-keys"]);
        foreach (var secret in (string[])[servers.SourceToken, servers.TargetToken, key, own])
            result.ToString().ShouldNotContain(secret);
        (Counts("device", "app-"), Counts("device", "page-"), Counts("template"), Counts("attestation"), Counts("deviceGroup")).ShouldBe(((2, 0, 0), (120, 0, 0), (1, 0, 0), (1, 0, 0), (1, 0, 0)));
        var device = await OkAsync(target, "GET", "/api/devices/app-1");
        ((string?)device["displayName"], (string?)device["template"], (string?)device["organizations"]?[0]).ShouldBe(("One", "dtmi:modelDefinition:moved;1", "aachen"));
        ((string?)(await OkAsync(target, "GET", "/api/organizations/aachen"))["parent"]).ShouldBe("europe");
        ((string?)(await OkAsync(target, "GET", "/api/devices/app-2"))["status"]).ShouldBe("blocked");
        (await OkAsync(target, "GET", "/api/deviceGroups/pumps/devices"))["value"]!.AsArray().Count.ShouldBe(1);
        await SentAsync(new { registrationId = "app-1", key, send = "1" });
        await OkAsync(target, "PATCH", "/api/devices/app-2", """{"enabled":true}""");
        await SentAsync(new { registrationId = "app-2", key = own, send = "1" });

        await ImportAsync(0, command);
        (Counts("device", "page-"), Counts("attestation"), Counts("enrollmentGroup").LeftOut).ShouldBe(((0, 120, 0), (0, 1, 0), 0));
    }

    [Fact]
    public async Task An_exported_file_and_the_key_of_its_group_are_enough()
    {
        var source = new OperatorCurl(Source, servers.SourceToken);
        await OkAsync(source, "PUT", "/api/devices/file-1", """{"displayName":"=From a file"}""");
        var exported = (await source.SendAsync("GET", "/api/x/devices/export", query: "&search=file-")).Body;
        await File.WriteAllTextAsync(_folder.File("devices.csv"), exported + "bad id,,,,,\r\n");
        var groupKey = SasToken.NewKey();
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["HOMEPORT_GROUP_KEY"] = groupKey };
        string[] command = ["azure-central", "--csv", _folder.File("devices.csv"), "--group", "from-file"];
        await ImportAsync(environment, 1, [.. command, "--dry-run"]);
        var result = await ImportAsync(environment, 1, command);
        result.ToString().ShouldNotContain(groupKey);
        result.Output.ShouldContain("left out: device line 3: InvalidDeviceId");
        Counts("device").ShouldBe((1, 0, 1));
        ((string?)(await OkAsync(new OperatorCurl(Target, servers.TargetToken), "GET", "/api/devices/file-1"))["displayName"]).ShouldBe("=From a file");
        await SentAsync(new { registrationId = "file-1", key = SasToken.DerivedKey(groupKey, "file-1"), send = "1" });
        (await ImportAsync(new Dictionary<string, string>(StringComparer.Ordinal) { ["HOMEPORT_GROUP_KEY"] = SasToken.NewKey() }, 1, command)).Output.ShouldContain("--replace-keys");
    }

    [Theory]
    [InlineData("[1,2]")]
    [InlineData("{\"devices\":{\"a\":{\"identity\":{")]
    public async Task A_file_that_is_no_state_is_refused_with_a_reason(string text)
    {
        await File.WriteAllTextAsync(_folder.File("broken.json"), text);
        var result = await ImportAsync(2, "azure-hub-state", _folder.File("broken.json"));
        result.Error.ShouldContain("file");
    }

    private static string State(string key, string module, string edge) => $$$"""
        { "arm": { "resources": [ { "name": "old-hub", "type": "Microsoft.Devices/IotHubs", "properties": {
              "routing": { "routes": [ { "name": "route2", "source": "DeviceMessages", "condition": "true", "endpointNames": [ "endpoint1" ] } ] },
              "storageEndpoints": { "$default": { "connectionString": "AccountKey=FAKEKEY", "containerName": "files" } } } } ] },
          "configurations": { "admConfigurations": { "my_config": { "id": "my_config", "content": { "deviceContent": { "properties.desired.awesome": 3 } }, "labels": null,
              "metrics": { "queries": {}, "results": {} }, "priority": 10, "targetCondition": "tags.environment='nowhere'", "systemMetrics": { "queries": {}, "results": {} } } }, "edgeDeployments": {} },
          "devices": {
            "moved-1": { "identity": { "authentication": { "type": "sas", "symmetricKey": { "primaryKey": "{{{key}}}", "secondaryKey": "{{{key}}}" }, "x509Thumbprint": { "primaryThumbprint": null, "secondaryThumbprint": null } },
                "capabilities": { "iotEdge": false }, "connectionState": "Disconnected", "modelId": "", "status": "enabled" },
              "modules": { "m1": { "identity": { "authentication": { "type": "sas", "symmetricKey": { "primaryKey": "{{{module}}}", "secondaryKey": "{{{module}}}" } }, "connectionState": "Disconnected" },
                "twin": { "modelId": "", "properties": { "desired": { "level": 3 } }, "status": "enabled", "tags": { "test": "4" } } } },
              "parent": "moved-edge", "twin": { "properties": { "desired": { "interval": 30 } }, "tags": { "site": "Aachen" } } },
            "moved-x509": { "identity": { "authentication": { "type": "selfSigned", "x509Thumbprint": { "primaryThumbprint": "{{{new string('A', 40)}}}", "secondaryThumbprint": "{{{new string('B', 40)}}}" } },
                "capabilities": { "iotEdge": false }, "status": "enabled" }, "modules": {}, "twin": { "properties": { "desired": {} } } },
            "bad id": { "identity": { "authentication": { "type": "sas", "symmetricKey": { "primaryKey": "{{{key}}}", "secondaryKey": "{{{key}}}" } } } },
            "moved-edge": { "identity": { "authentication": { "type": "sas", "symmetricKey": { "primaryKey": "{{{edge}}}", "secondaryKey": "{{{edge}}}" } }, "capabilities": { "iotEdge": true }, "status": "enabled" },
              "twin": { "properties": { "desired": {} } } } } }
        """;

    private static JsonObject Enrollment(string id, JsonObject attestation) => new() { ["registrationId"] = id, ["attestation"] = attestation };

    private async Task<JsonNode> EnrollAsync(string path, JsonObject body)
    {
        var answer = await Source.Dps.SendAsync(HttpMethod.Put, path + "?api-version=2021-10-01", body);
        answer.Status.ShouldBe(200, answer.Body);
        return answer.Json;
    }

    private static async Task<JsonNode> OkAsync(OperatorCurl curl, string method, string path, string? body = null)
    {
        var answer = await curl.SendAsync(method, path, body);
        answer.Status.ShouldBe(200, answer.Body);
        return answer.Json;
    }

    private Task<ProgramResult> ImportAsync(int exitCode, params string[] arguments) => ImportAsync(new Dictionary<string, string>(StringComparer.Ordinal), exitCode, arguments);

    private async Task<ProgramResult> ImportAsync(Dictionary<string, string> more, int exitCode, params string[] arguments)
    {
        var environment = new Dictionary<string, string>(more, StringComparer.Ordinal)
        {
            ["HOMEPORT_API_TOKEN"] = servers.TargetToken,
            ["HOMEPORT_SOURCE_TOKEN"] = servers.SourceToken,
            ["HOMEPORT_SOURCE_CONNECTION_STRING"] = Source.Ready.Dps.ServiceConnectionString,
        };
        var result = await ExternalProgram.RunAsync(
            "dotnet", [ServerProcess.Tool, "import", .. arguments, "--report", _folder.File("report.json"), "--ready-file", Target.ReadyPath], TimeSpan.FromSeconds(120), environment: environment);
        result.ExitCode.ShouldBe(exitCode, result.ToString());
        return result;
    }

    /// <summary>Counts of the last report.</summary>
    private (int Made, int There, int LeftOut) Counts(string kind)
    {
        var counts = JsonNode.Parse(File.ReadAllText(_folder.File("report.json")))!["counts"]![kind]!;
        return ((int)counts["made"]!, (int)counts["there"]!, (int)counts["leftOut"]!);
    }

    /// <summary>Entries of the last report whose ids begin so: others may have made more.</summary>
    private (int Made, int There, int LeftOut) Counts(string kind, string prefix)
    {
        var entries = JsonNode.Parse(File.ReadAllText(_folder.File("report.json")))!["entries"]!.AsArray()
            .Where(e => (string?)e!["kind"] == kind && ((string)e["id"]!).StartsWith(prefix, StringComparison.Ordinal)).ToLookup(e => (string)e!["outcome"]!);
        return (entries["made"].Count(), entries["there"].Count(), entries["leftOut"].Count());
    }

    private async Task SentAsync(object scenario)
    {
        var arguments = JsonSerializer.SerializeToNode(scenario)!.AsObject();
        arguments["host"] = Target.Ready.Dps.Endpoint;
        arguments["idScope"] = Target.Ready.Dps.IdScope;
        var outcome = await Node.RunAsync("provision.mjs", arguments);
        ((bool?)outcome["sent"]).ShouldBe(true, outcome.ToJsonString());
    }
}
