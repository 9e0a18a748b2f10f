using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>What a client without clean session finds again: after renewal of its token, after another client, after kill -9.</summary>
[Collection(SharedServerTests.Name)]
public sealed class SessionTests(SharedServer shared)
{
    private const string Listen = "$iothub/methods/POST/#";
    private const string Desired = "$iothub/twin/PATCH/properties/desired/#";

    /// <summary>The SDK subscribes once; when it renews its token it connects again and expects its filters to be there.</summary>
    [Theory]
    [InlineData("mqtt")]
    [InlineData("mqttws")]
    public async Task After_the_renewal_of_its_token_a_device_still_hears_methods_and_patches(string transport)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("renew"));
        object[] of = [device.Id];
        var results = await shared.TalkAsync(
            new { d = new { connectionString = shared.ConnectionString(device), renewal = new { valid = 6, margin = 3 } } },
            [
                new { d = "d", @do = "open" },
                new { d = "d", @do = "watch" },
                new { d = "d", methods = new { echo = new { echo = true } } },
                new { invoke = of, method = new { methodName = "echo", payload = 1 } },
                new { d = "d", renewals = 3 },
                // The first call may meet the connection that ends with the old token.
                new { invoke = of, method = new { methodName = "echo", payload = 2, connectTimeoutInSeconds = 5, responseTimeoutInSeconds = 5 }, again = true },
                new { twin = "update", of, args = new[] { new { properties = new { desired = new { a = 1 } } } } },
                new { d = "d", changes = 1 },
                new { d = "d", report = new { r = 1 } },
                new { d = "d", @do = "twin" },
            ],
            transport);
        results.AllSucceeded();
        ((int?)results[5].Success["payload"]).ShouldBe(2);
        ((int)results[4].Success).ShouldBeGreaterThanOrEqualTo(3);
        results[7].Success.ShouldBeJson("""[{"a":1,"$version":2}]""");
        results[9].Success["reported"].ShouldBeJson("""{"r":1,"$version":2}""");
    }

    [Fact]
    public async Task Paho_finds_its_session_again_and_a_clean_one_ends_it()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("paho"));
        var first = await shared.PahoAsync(device, new(StringComparer.Ordinal) { ["subscribe"] = new object[][] { [Desired, 0], [Listen, 0] } });
        ((bool?)(first["sessionPresent"]?.ToString() is "1" or "true")).ShouldBe(false);
        await using (var second = await shared.StartPahoAsync(device, new(StringComparer.Ordinal) { ["count"] = 1 }))
        {
            await PatchAsync(shared.Server, device.Id, 1);
            var result = await second.ResultAsync(TimeSpan.FromSeconds(30));
            (result["sessionPresent"]!.ToString() is "1" or "true").ShouldBeTrue();
            ((string?)result["messages"]!.AsArray().ShouldHaveSingleItem()!["topic"]).ShouldBe("$iothub/twin/PATCH/properties/desired/?$version=2");
        }
        await using (var clean = await shared.StartPahoAsync(device, new(StringComparer.Ordinal) { ["clean"] = true, ["linger"] = 1 }))
        {
            await PatchAsync(shared.Server, device.Id, 2);
            var result = await clean.ResultAsync(TimeSpan.FromSeconds(30));
            (result["sessionPresent"]!.ToString() is "1" or "true").ShouldBeFalse();
            result["messages"]!.AsArray().ShouldBeEmpty();
        }
        var last = await shared.PahoAsync(device, new(StringComparer.Ordinal));
        (last["sessionPresent"]!.ToString() is "1" or "true").ShouldBeFalse();
    }

    /// <summary>A device of the SDK with its own retry policy and its own port lives through a restart of the server.</summary>
    [Fact]
    public async Task An_SDK_device_lives_through_kill_9_of_the_server_without_subscribing_again()
    {
        using var folder = new TempFolder();
        var settings = new ServerSettings(folder.Path).WithFreePorts();
        var server = await ServerProcess.StartAsync(settings);
        try
        {
            var device = await server.Hub.CreateDeviceAsync("dev1");
            var connectionString = $"HostName={server.Ready.Hub.HostName}:{server.Ready.Ports.Mqtt};DeviceId=dev1;SharedAccessKey={device.PrimaryKey}";
            object[] steps =
            [
                new { d = "d", @do = "open" },
                new { d = "d", @do = "watch" },
                new { d = "d", methods = new { echo = new { echo = true } } },
                new { @event = "ready" },
                new { d = "d", changes = 1, timeout = 60000 },
                new { d = "d", calls = 1 },
            ];
            await using var talking = new NodeClient(server.Ready.CaFile).Start("conversation.mjs", new { devices = new { d = new { connectionString, retry = true } }, steps });
            await talking.WaitForEventAsync("ready");
            await server.KillAsync();
            await server.DisposeAsync();
            server = await ServerProcess.StartAsync(settings);
            for (var i = 0; i < 400 && (string?)(await server.Hub.SendAsync(HttpMethod.Get, "twins/dev1")).Json["connectionState"] != "Connected"; i++)
                await Task.Delay(50);
            var answer = await server.Hub.SendAsync(HttpMethod.Post, "twins/dev1/methods", new JsonObject { ["methodName"] = "echo", ["payload"] = 5, ["connectTimeoutInSeconds"] = 20 });
            answer.Status.ShouldBe(200, answer.Body);
            await PatchAsync(server, "dev1", 1);
            var results = Conversation.Read(await talking.ResultAsync(TimeSpan.FromSeconds(90)));
            results.AllSucceeded();
            results[4].Success.ShouldBeJson("""[{"n":1,"$version":2}]""");
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_subscription_that_was_acknowledged_survives_kill_9()
    {
        using var folder = new TempFolder();
        var settings = new ServerSettings(folder.Path).WithFreePorts();
        List<TestDevice> devices = [];
        for (var round = 0; round < 3; round++)
        {
            await using var server = await ServerProcess.StartAsync(settings);
            foreach (var old in devices)
            {
                var (wire, present) = await MqttWire.ConnectAsync(server, old);
                await using var connection = wire;
                present.ShouldBeTrue($"{old.Id} in round {round}");
                await PatchAsync(server, old.Id, round);
                Topic((await wire.ReadAsync()).ShouldNotBeNull()).ShouldStartWith("$iothub/twin/PATCH/properties/desired/?$version=");
            }
            for (var i = 0; i < 10; i++)
                devices.Add(await server.Hub.CreateDeviceAsync($"dev-{round}-{i}"));
            await Task.WhenAll(devices.TakeLast(10).Select(async device =>
            {
                var (wire, _) = await MqttWire.ConnectAsync(server, device);
                await wire.SendAsync(MqttWire.Subscribe(1, (Desired, 0), (Listen, 0)));
                (await wire.ReadAsync()).ShouldNotBeNull().Content.ShouldBe([0, 1, 0, 0]);
            }));
            await server.KillAsync();
        }
    }

    /// <summary>Reports answered with 204, writes answered with 200 and patches that a device saw are all stored, whenever the server dies.</summary>
    [Fact]
    public async Task Nothing_that_was_acknowledged_or_pushed_of_a_twin_is_lost_by_kill_9()
    {
        using var folder = new TempFolder();
        var settings = new ServerSettings(folder.Path).WithFreePorts();
        List<TwinWriter> writers = [];
        for (var round = 0; round < 3; round++)
        {
            await using var server = await ServerProcess.StartAsync(settings);
            for (var i = writers.Count; i < 4; i++)
                writers.Add(new TwinWriter(await server.Hub.CreateDeviceAsync($"twin-{i}")));
            foreach (var writer in writers)
                await writer.CompareAsync(server);
            using var stop = new CancellationTokenSource();
            var running = writers.Select(w => w.RunAsync(server, stop.Token)).ToList();
            var target = (round + 1) * 150;
            for (var i = 0; i < 600 && writers.Any(w => w.Answered < target || w.Written < target / 10) && !running.Any(r => r.IsFaulted); i++)
                await Task.Delay(50);
            foreach (var broken in running.Where(r => r.IsFaulted))
                await broken;
            string.Join(", ", writers.Where(w => w.Answered < target || w.Written < target / 10).Select(w => $"{w.Answered} reports and {w.Written} writes of {target} in round {round}")).ShouldBe("");
            await server.KillAsync();
            await stop.CancelAsync();
            await Task.WhenAll(running);
        }
        await using var last = await ServerProcess.StartAsync(settings);
        foreach (var writer in writers)
            await writer.CompareAsync(last);
    }

    private static string Topic(MqttPacket packet)
    {
        (packet.Header & 0xF0).ShouldBe(0x30);
        var length = (packet.Content[0] << 8) | packet.Content[1];
        return Encoding.UTF8.GetString(packet.Content, 2, length);
    }

    private static async Task PatchAsync(ServerProcess server, string id, int number) =>
        (await server.Hub.SendAsync(HttpMethod.Patch, $"twins/{id}", Change(number))).Status.ShouldBe(200);

    private static JsonObject Change(int number) => new() { ["properties"] = new JsonObject { ["desired"] = new JsonObject { ["n"] = number } } };

    /// <summary>A device that reports numbers with many under way, while a service writes numbers for it.</summary>
    private sealed class TwinWriter(TestDevice device)
    {
        private const int Window = 20;
        private readonly ConcurrentDictionary<string, int> _underWay = new(StringComparer.Ordinal);
        private int _sent;
        private int _wanted;
        private int _answered;
        private int _written;
        private long _seen = 1;
        private long _reportedVersion = 1;
        private long? _shift;

        public int Answered => Volatile.Read(ref _answered);

        public int Written => Volatile.Read(ref _written);

        public async Task RunAsync(ServerProcess server, CancellationToken stop)
        {
            var (wire, _) = await MqttWire.ConnectAsync(server, device);
            await using var connection = wire;
            await wire.SendAsync(MqttWire.Subscribe(1, ("$iothub/twin/res/#", 0), (Desired, 0)));
            using var window = new SemaphoreSlim(Window);
            using var closed = CancellationTokenSource.CreateLinkedTokenSource(stop);
            _underWay.Clear();
            _shift = null;
            await Task.WhenAll(ReadAsync(wire, window, closed), SendAsync(wire, window, closed.Token), WriteAsync(server, closed.Token));
        }

        public async Task CompareAsync(ServerProcess server)
        {
            var twin = (await server.Hub.SendAsync(HttpMethod.Get, $"twins/{device.Id}")).Json["properties"]!;
            ((int?)twin["reported"]!["n"] ?? 0).ShouldBeInRange(Answered, Volatile.Read(ref _sent), "reports that were answered with 204 are stored");
            ((long)twin["reported"]!["$version"]!).ShouldBeGreaterThanOrEqualTo(_reportedVersion);
            ((int?)twin["desired"]!["n"] ?? 0).ShouldBeInRange(Written, Volatile.Read(ref _wanted), "writes that were answered with 200 are stored");
            ((long)twin["desired"]!["$version"]!).ShouldBeGreaterThanOrEqualTo(_seen, "what a device was told is stored");
            twin["reported"]!["$metadata"]!["$lastUpdated"].ShouldNotBeNull();
        }

        private async Task SendAsync(MqttWire wire, SemaphoreSlim window, CancellationToken stop)
        {
            try
            {
                while (true)
                {
                    await window.WaitAsync(stop);
                    var number = Interlocked.Increment(ref _sent);
                    _underWay[$"{number}"] = number;
                    await wire.SendAsync(MqttWire.Publish($"$iothub/twin/PATCH/properties/reported/?$rid={number}", Encoding.ASCII.GetBytes($"{{\"n\":{number}}}"), 0));
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
            {
                // The server is gone, as it should be.
            }
        }

        private async Task WriteAsync(ServerProcess server, CancellationToken stop)
        {
            try
            {
                while (!stop.IsCancellationRequested)
                {
                    var number = Interlocked.Increment(ref _wanted);
                    var answer = await server.Hub.SendAsync(HttpMethod.Patch, $"twins/{device.Id}", Change(number));
                    answer.Status.ShouldBe(200, answer.Body);
                    Volatile.Write(ref _written, number);
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
            {
                // The server is gone, as it should be.
            }
        }

        private async Task ReadAsync(MqttWire wire, SemaphoreSlim window, CancellationTokenSource closed)
        {
            try
            {
                while (await wire.ReadAsync(TimeSpan.FromSeconds(30)) is { } packet)
                {
                    if (packet.Header == MqttPacket.SubAck)
                        continue;
                    var topic = Topic(packet);
                    var version = long.Parse(topic.Split("$version=")[1], System.Globalization.CultureInfo.InvariantCulture);
                    if (topic.StartsWith("$iothub/twin/PATCH/", StringComparison.Ordinal))
                    {
                        version.ShouldBeGreaterThan(_seen, "patches come in the order of their versions");
                        _seen = version;
                        continue;
                    }
                    topic.ShouldStartWith("$iothub/twin/res/204/?$rid=");
                    _underWay.TryRemove(topic.Split("$rid=")[1].Split('&')[0], out var number).ShouldBeTrue(topic);
                    _shift ??= version - number;
                    version.ShouldBe(number + _shift.Value, "reports are made in the order of their packets, whatever the order of the answers");
                    _reportedVersion = Math.Max(version, _reportedVersion);
                    Volatile.Write(ref _answered, Math.Max(Answered, number));
                    window.Release();
                }
            }
            finally
            {
                await closed.CancelAsync();
            }
        }
    }
}
