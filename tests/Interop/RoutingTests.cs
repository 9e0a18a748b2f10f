using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Homeport.Tests.Interop.Harness;
using Microsoft.Playwright;

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

    [Fact]
    public async Task A_queue_of_RabbitMQ_gets_what_was_sent_while_the_broker_was_away()
    {
        await _pki.ServerAsync("rabbit", Address);
        var ports = ServerSettings.FreePorts(2);
        var routing = await RoutingOperator.SignInAsync(console);
        var device = await Server.Hub.CreateDeviceAsync(SharedServer.NewId("queue"));
        var endpoint = new JsonObject
        {
            ["type"] = "amqp",
            ["url"] = $"amqps://{Address}:{ports[0]}",
            ["address"] = "/amq/queue/telemetry",
            ["userName"] = RabbitMq.UserName,
            ["secret"] = "a wrong one",
            ["certificateAuthority"] = await _pki.ReadAsync("rabbit.pem"),
        };
        await using (await RabbitMq.StartAsync(_folder.File("rabbit"), ports[0], ports[1], _pki, "rabbit"))
        {
            await QueueAsync(ports[0], 0);
            await routing.RouteAsync("queue", endpoint, $"$connectionDeviceId = '{device.Id}'");
            (await SendAsync(device, Json(0), new { send = new { body = "plain", messageId = "mine" } })).ShouldBe(2);
            ((string?)(await routing.UntilAsync("queue", h => (string?)h["status"] == "unhealthy", "the password is wrong"))["lastError"]).ShouldNotBeNull().ShouldContain("broker");
            endpoint["secret"] = RabbitMq.Password;
            (await routing.SendAsync("PUT", "/api/x/routingEndpoints/queue", endpoint)).Status.ShouldBe(200);
            var received = await QueueAsync(ports[0], 2);
            received.Select(m => (string?)m["body"]).ShouldBe(["""{"t":0}""", "plain"]);
            var first = received[0];
            ((string?)first["contentType"], (string?)first["properties"]!["level"], (string?)first["properties"]!["iothub-connection-device-id"], (string?)first["group"], (bool)first["durable"]!)
                .ShouldBe(("application/json", "high", device.Id, device.Id, true));
            ((string?)received[1]["id"]).ShouldBe("mine");
        }
        (await SendAsync(device, [.. Enumerable.Range(1, 40).Select(i => Json(i))])).ShouldBe(40);
        await routing.UntilAsync("queue", h => (string?)h["status"] == "unhealthy", "the broker is away");
        await using (await RabbitMq.StartAsync(_folder.File("rabbit"), ports[0], ports[1], _pki, "rabbit"))
        {
            // A broker that is stopped may forget that the first two were taken, and have them once more.
            (await QueueAsync(ports[0], 40, """{"t":40}""")).Select(m => (string)m["body"]!).Except(["""{"t":0}""", "plain"]).ShouldBe(Enumerable.Range(1, 40).Select(i => $$"""{"t":{{i}}}"""));
        }
    }

    [Fact]
    public async Task Mosquitto_gets_bodies_under_the_topics_of_their_devices()
    {
        await _pki.ServerAsync("mosquitto", Address);
        var port = ServerSettings.FreePorts(1)[0];
        await File.WriteAllTextAsync(_folder.File("mosquitto.conf"), $"listener {port} {Address}\ncertfile {_pki.PathOf("mosquitto.pem")}\nkeyfile {_pki.PathOf("mosquitto.key")}\nallow_anonymous true\nuser root\n");
        await using var broker = new RunningScenario("mosquitto", ExternalProgram.Start("mosquitto", ["-c", _folder.File("mosquitto.conf"), "-v"], null));
        await UntilListeningAsync(port);
        await using var reader = new RunningScenario("mosquitto_sub", ExternalProgram.Start("stdbuf",
            ["-oL", "mosquitto_sub", "-h", Address, "-p", $"{port}", "--cafile", _pki.PathOf("mosquitto.pem"), "-t", "site/#", "-q", "1", "-F", "%t %p", "-d"], null));
        await reader.WaitForLineAsync("Subscribed");
        var routing = await RoutingOperator.SignInAsync(console);
        var device = await Server.Hub.CreateDeviceAsync(SharedServer.NewId("topic"));
        var endpoint = new JsonObject { ["type"] = "mqtt", ["url"] = $"mqtts://{Address}:{port}", ["address"] = "site/{hub}/{deviceId}", ["certificateAuthority"] = await _pki.ReadAsync("mosquitto.pem") };
        await routing.RouteAsync("topic", endpoint, $"$connectionDeviceId = '{device.Id}'");
        (await SendAsync(device, Json(1), Json(2))).ShouldBe(2);
        await reader.WaitForLineAsync($$"""site/hub1/{{device.Id}} {"t":2}""");
        await routing.UntilAsync("topic", h => (long)h["delivered"]! == 2, "both are acknowledged");
    }

    [Fact]
    public async Task A_table_of_PostgreSQL_gets_a_row_for_each_message()
    {
        await _pki.ServerAsync("postgres", Address);
        var port = ServerSettings.FreePorts(1)[0];
        var routing = await RoutingOperator.SignInAsync(console);
        var device = await Server.Hub.CreateDeviceAsync(SharedServer.NewId("row"));
        var endpoint = new JsonObject
        {
            ["type"] = "postgres",
            ["url"] = $"postgres://{Address}:{port}/postgres",
            ["address"] = "telemetry",
            ["userName"] = Postgres.UserName,
            ["secret"] = Postgres.Password,
            ["certificateAuthority"] = await _pki.ReadAsync("postgres.pem"),
        };
        await routing.RouteAsync("table", endpoint, $"$connectionDeviceId = '{device.Id}'");
        (await SendAsync(device, Json(1), new { send = new { body = "plain" } }, new { send = new { body = """{"t":"\u0000"}""", contentType = "application/json", contentEncoding = "utf-8" } }, Json(4))).ShouldBe(4);
        await routing.UntilAsync("table", h => (string?)h["status"] == "unhealthy", "the database is not there yet");
        await using var database = await Postgres.StartAsync(_folder.File("postgres"), port, _pki, "postgres");
        await routing.UntilAsync("table", h => (long)h["delivered"]! == 3 && (long)h["dead"]! == 1, "three rows, and one value that jsonb cannot hold");
        (await database.QueryAsync("SELECT device_id, body->>'t', convert_from(raw_body, 'UTF8'), properties->>'level', system_properties->>'contentType' FROM telemetry ORDER BY \"offset\""))
            .ShouldBe($"{device.Id}|1||high|application/json\n{device.Id}||plain||\n{device.Id}|4||high|application/json");
        ((string?)(await routing.SendAsync("GET", "/api/x/routingEndpoints/table/dead")).Json["value"]![0]!["reason"]).ShouldNotBeNull().ShouldContain("22P05");
    }

    [Fact]
    public async Task Files_in_the_store_of_the_hub_have_a_line_for_each_message()
    {
        var routing = await RoutingOperator.SignInAsync(console);
        var device = await Server.Hub.CreateDeviceAsync(SharedServer.NewId("file"));
        var endpoint = new JsonObject { ["type"] = "files", ["fileNameFormat"] = "{iothub}/{YYYY}-{MM}-{DD}/{HH}/{mm}/{partition}.json", ["batchFrequencyInSeconds"] = 2 };
        await routing.RouteAsync("files", endpoint, $"$connectionDeviceId = '{device.Id}'");
        (await SendAsync(device, Json(1), new { send = new { body = "plain" } })).ShouldBe(2);
        await routing.UntilAsync("files", h => (long)h["delivered"]! == 2, "the file is written");
        var access = (await Server.Hub.SendAsync(HttpMethod.Get, "homeport/v1/files/access")).Json;
        var container = (string)access["containerUri"]!;
        var listed = await CurlAsync($"{container}{access["sasToken"]}&restype=container&comp=list&prefix={Uri.EscapeDataString("~routes/hub1/")}");
        var names = XDocument.Parse(listed).Descendants("Name").Select(n => n.Value).Where(n => n.EndsWith(".json", StringComparison.Ordinal)).ToList();
        names.ShouldAllBe(n => n.Split('/', StringSplitOptions.None).Length == 6 && DateOnly.ParseExact(n.Split('/', StringSplitOptions.None)[2], "yyyy-MM-dd", CultureInfo.InvariantCulture) > DateOnly.MinValue);
        var lines = new List<JsonNode>();
        foreach (var name in names)
            lines.AddRange((await CurlAsync($"{container}/{Uri.EscapeDataString(name)}{access["sasToken"]}")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!));
        lines.Count.ShouldBe(2, listed);
        ((int)lines[0]["Body"]!["t"]!, (string?)lines[1]["Body"]).ShouldBe((1, Convert.ToBase64String("plain"u8)));
        ((string?)lines[0]["Properties"]!["level"], (string?)lines[0]["SystemProperties"]!["connectionDeviceId"], (string?)lines[0]["SystemProperties"]!["contentType"]).ShouldBe(("high", device.Id, "application/json"));
    }

    [Fact]
    public async Task A_route_is_written_in_the_console_which_checks_its_condition_and_shows_how_deliveries_go()
    {
        var (port, _) = await PlaceAsync();
        await using var window = await console.SignedInAsync();
        await window.GoAsync("/console/routes", "Routes");
        await window.PictureAsync("routes-before");
        await window.ButtonAsync("New endpoint");
        await window.Page.Locator("#endpoint-id").FillAsync("by-hand");
        await window.Page.Locator("#endpoint-url").FillAsync($"https://{Address}:{port}/events");
        await window.CheckAsync("endpoint dialog");
        await window.PictureAsync("routes-endpoint");
        await InDialogAsync(window, "Save");
        await RowAsync(window, "Endpoints", "by-hand", "Not tried");

        await window.ButtonAsync("New route");
        await window.Page.Locator("#route-id").FillAsync("by-hand");
        await window.Page.Locator("#route-endpoint").SelectOptionAsync("by-hand");
        await window.Page.Locator("#route-condition").PressSequentiallyAsync("level = 'high");
        await window.Page.Locator("#route-check .bad-text").Filter(new LocatorFilterOptions { HasText = "position 9" }).WaitForAsync();
        await window.Page.Locator("#route-condition").PressSequentiallyAsync("'");
        await window.Page.Locator("#route-check").Filter(new LocatorFilterOptions { HasText = "can be used" }).WaitForAsync();
        await window.Page.GetByText("Try it with a message").ClickAsync();
        await window.Page.Locator("#try-properties").FillAsync("level=high");
        await InDialogAsync(window, "Try");
        await window.Page.Locator("#try-result").Filter(new LocatorFilterOptions { HasText = "Takes it" }).WaitForAsync();
        await window.CheckAsync("route dialog");
        await window.PictureAsync("routes-route");
        await InDialogAsync(window, "Save");
        await RowAsync(window, "Routes", "by-hand", "On");

        var device = await Server.Hub.CreateDeviceAsync(SharedServer.NewId("hand"));
        (await SendAsync(device, Json(1))).ShouldBe(1);
        await RowAsync(window, "Endpoints", "by-hand", "It cannot be reached");
        await window.CheckAsync("routes");
        await window.PictureAsync("routes");
        var routing = await RoutingOperator.SignInAsync(console);
        (await routing.SendAsync("DELETE", "/api/x/routes/by-hand")).Status.ShouldBe(204);
        (await routing.SendAsync("DELETE", "/api/x/routingEndpoints/by-hand")).Status.ShouldBe(204);
        window.Errors.ShouldBeEmpty();
    }

    /// <summary>Mosquitto keeps to itself what it prints as long as nobody sits before it.</summary>
    private static async Task UntilListeningAsync(int port)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            using var socket = new System.Net.Sockets.TcpClient();
            try
            {
                await socket.ConnectAsync(Address, port);
                return;
            }
            catch (System.Net.Sockets.SocketException) when (watch.Elapsed < TimeSpan.FromSeconds(60))
            {
                await Task.Delay(100);
            }
        }
    }

    private static Task InDialogAsync(ConsoleWindow window, string button)
        => window.Page.Locator("dialog").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = button, Exact = true }).ClickAsync();

    private static Task RowAsync(ConsoleWindow window, string section, string row, string text)
        => window.Page.Locator($"section[aria-label={section}] tr").Filter(new LocatorFilterOptions { HasText = row }).Filter(new LocatorFilterOptions { HasText = text }).First.WaitForAsync();

    private async Task<List<JsonNode>> QueueAsync(int port, int count, string? last = null) => [.. (await new NodeClient(Server.Ready.CaFile).RunAsync("queue-receiver.mjs",
        new { host = Address, port, ca = _pki.PathOf("rabbit.pem"), userName = RabbitMq.UserName, password = RabbitMq.Password, address = "/queue/telemetry", count, last }, TimeSpan.FromSeconds(150)))
        .AsArray().Select(m => m!)];

    private async Task<string> CurlAsync(string address)
    {
        var result = await ExternalProgram.RunAsync("curl", ["-sS", "--fail-with-body", "--cacert", Server.Ready.CaFile, address]);
        result.ExitCode.ShouldBe(0, result.ToString());
        return result.Output;
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
