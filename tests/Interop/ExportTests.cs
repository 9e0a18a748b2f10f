using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>
/// Data exports as programs write them for IoT Central: curl on one side, receivers of others on the other, and between them the Node SDK's device with a
/// model of its own.
/// </summary>
public sealed class ExportTests(IssuerConsole issuer) : IClassFixture<IssuerConsole>, IDisposable
{
    private const string Address = "127.0.0.1";
    private readonly OpenSslPki _pki = new();
    private readonly TempFolder _folder = new();

    private ServerProcess Server => issuer.Console.Server;

    public void Dispose()
    {
        _pki.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_webhook_gets_the_life_of_a_device_its_telemetry_and_its_properties_in_the_form_of_IoT_Central()
    {
        await _pki.ServerAsync("receiver", Address);
        await issuer.StartIssuerAsync();
        var port = ServerSettings.FreePorts(1)[0];
        await using var receiver = new NodeClient(Server.Ready.CaFile).Start("webhook-receiver.mjs", new { port, cert = _pki.PathOf("receiver.pem"), key = _pki.PathOf("receiver.key"), file = _folder.File("events.jsonl"), plain = true });
        await receiver.WaitForEventAsync("listening");
        var curl = (await RoutingOperator.SignInAsync(issuer.Console));
        await DestinationAsync(curl, port);
        foreach (var source in (string[])["telemetry", "properties", "deviceLifecycle", "deviceTemplateLifecycle", "deviceConnectivity"])
            await PutAsync(curl, $"exports/{source}", Export(source));

        var (name, template) = await TemplateAsync(curl);
        var id = SharedServer.NewId("life");
        var device = await Server.Hub.CreateDeviceAsync(id);
        var connectionString = $"HostName={Server.Ready.Hub.HostName};DeviceId={id};SharedAccessKey={device.PrimaryKey}";
        await using (var running = new NodeClient(Server.Ready.CaFile).Start("template-device.mjs", new { connectionString, modelId = $"dtmi:com:example:{name};1", seconds = 120 }))
        {
            await running.WaitForEventAsync("connected");
            await PatchAsync(curl, $"/api/devices/{id}", """{"displayName":"The pump"}""");
            (await curl.SendAsync("PATCH", $"/api/devices/{id}/properties", JsonNode.Parse("""{"speed":7,"site":"Oslo"}"""))).Status.ShouldBe(202);
            await running.WaitForEventAsync("desired");
            await EventsAsync(IsOfThePump, 2);
            await EventsAsync(e => (string?)e["messageType"] == "provisioned" && (string?)e["deviceId"] == id, 1);
        }
        await PatchAsync(curl, $"/api/devices/{id}", """{"enabled":false}""");
        await PatchAsync(curl, $"/api/devices/{id}", """{"enabled":true}""");
        (await curl.SendAsync("DELETE", $"/api/devices/{id}")).Status.ShouldBe(204);

        var deleted = await EventsAsync(e => (string?)e["messageType"] == "deleted", 1);
        (string?, string?)[] device1 = [((string?)deleted[0]["event"]!["deviceId"], (string?)deleted[0]["event"]!["templateId"])];
        device1.ShouldBe([(id, template)]);
        var life = (await EventsAsync(e => (string?)e["messageSource"] == "deviceLifecycle" && (string?)e["deviceId"] == id, 7)).Select(e => (string?)e["event"]!["messageType"]).ToList();
        life.ShouldBe(["registered", "deviceTemplateChanged", "provisioned", "displayNameChanged", "disabled", "enabled", "deleted"], ignoreOrder: true);
        life.IndexOf("registered").ShouldBe(0);
        life[^3..].ShouldBe(["disabled", "enabled", "deleted"]);
        await ContentAsync(id, template);
        await StatesAsync(curl);
    }

    [Fact]
    public async Task A_queue_a_table_and_a_container_get_what_a_filter_takes_each_in_its_own_form()
    {
        await _pki.ServerAsync("outside", Address);
        var ports = ServerSettings.FreePorts(3);
        var curl = await RoutingOperator.SignInAsync(issuer.Console);
        await using var azurite = new RunningScenario("azurite", ExternalProgram.Start("node",
            [Path.Combine(ServerProcess.Clients, "node_modules/azurite/dist/src/blob/main.js"), "--blobHost", Address, "--blobPort", $"{ports[2]}", "--location", _folder.File("azurite"),
             "--cert", _pki.PathOf("outside.pem"), "--key", _pki.PathOf("outside.key"), "--disableTelemetry", "--skipApiVersionCheck", "--loose"], null));
        // Azurite's own well-known account.
        var account = $"DefaultEndpointsProtocol=https;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint=https://{Address}:{ports[2]}/devstoreaccount1";
        await DestinationsAsync(curl, ports, account);
        var id = SharedServer.NewId("row");
        var export = new JsonObject
        {
            ["source"] = "telemetry",
            ["filter"] = $"SELECT * FROM devices WHERE t > 20 AND level = 'high' AND $id = \"{id}\"",
            ["destinations"] = new JsonArray(
                new JsonObject { ["id"] = "queue", ["transform"] = """import "iotc" as iotc; {deviceId: .device.id, timestamp: .enqueuedTime, doubled: (.telemetry | iotc::find(.name == "t").value * 2),}""" },
                new JsonObject { ["id"] = "table", ["transform"] = ".device.id as $d | .telemetry[] | {$d, name, value}" },
                new JsonObject { ["id"] = "archive" }),
        };
        var broken = (JsonObject)export.DeepClone();
        broken["destinations"]![0]!["transform"] = ".telemetry | map(";
        var refused = await curl.SendAsync("PUT", "/api/dataExport/exports/readings", broken);
        (refused.Status, refused.Header("x-ms-error-code")).ShouldBe((400, "InvalidTransform"), refused.Body + Server.Printed);
        await PutAsync(curl, "exports/readings", export);

        var device = await Server.Hub.CreateDeviceAsync(id);
        var connectionString = $"HostName={Server.Ready.Hub.HostName};DeviceId={id};SharedAccessKey={device.PrimaryKey}";
        object[] actions = [.. new[] { (19, "high"), (21, "low"), (21, "high"), (22, "high") }.Select(m => new { send = new { body = $$"""{"t":{{m.Item1}},"unit":"C"}""", properties = new[] { new[] { "level", m.Item2 } } } })];
        var sent = await new NodeClient(Server.Ready.CaFile).RunAsync("device.mjs", new { connectionString, actions });
        sent["results"]!.AsArray().Count(r => (bool)r!["ok"]!).ShouldBe(4);
        // Neither is there yet: what was sent waits for both.
        await using var broker = new NodeClient(Server.Ready.CaFile).Start("queue-broker.mjs",
            new { port = ports[0], cert = _pki.PathOf("outside.pem"), key = _pki.PathOf("outside.key"), userName = "send", password = "a-key-of-the-bus=", file = _folder.File("queue.jsonl"), address = "telemetry" });
        await broker.WaitForEventAsync("listening");
        await using var database = await Postgres.StartAsync(_folder.File("postgres"), ports[1], _pki, "outside");
        await HealthAsync(curl, "readings", "queue", 2);
        await HealthAsync(curl, "readings", "table", 2);
        var queue = (await File.ReadAllLinesAsync(_folder.File("queue.jsonl"))).Select(l => JsonNode.Parse(l)!).ToList();
        queue.Select(m => ((string?)m["body"]!["deviceId"], (int)m["body"]!["doubled"]!)).ShouldBe([(id, 42), (id, 44)]);
        queue[0]["properties"].ShouldBeJson($$"""{"iotcentral-device-id":"{{id}}","iotcentral-application-id":"default","iotcentral-message-source":"telemetry"}""");
        ((string?)queue[0]["contentType"], (string?)queue[0]["contentEncoding"]).ShouldBe(("application/json", "utf-8"));
        (await database.QueryAsync("SELECT body->>'d', body->>'name', body->>'value', device_id FROM readings ORDER BY \"offset\", hub"))
            .ShouldBe($"{id}|t|21|{id}\n{id}|unit|C|{id}\n{id}|t|22|{id}\n{id}|unit|C|{id}");
        var owner = new NodeClient(_pki.PathOf("outside.pem"));
        (await owner.RunAsync("blob-account.mjs", new { connectionString = account, container = "central-data" })).ShouldNotBeNull();
        await HealthAsync(curl, "readings", "archive", 2);
        var lines = (await owner.RunAsync("blob-account.mjs", new { connectionString = account, container = "central-data", lines = "default/readings/" }))["lines"]!.AsArray();
        lines.Select(l => JsonNode.Parse((string)l!)!["telemetry"]!.ToJsonString()).ShouldBe(["""{"t":21,"unit":"C"}""", """{"t":22,"unit":"C"}"""]);
        var shown = (await curl.SendAsync("GET", "/api/dataExport/destinations/queue")).Json;
        ((string?)shown["status"], (string?)shown["authorization"]!["connectionString"]).ShouldBe(("healthy", $"Endpoint=sb://{Address}:{ports[0]}/;SharedAccessKeyName=send;SharedAccessKey=*****;EntityPath=telemetry"));
    }

    private async Task DestinationsAsync(RoutingOperator curl, IReadOnlyList<int> ports, string account)
    {
        var certificateAuthority = await _pki.ReadAsync("outside.pem");
        await PutAsync(curl, "destinations/queue", new JsonObject
        {
            ["displayName"] = "Queue",
            ["type"] = "servicebusqueue@v1",
            ["authorization"] = new JsonObject { ["type"] = "connectionString", ["connectionString"] = $"Endpoint=sb://{Address}:{ports[0]}/;SharedAccessKeyName=send;SharedAccessKey=a-key-of-the-bus=;EntityPath=telemetry" },
            ["certificateAuthority"] = certificateAuthority,
        });
        await PutAsync(curl, "destinations/table", new JsonObject
        {
            ["type"] = "postgres@x1",
            ["url"] = $"postgres://{Address}:{ports[1]}/postgres",
            ["address"] = "readings",
            ["userName"] = Postgres.UserName,
            ["secret"] = Postgres.Password,
            ["certificateAuthority"] = certificateAuthority,
        });
        await PutAsync(curl, "destinations/archive", new JsonObject { ["type"] = "blobstorage@v1", ["connectionString"] = account, ["containerName"] = "central-data", ["certificateAuthority"] = certificateAuthority, ["batchFrequencyInSeconds"] = 2 });
    }

    /// <summary>A destination with a token of the issuer and headers, of which the secrets are not shown; changing its name keeps them.</summary>
    private async Task DestinationAsync(RoutingOperator curl, int port)
    {
        var destination = new JsonObject
        {
            ["displayName"] = "Webhook",
            ["type"] = "webhook@v1",
            ["url"] = $"https://{Address}:{port}/in",
            ["headerCustomizations"] = JsonNode.Parse("""{"x-plant":{"value":"north","secret":false},"x-code":{"value":"of-the-plant","secret":true}}"""),
            ["queryCustomizations"] = JsonNode.Parse("""{"code":{"value":"a b","secret":true}}"""),
            ["authorization"] = new JsonObject { ["type"] = "oAuth2", ["tokenUrl"] = $"{issuer.IssuerAddress}/token", ["clientId"] = "fleet-sync", ["clientSecret"] = IssuerConsole.Secret },
            ["certificateAuthority"] = await _pki.ReadAsync("receiver.pem") + await File.ReadAllTextAsync(issuer.CaFile),
        };
        await PutAsync(curl, "destinations/webhook", destination);
        var patched = await curl.SendAsync("PATCH", "/api/dataExport/destinations/webhook", JsonNode.Parse("""{"displayName":"Receiver"}"""));
        patched.Status.ShouldBe(200, patched.Body);
        ((string?)patched.Json["displayName"], (string?)patched.Json["status"], (string?)patched.Json["authorization"]!["clientSecret"], (string?)patched.Json["headerCustomizations"]!["x-code"]!["value"])
            .ShouldBe(("Receiver", "waiting", "*****", "*****"));
        patched.Body.ShouldNotContain("of-the-plant");
        var moved = await curl.SendAsync("PATCH", "/api/dataExport/destinations/webhook", JsonNode.Parse("""{"url":"https://127.0.0.1:1/elsewhere"}"""));
        (moved.Status, (string?)moved.Json["error"]!["code"]).ShouldBe((400, "InvalidDestination"), moved.Body);
    }

    private static JsonObject Export(string source)
    {
        var export = new JsonObject { ["displayName"] = source, ["enabled"] = true, ["source"] = source, ["destinations"] = new JsonArray(new JsonObject { ["id"] = "webhook" }) };
        if (source == "telemetry")
        {
            export["enrichments"] = JsonNode.Parse("""
                {"plant":{"value":"north"},"name":{"path":"$displayName"},"template":{"path":"$templateDisplayName"},"provisioned":{"path":"$provisioned"},
                 "serial":{"target":"MODEL","path":"serial"},"missing":{"target":"MODEL","path":"nothing"}}
                """.Replace("MODEL", "dtmi:com:example:Exported;1", StringComparison.Ordinal));
        }
        return export;
    }

    private static async Task<(string Name, string Template)> TemplateAsync(RoutingOperator curl)
    {
        const string Name = "Exported";
        const string Id = $"dtmi:modelDefinition:com:example:{Name};1";
        var put = await curl.SendAsync("PUT", $"/api/deviceTemplates/{Id}", JsonNode.Parse($$"""
            { "@context": "dtmi:dtdl:context;2", "@id": "dtmi:com:example:{{Name}};1", "@type": "Interface", "displayName": "Exported pump", "contents": [
              { "@type": "Telemetry", "name": "pressure", "schema": "double" },
              { "@type": "Property", "name": "speed", "schema": "double", "writable": true },
              { "@type": "Property", "name": "serial", "schema": "string" },
              { "@type": [ "Property", "Cloud" ], "name": "site", "schema": "string" },
              { "@type": "Component", "name": "motor", "schema": { "@id": "dtmi:com:example:{{Name}}Motor;1", "@type": "Interface", "contents": [ { "@type": "Telemetry", "name": "heat", "schema": "double" } ] } } ] }
            """));
        put.Status.ShouldBe(200, put.Body);
        return (Name, Id);
    }

    /// <summary>What came, in the words of IoT Central.</summary>
    private async Task ContentAsync(string id, string template)
    {
        var telemetry = (await EventsAsync(IsOfThePump, 2)).Select(e => e["event"]!).ToList();
        var own = telemetry.First(e => e["component"] is null);
        own.AsObject().Select(m => m.Key).ShouldBe(["applicationId", "messageSource", "deviceId", "schema", "templateId", "enqueuedTime", "telemetry", "enrichments", "messageProperties"]);
        ((string?)own["applicationId"], (string?)own["deviceId"], (string?)own["schema"], (string?)own["templateId"]).ShouldBe(("default", id, "default@v1", template));
        own["enrichments"].ShouldBeJson("""{"plant":"north","name":"The pump","template":"Exported pump","provisioned":true,"serial":"s-4711"}""");
        own["telemetry"]!["pressure"].ShouldNotBeNull();
        telemetry.First(e => (string?)e["component"] == "motor")["telemetry"]!["heat"].ShouldNotBeNull();
        var properties = (await EventsAsync(e => (string?)e["messageSource"] == "properties" && (string?)e["deviceId"] == id, 4)).Select(e => e["event"]!).ToList();
        var said = properties.Select(e => $"{e["messageType"]} {e["properties"]!.ToJsonString()}").ToList();
        said.ShouldContain("""devicePropertyReportedChange [{"name":"serial","value":"s-4711"}]""");
        said.ShouldContain("""devicePropertyDesiredChange [{"name":"speed","value":7}]""");
        said.ShouldContain("""cloudPropertyChange [{"name":"site","value":"Oslo"}]""");
        said.ShouldContain("""devicePropertyReportedChange [{"name":"speed","value":7}]""");
        (await EventsAsync(e => (string?)e["messageSource"] == "deviceConnectivity" && (string?)e["deviceId"] == id, 2)).Select(e => (string?)e["event"]!["messageType"]).ShouldBe(["connected", "disconnected"]);
        var templates = await EventsAsync(e => (string?)e["messageSource"] == "deviceTemplateLifecycle" && (string?)e["templateId"] == template, 1);
        ((string?)templates[0]["event"]!["messageType"], templates[0]["event"]!["deviceId"]).ShouldBe(("created", null));
        var request = (await EventsAsync(_ => true, 1))[0];
        ((string?)request["url"], (string?)request["headers"]!["x-plant"], (string?)request["headers"]!["x-code"], (string?)request["headers"]!["content-type"])
            .ShouldBe(("/in?code=a%20b", "north", "of-the-plant", "application/json; charset=utf-8"));
        var bearer = ((string)request["headers"]!["authorization"]!).Split(' ');
        bearer[0].ShouldBe("Bearer");
        var payload = bearer[1].Split('.')[1].Replace('-', '+').Replace('_', '/');
        ((string?)JsonNode.Parse(Encoding.UTF8.GetString(Convert.FromBase64String(payload.PadRight((payload.Length + 3) / 4 * 4, '='))))!["client_id"]).ShouldBe("fleet-sync");
    }

    /// <summary>Telemetry since the device has its name and was seen in the hub.</summary>
    private static bool IsOfThePump(JsonNode e) => (string?)e["messageSource"] == "telemetry" && (string?)e["enrichments"]?["name"] == "The pump" && (bool?)e["enrichments"]?["provisioned"] == true;

    private static async Task StatesAsync(RoutingOperator curl)
    {
        var exports = (await curl.SendAsync("GET", "/api/dataExport/exports")).Json["value"]!.AsArray();
        exports.Where(e => (string?)e!["destinations"]![0]!["id"] == "webhook").Select(e => (string?)e!["status"]).ShouldBe(Enumerable.Repeat("healthy", 5));
        var inUse = await curl.SendAsync("DELETE", "/api/dataExport/destinations/webhook");
        (inUse.Status, (string?)inUse.Json["error"]!["code"]).ShouldBe((409, "DestinationInUse"));
        var off = await curl.SendAsync("PATCH", "/api/dataExport/exports/telemetry", JsonNode.Parse("""{"enabled":false}"""));
        ((string?)off.Json["status"], (string?)off.Json["enrichments"]!["plant"]!["value"]).ShouldBe(("notStarted", "north"));
        foreach (var export in exports.Where(e => (string?)e!["destinations"]![0]!["id"] == "webhook"))
            (await curl.SendAsync("DELETE", $"/api/dataExport/exports/{export!["id"]}")).Status.ShouldBe(204);
        (await curl.SendAsync("DELETE", "/api/dataExport/destinations/webhook")).Status.ShouldBe(204);
    }

    private static async Task PutAsync(RoutingOperator curl, string path, JsonObject body)
    {
        var put = await curl.SendAsync("PUT", "/api/dataExport/" + path, body);
        put.Status.ShouldBe(200, put.Body);
    }

    private static async Task PatchAsync(RoutingOperator curl, string path, string body)
    {
        var patched = await curl.SendAsync("PATCH", path, JsonNode.Parse(body));
        patched.Status.ShouldBe(200, patched.Body);
    }

    private static async Task HealthAsync(RoutingOperator curl, string export, string destination, long delivered)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var answer = await curl.SendAsync("GET", $"/api/x/dataExport/exports/{export}/health");
            if ((long?)answer.Json["value"]!.AsArray().First(t => (string?)t!["destinationId"] == destination)!["health"]!["delivered"] == delivered)
                return;
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(90), answer.Body);
            await Task.Delay(200);
        }
    }

    /// <summary>What the receiver has taken, once it is as much.</summary>
    private async Task<List<JsonNode>> EventsAsync(Func<JsonNode, bool> which, int count)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var file = _folder.File("events.jsonl");
            var events = File.Exists(file) ? (await File.ReadAllLinesAsync(file)).Select(l => JsonNode.Parse(l)!).Where(e => which(e["event"]!)).ToList() : [];
            if (events.Count >= count)
                return events;
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(90), $"{events.Count} of {count} events came\n{Server.Printed}");
            await Task.Delay(100);
        }
    }
}
