using System.Diagnostics;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>
/// Routes from the Node SDK's device to receivers of others: Standard Webhooks' library and the CloudEvents SDK read webhooks. curl writes
/// the routes, as an administrator with an API token.
/// </summary>
public sealed class RoutingTests(ConsoleBrowser console) : IClassFixture<ConsoleBrowser>, IDisposable
{
    private const string Address = "127.0.0.1";
    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr";
    private readonly OpenSslPki _pki = new();
    private readonly TempFolder _folder = new();

    private ServerProcess Server => console.Server;

    public void Dispose()
    {
        _pki.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_webhook_gets_signed_CloudEvents_and_what_was_sent_while_it_was_away()
    {
        var (port, _) = await PlaceAsync();
        var routing = await RoutingOperator.SignInAsync(console);
        var device = await Server.Hub.CreateDeviceAsync(SharedServer.NewId("hook"));
        (await Server.Hub.SendAsync(HttpMethod.Patch, $"twins/{device.Id}", JsonNode.Parse("""{"tags":{"site":"A"}}"""))).Status.ShouldBe(200);
        var endpoint = await EndpointAsync(port, Secret);
        endpoint["enrichments"] = new JsonObject { ["site"] = "$twin.tags.site", ["hub"] = "$iothubname" };
        endpoint["headers"] = new JsonObject { ["Authorization"] = "Bearer of-the-receiver" };
        await routing.RouteAsync("hook", endpoint, $"$connectionDeviceId = '{device.Id}' AND $body.t >= 20 AND level = 'high'");

        var answers = await SendAsync(device, Json(19), Json(20), Json(21, "low"), Json(22));
        answers.ShouldBe(4);
        var away = await routing.UntilAsync("hook", h => (string?)h["status"] == "unhealthy", "nobody listens yet");
        ((string?)away["lastError"], (long)away["delivered"]!).ShouldBe(("It cannot be reached (ConnectionRefused)", 0));
        await using (await ReceiverAsync(port, Secret))
        {
            var events = await EventsAsync(2);
            events.Select(e => (int)e["event"]!["data"]!["body"]!["t"]!).ShouldBe([20, 22]);
            var first = events[0]["event"]!;
            ((string?)first["type"], (string?)first["subject"], (string?)first["source"], (string?)first["partitionkey"]).ShouldBe(("Microsoft.Devices.DeviceTelemetry", $"devices/{device.Id}", "/hubs/hub1", device.Id));
            first["data"]!["properties"].ShouldBeJson("""{"level":"high","site":"A","hub":"hub1"}""");
            ((string?)first["data"]!["systemProperties"]!["iothub-connection-device-id"], (string?)first["data"]!["systemProperties"]!["iothub-content-type"]).ShouldBe((device.Id, "application/json"));
            ((string?)events[0]["authorization"]).ShouldBe("Bearer of-the-receiver");
            (await SendAsync(device, Json(30))).ShouldBe(1);
            (await EventsAsync(3)).Count.ShouldBe(3);
        }
        var health = await routing.UntilAsync("hook", h => (long)h["delivered"]! == 3, "all are confirmed");
        ((string?)health["status"], (long)health["dead"]!, (long)health["dropped"]!).ShouldBe(("healthy", 0, 0));
        var shown = (await routing.SendAsync("GET", "/api/x/routingEndpoints/hook")).Body;
        shown.ShouldNotContain("whsec_");
        shown.ShouldNotContain("of-the-receiver");
        Server.Printed.ShouldNotContain("of-the-receiver");
        await TestsAsync(routing, device.Id);
    }

    [Fact]
    public async Task An_event_grid_receiver_gets_life_and_connection_of_devices_and_one_that_it_refuses_holds_up_nobody()
    {
        var (port, _) = await PlaceAsync();
        var routing = await RoutingOperator.SignInAsync(console);
        var endpoint = await EndpointAsync(port, null);
        endpoint["schema"] = "eventGrid";
        await using var receiver = await ReceiverAsync(port, null, refuse: Convert.ToBase64String("poison"u8));
        var id = SharedServer.NewId("grid");
        await routing.RouteAsync("grid", endpoint, $"$connectionDeviceId = '{id}'");
        foreach (var source in (string[])["DeviceLifecycleEvents", "DeviceConnectionStateEvents", "TwinChangeEvents"])
        {
            var put = await routing.SendAsync("PUT", $"/api/x/routes/grid-{source}", new JsonObject { ["source"] = source, ["condition"] = $"$connectionDeviceId = '{id}'", ["endpointNames"] = new JsonArray("grid") });
            put.Status.ShouldBe(200, put.Body);
        }
        var device = await Server.Hub.CreateDeviceAsync(id);
        (await Server.Hub.SendAsync(HttpMethod.Patch, $"twins/{id}", JsonNode.Parse("""{"tags":{"site":"B"}}"""))).Status.ShouldBe(200);
        (await SendAsync(device, new { send = new { body = "one" } }, new { send = new { body = "poison" } }, new { send = new { body = "three" } })).ShouldBe(3);
        var events = (await EventsAsync(4, e => (string?)e["eventType"] is "Microsoft.Devices.DeviceTelemetry" or "Microsoft.Devices.DeviceCreated" or "Homeport.Devices.TwinChanged")).Select(e => e["event"]!).ToList();
        var telemetry = events.Where(e => (string?)e["eventType"] == "Microsoft.Devices.DeviceTelemetry").Select(e => (string?)e["data"]!["body"]).Distinct().ToList();
        telemetry.ShouldBe([Convert.ToBase64String("one"u8), Convert.ToBase64String("three"u8)]);
        var created = events.First(e => (string?)e["eventType"] == "Microsoft.Devices.DeviceCreated")["data"]!;
        ((string?)created["deviceId"], (string?)created["hubName"], (string?)created["twin"]!["deviceId"]).ShouldBe((id, "hub1", id));
        ((string?)events.First(e => (string?)e["eventType"] == "Homeport.Devices.TwinChanged")["data"]!["body"]!["tags"]!["site"]).ShouldBe("B");
        await routing.UntilAsync("grid", h => (long)h["dead"]! == 1, "the poison is given up");
        var dead = (await routing.SendAsync("GET", "/api/x/routingEndpoints/grid/dead")).Json["value"]!.AsArray().ShouldHaveSingleItem()!;
        ((string?)dead["deviceId"], (string?)dead["reason"]).ShouldBe((id, "It answered with status 400"));
    }

    private static object Json(int t, string level = "high")
        => new { send = new { body = $$"""{"t":{{t}}}""", contentType = "application/json", contentEncoding = "utf-8", properties = new[] { new[] { "level", level } } } };

    /// <summary>What is wrong is said with its place, and a message is tried on the routes that there are.</summary>
    private static async Task TestsAsync(RoutingOperator routing, string device)
    {
        var wrong = await routing.SendAsync("PUT", "/api/x/routes/wrong", new JsonObject { ["source"] = "DeviceMessages", ["condition"] = "level = 'high' AN", ["endpointNames"] = new JsonArray("hook") });
        (wrong.Status, wrong.Json["error"]!["code"]!.GetValue<string>()).ShouldBe((400, "InvalidRoute"));
        wrong.Body.ShouldContain("position 16");
        var message = new JsonObject
        {
            ["message"] = new JsonObject
            {
                ["body"] = """{"t":25}""",
                ["appProperties"] = new JsonObject { ["level"] = "high" },
                ["systemProperties"] = new JsonObject { ["contentType"] = "application/json", ["contentEncoding"] = "utf-8", ["connectionDeviceId"] = device },
            },
            ["condition"] = "$body.t > 30",
        };
        var tried = await routing.SendAsync("POST", "/api/x/routes/test", message);
        tried.Json["routes"]!.AsArray().Select(r => (string?)r!["id"]).ShouldContain("hook", tried.Body);
        ((bool)tried.Json["matches"]!).ShouldBeFalse();
        var inUse = await routing.SendAsync("DELETE", "/api/x/routingEndpoints/hook");
        (inUse.Status, (string?)inUse.Json["error"]!["code"]).ShouldBe((409, "RoutingEndpointInUse"));
    }

    private async Task<(int Port, string File)> PlaceAsync()
    {
        await _pki.ServerAsync("receiver", Address);
        return (ServerSettings.FreePorts(1)[0], _folder.File("events.jsonl"));
    }

    private async Task<JsonObject> EndpointAsync(int port, string? secret)
    {
        var endpoint = new JsonObject { ["type"] = "webhook", ["url"] = $"https://{Address}:{port}/events", ["certificateAuthority"] = await _pki.ReadAsync("receiver.pem") };
        if (secret is not null)
            endpoint["secret"] = secret;
        return endpoint;
    }

    private async Task<RunningScenario> ReceiverAsync(int port, string? secret, string? refuse = null)
    {
        var running = new NodeClient(Server.Ready.CaFile).Start("webhook-receiver.mjs", new { port, cert = _pki.PathOf("receiver.pem"), key = _pki.PathOf("receiver.key"), secret, file = _folder.File("events.jsonl"), refuse });
        await running.WaitForEventAsync("listening");
        return running;
    }

    /// <summary>What the receiver has taken, once it is as much.</summary>
    private async Task<List<JsonNode>> EventsAsync(int count, Func<JsonNode, bool>? which = null)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var file = _folder.File("events.jsonl");
            var events = File.Exists(file) ? (await File.ReadAllLinesAsync(file)).Select(l => JsonNode.Parse(l)!).Where(e => which?.Invoke(e["event"]!) ?? true).ToList() : [];
            if (events.Count >= count)
                return events;
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(90), $"{events.Count} of {count} events came\n{Server.Printed}");
            await Task.Delay(50);
        }
    }

    /// <summary>The Node SDK's device sends; the number of messages that the hub acknowledged.</summary>
    private async Task<int> SendAsync(TestDevice device, params object[] actions)
    {
        var connectionString = $"HostName={Server.Ready.Hub.HostName};DeviceId={device.Id};SharedAccessKey={device.PrimaryKey}";
        var result = await new NodeClient(Server.Ready.CaFile).RunAsync("device.mjs", new { connectionString, actions });
        return result["results"]!.AsArray().Count(r => (bool)r!["ok"]!);
    }
}
