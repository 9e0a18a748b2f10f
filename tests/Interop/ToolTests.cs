using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The command line tool, run as an operator does, against a real server.</summary>
public sealed class ToolTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private ServerProcess _server = null!;

    public async ValueTask InitializeAsync() => _server = await ServerProcess.StartAsync(new ServerSettings(_folder.Path, Https: 443, Mqtt: 8883));

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Messages_are_read_back_by_partition_and_offset()
    {
        var device = await _server.Hub.CreateDeviceAsync("teller");
        var (wire, _) = await MqttWire.ConnectAsync(_server, device);
        for (var i = 1; i <= 3; i++)
            await wire.PublishAndWaitAsync("teller", $"number {i}", i);
        await wire.DisposeAsync();

        var all = await RunAsync(["messages"]);
        for (var i = 1; i <= 3; i++)
            all.Output.ShouldContain($"number {i}");
        var partition = all.Output.Split(':')[0];
        var rest = await RunAsync("messages", "--partition", partition, "--from", "2", "--json");
        rest.Output.Trim().Split('\n').ShouldHaveSingleItem().ShouldContain("\"offset\":2");
        (await RunAsync("messages", "--from", "latest")).Output.Trim().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_refusal_is_explained_by_its_tracking_id()
    {
        var refused = await _server.Hub.SendAsync(HttpMethod.Get, "devices/nobody");
        var trackingId = ((string)refused.Json["ExceptionMessage"]!).Split("Tracking ID:")[1].Split('-')[0];
        var explained = await RunAsync("explain", trackingId);
        explained.Output.ShouldContain("DeviceNotFound");
        explained.Output.ShouldContain("'nobody'");
        (await RunAsync(["explain", "no-such-id"], 1)).Error.ShouldContain("There is no explanation");
    }

    [Fact]
    public async Task A_device_is_created_listed_disabled_enabled_and_deleted()
    {
        var created = await RunAsync("device", "create", "d1");
        created.Output.ShouldContain("d1");
        created.ToString().ShouldNotContain("SharedAccessKey=");
        (await RunAsync(["device", "create", "d1"], 1)).Error.ShouldContain("DeviceAlreadyExists");
        (await RunAsync("device", "list")).Output.Split('\n').Single(l => l.StartsWith("d1 ", StringComparison.Ordinal)).ShouldContain("enabled");

        (await RunAsync("device", "disable", "d1", "--reason", "repair")).Output.ShouldContain("disabled (repair)");
        (await RunAsync(["device", "enable", "d1"])).Output.ShouldContain("enabled");
        (await RunAsync(["device", "delete", "d1", "--if-match", "MTIzNDU="], 1)).Error.ShouldContain("PreconditionFailed");
        await RunAsync("device", "delete", "d1");
        (await RunAsync(["device", "show", "d1"], 1)).Error.ShouldContain("DeviceNotFound");
    }

    [Fact]
    public async Task Keys_are_shown_only_when_asked_for_and_open_the_door()
    {
        var file = _folder.File("connection-string");
        var created = await RunAsync("device", "create", "keyed", "--save", file, "--json");
        var text = (await File.ReadAllTextAsync(file)).Trim();
        created.ToString().ShouldNotContain(text.Split("SharedAccessKey=")[1]);
        if (!OperatingSystem.IsWindows())
            File.GetUnixFileMode(file).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        foreach (var form in (string[][])[[], ["--json"]])
        {
            (await RunAsync(["device", "show", "keyed", .. form], 0)).Output.ShouldNotContain("Key=");
            (await RunAsync(["device", "show", "keyed", "--show-keys", .. form], 0)).Output.ShouldContain(text.Split(';')[0]);
        }
        (await RunAsync("device", "list", "--json")).Output.ShouldNotContain(text.Split("SharedAccessKey=")[1]);
        (await RunAsync("device", "show", "keyed", "--show-keys")).Output.ShouldContain(text);
        // The file is there: nothing is overwritten and no device without known keys is made.
        (await RunAsync(["device", "create", "other", "--save", file], 2)).Error.ShouldContain("cannot be made");
        (await RunAsync(["device", "show", "other"], 1)).Error.ShouldContain("DeviceNotFound");

        var device = new TestDevice("keyed", text.Split("SharedAccessKey=")[1], "");
        var (wire, _) = await MqttWire.ConnectAsync(_server, device);
        await wire.DisposeAsync();
    }

    [Fact]
    public async Task Modules_are_created_listed_and_deleted()
    {
        await RunAsync("device", "create", "host");
        (await RunAsync("module", "create", "host/camera", "--show-keys")).Output.ShouldContain("ModuleId=camera;SharedAccessKey=");
        (await RunAsync("module", "list", "host")).Output.ShouldContain("host/camera");
        await RunAsync("module", "delete", "host/camera");
        JsonNode.Parse((await RunAsync("module", "list", "host", "--json")).Output)!.AsArray().ShouldBeEmpty();
        (await RunAsync(["module", "create", "host"], 2)).Error.ShouldContain("host/module");
    }

    [Fact]
    public async Task Desired_properties_and_tags_reach_the_twin_and_a_condition_holds()
    {
        await RunAsync("device", "create", "fan");
        await RunAsync("twin", "set", "fan", "fan.speed=3", "name=north side");
        await RunAsync("twin", "tag", "fan", """{"site":"A"}""");
        var twin = JsonNode.Parse((await RunAsync("twin", "show", "fan", "--json")).Output)!;
        ((int)twin["properties"]!["desired"]!["fan"]!["speed"]!).ShouldBe(3);
        ((string)twin["properties"]!["desired"]!["name"]!).ShouldBe("north side");
        ((string)twin["tags"]!["site"]!).ShouldBe("A");

        await RunAsync("twin", "set", "fan", "fan.speed=4", "--if-match", (string)twin["etag"]!);
        (await RunAsync(["twin", "set", "fan", "fan.speed=5", "--if-match", (string)twin["etag"]!], 1)).Error.ShouldContain("PreconditionFailed");
        await RunAsync("twin", "set", "fan", "name=null");
        var shown = (await RunAsync("twin", "show", "fan")).Output;
        shown.ShouldContain("\"speed\": 4");
        shown.ShouldNotContain("north side");

        await RunAsync("twin", "replace", "fan", """{"tags":{},"properties":{"desired":{"mode":"auto"}}}""");
        var replaced = (await RunAsync("twin", "show", "fan")).Output;
        replaced.ShouldContain("auto");
        replaced.ShouldNotContain("speed");
        (await RunAsync(["twin", "set", "fan", "speed"], 2)).Error.ShouldContain("path=value");
    }

    [Fact]
    public async Task A_device_answers_methods_gets_messages_and_is_watched()
    {
        await RunAsync("device", "create", "worker");
        await RunAsync("twin", "set", "worker", "mode=day");
        await using var device = await StartDeviceAsync("worker",
            new { onMethod = "reboot", status = 200 },
            new { onMethod = "fail", status = 500 },
            new { twin = true },
            new { report = new { @event = "ready" } },
            new { receive = (string[])["complete"] },
            new { send = new { body = """{"degrees":21.5}""", contentType = "application/json", properties = (string[][])[["room", "four"]] } });
        await device.WaitForEventAsync("ready");
        var watching = RunAsync("monitor", "worker", "--count", "1");
        var other = await _server.Hub.CreateDeviceAsync("other");

        var called = await EventuallyAsync(() => RunAnyAsync("method", "worker", "reboot", """{"in":5}""", "--timeout", "10"), r => r.ExitCode == 0);
        called.Output.ShouldStartWith("status 200");
        called.Output.ShouldContain("\"in\": 5");
        (await RunAsync(["method", "worker", "fail"], 1)).Output.ShouldContain("status 500");
        (await RunAsync(["method", "other", "reboot"], 1)).Error.ShouldContain("DeviceNotOnline");
        (await RunAsync(["method", "worker", "reboot", "no json"], 2)).Error.ShouldContain("no JSON");

        var diagnosis = (await RunAsync("diagnose", "worker")).Output;
        diagnosis.ShouldContain("Nothing is wrong");
        diagnosis.ShouldContain("connected since");
        diagnosis.ShouldContain("$iothub/methods/POST/#");

        var (wire, _) = await MqttWire.ConnectAsync(_server, other);
        await wire.PublishAndWaitAsync("other", "not asked for", 1);
        await wire.DisposeAsync();
        await RunAsync("queue", "send", "worker", "turn left", "--property", "speed=slow", "--ack", "full", "--message-id", "m1");
        var result = await device.ResultAsync(TimeSpan.FromSeconds(30));
        ((string?)result["results"]![2]!["desired"]!["mode"]).ShouldBe("day");
        var received = result["results"]!.AsArray().Single(r => r!["received"] is not null)!["received"]![0]!;
        ((string)received["body"]!).ShouldBe("turn left");
        received["properties"]!.ToJsonString().ShouldContain("""["speed","slow"]""");

        var watched = (await watching).Output;
        watched.ShouldContain("\"degrees\": 21.5");
        watched.ShouldContain("room=four");
        watched.ShouldNotContain("not asked for");
        var feedback = await EventuallyAsync(() => RunAnyAsync("queue", "feedback", "worker"), r => r.Output.Contains("m1", StringComparison.Ordinal));
        feedback.Output.ShouldContain("Success");
        (await RunAsync("queue", "feedback", "--take")).Output.ShouldContain("m1");
        (await RunAsync("queue", "feedback")).Output.ShouldNotContain("m1");
    }

    [Fact]
    public async Task Messages_wait_in_the_queue_and_are_purged()
    {
        await RunAsync("device", "create", "away");
        await RunAsync("queue", "send", "away", "one", "--ttl", "600", "--property", "n=1");
        await RunAsync("queue", "send", "away", "two");
        var waiting = (await RunAsync("queue", "show", "away")).Output.Trim().Split('\n');
        waiting.Length.ShouldBe(3);
        waiting[1].ShouldContain("n=1");
        JsonNode.Parse((await RunAsync("queue", "show", "away", "--json")).Output)!.AsArray().Count.ShouldBe(2);
        (await RunAsync("queue", "purge", "away")).Output.ShouldContain("Took 2 messages");
        (await RunAsync(["queue", "send", "away", "x", "--property", "grüße=1"], 2)).Error.ShouldContain("printable ASCII");
    }

    [Fact]
    public async Task A_refused_device_is_explained_and_diagnosed_by_its_id()
    {
        var device = await _server.Hub.CreateDeviceAsync("Locked");
        (await RunAsync("diagnose", "Locked")).Output.ShouldContain("It never arrived here");
        var refused = await new NodeClient(_server.Ready.CaFile).RunAsync("device.mjs", new { token = SasToken.ForDevice(Host, "Locked", SasToken.NewKey()), transport = "http", actions = (object[])[new { send = new { body = "x" } }] });
        refused["results"]![0]!["ok"]!.GetValue<bool>().ShouldBeFalse(refused.ToJsonString());

        var explained = (await RunAsync("explain", "--device", "Locked")).Output;
        explained.ShouldContain("IotHubUnauthorized");
        explained.ShouldContain("neither of its keys");
        (await RunAsync("diagnose", "Locked")).Output.ShouldContain("It was refused after its last activity");
        var json = JsonNode.Parse((await RunAsync("diagnose", "Locked", "--json")).Output)!;
        ((string)json["refusals"]![0]!["door"]!).ShouldBe("https");
        json.ToJsonString().ShouldNotContain(device.PrimaryKey);

        await RunAsync("device", "disable", "Locked", "--reason", "stolen");
        (await RunAsync("diagnose", "Locked")).Output.ShouldContain("The device is disabled (stolen)");
        (await RunAsync(["diagnose", "locked"])).Output.ShouldContain("Use the id as it is registered: 'Locked'");
        (await RunAsync(["explain"], 2)).Error.ShouldContain("Give a tracking id");
    }

    [Fact]
    public async Task A_query_reads_all_its_pages()
    {
        await Task.WhenAll(Enumerable.Range(0, 3).Select(i => _server.Hub.CreateDeviceAsync($"q{i}")));
        await RunAsync("twin", "tag", "q1", "site=A");
        (await RunAsync("query", "SELECT * FROM devices WHERE tags.site = 'A'")).Output.Trim().Split('\n').Last().ShouldStartWith("q1");
        (await RunAsync("query", "SELECT * FROM devices", "--json")).Output.Trim().Split('\n').Length.ShouldBe(3);
        (await RunAsync("query", "SELECT * FROM devices", "--top", "2", "--json")).Output.Trim().Split('\n').Length.ShouldBe(2);
        (await RunAsync(["query", "SELECT nonsense"], 1)).Error.ShouldContain("400");
    }

    [Theory]
    [InlineData("devise")]
    [InlineData("device")]
    [InlineData("device", "show")]
    [InlineData("device", "show", "no good id")]
    [InlineData("twin", "set", "d1", "a=1", "a=2")]
    public async Task A_command_that_is_not_understood_ends_with_2(params string[] arguments) => await RunAsync(arguments, 2);

    private string Host => _server.Ready.Hub.HostName;

    private async Task<RunningScenario> StartDeviceAsync(string id, params object[] actions)
    {
        var shown = JsonNode.Parse((await RunAsync("device", "show", id, "--show-keys", "--json")).Output)!;
        return new NodeClient(_server.Ready.CaFile).Start("device.mjs", new { connectionString = (string)shown["connectionString"]!, actions });
    }

    private static async Task<ProgramResult> EventuallyAsync(Func<Task<ProgramResult>> run, Func<ProgramResult, bool> isThere)
    {
        for (var tries = 1; ; tries++)
        {
            var result = await run();
            if (isThere(result))
                return result;
            tries.ShouldBeLessThan(50, result.ToString());
            await Task.Delay(300);
        }
    }

    private Task<ProgramResult> RunAsync(params string[] arguments) => RunAsync(arguments, 0);

    private async Task<ProgramResult> RunAsync(string[] arguments, int expected)
    {
        var result = await RunAnyAsync(arguments);
        result.ExitCode.ShouldBe(expected, result.ToString());
        return result;
    }

    private Task<ProgramResult> RunAnyAsync(params string[] arguments)
        => ExternalProgram.RunAsync("dotnet", [ServerProcess.Tool, .. arguments, "--ready-file", _server.ReadyPath], TimeSpan.FromSeconds(60));
}
