using System.Diagnostics;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Two hundred devices beside some that do all they can to disturb them: everybody's messages are acknowledged promptly.</summary>
public sealed class NeighbourhoodTests(NeighbourServer shared) : IClassFixture<NeighbourServer>
{
    private const int Neighbours = 200;
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan Promptly = TimeSpan.FromSeconds(5);

    private ServerProcess Server => shared.Server;

    [Fact]
    public async Task Floods_of_twins_and_methods_and_clients_that_stall_slow_nobody_else()
    {
        var devices = await CreateAsync("neighbour", Neighbours);
        var wires = new MqttWire[Neighbours];
        await Parallel.ForAsync(0, Neighbours, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) => wires[i] = (await MqttWire.ConnectAsync(Server, devices[i])).Wire);
        using var stop = new CancellationTokenSource();
        var attacks = await AttackAsync(stop.Token);
        var worst = await Task.WhenAll(devices.Select((device, i) => LiveAsync(wires[i], device.Id)));
        await stop.CancelAsync();
        await Task.WhenAll(attacks).WaitAsync(TimeSpan.FromSeconds(40));
        worst.Max().ShouldBeLessThan(Promptly, "the slowest acknowledgement");
        foreach (var wire in wires)
            wire.Abort();
    }

    /// <summary>Sends four messages a second; gives the longest time to an acknowledgement.</summary>
    private static async Task<TimeSpan> LiveAsync(MqttWire wire, string id)
    {
        var (worst, start) = (TimeSpan.Zero, Stopwatch.StartNew());
        for (var number = 1; start.Elapsed < Duration; number++)
        {
            var watch = Stopwatch.StartNew();
            await wire.PublishAndWaitAsync(id, "well", number);
            worst = watch.Elapsed > worst ? watch.Elapsed : worst;
            await Task.Delay(250, TestContext.Current.CancellationToken);
        }
        return worst;
    }

    private async Task<List<Task>> AttackAsync(CancellationToken stop)
    {
        var bad = await CreateAsync("attacker", 6);
        var reported = Repeat(MqttWire.Publish("$iothub/twin/PATCH/properties/reported/?$rid=1", """{"a":1}"""u8, qos: 0), 100);
        var gets = Repeat(MqttWire.Publish("$iothub/twin/GET/?$rid=1", [], qos: 0), 100);
        var subscribe = Repeat(MqttWire.Subscribe(1, [.. Enumerable.Range(0, 100).Select(i => (i % 2 == 0 ? "#" : $"+/{i}/#", (byte)1))]), 20);
        return
        [
            FloodAsync(bad[0], reported, reads: true, stop),
            FloodAsync(bad[1], gets, reads: false, stop),
            FloodAsync(bad[2], subscribe, reads: true, stop),
            DeafAsync(bad[3], stop),
            MethodsAsync(bad[4], stop),
            DripAsync(bad[5], stop),
        ];
    }

    /// <summary>Sends the same bytes as fast as it may, and comes back when it is thrown out.</summary>
    private async Task FloodAsync(TestDevice device, byte[] bytes, bool reads, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var (wire, _) = await MqttWire.ConnectAsync(Server, device);
                var reading = reads ? wire.Stream.CopyToAsync(Stream.Null, stop) : Task.CompletedTask;
                try
                {
                    while (!stop.IsCancellationRequested)
                        await wire.Stream.WriteAsync(bytes, stop);
                }
                finally
                {
                    wire.Abort();
                    await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException or ShouldAssertException or ObjectDisposedException)
            {
                // Closed, or not let in so soon: what a flood earns.
                await Task.Delay(100, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Wants to hear of every change and reads nothing, while a service changes its twin and sends it messages.</summary>
    private async Task DeafAsync(TestDevice device, CancellationToken stop)
    {
        var (wire, _) = await MqttWire.ConnectAsync(Server, device);
        await wire.SendAsync(MqttWire.Subscribe(1, ("$iothub/twin/PATCH/properties/desired/#", 0), ($"devices/{device.Id}/messages/devicebound/#", 1)));
        var text = new string('x', 4000);
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            var desired = new JsonObject { ["n"] = i, ["a"] = text, ["b"] = text, ["c"] = text };
            (await Server.Hub.SendAsync(HttpMethod.Patch, $"twins/{device.Id}", new JsonObject { ["properties"] = new JsonObject { ["desired"] = desired } })).Status.ShouldBe(200);
            (await Server.Hub.SendAsync(HttpMethod.Post, $"devices/{device.Id}/messages/devicebound", JsonValue.Create(text))).Status.ShouldBeOneOf(204, 403);
        }
        wire.Abort();
    }

    /// <summary>Takes calls and never answers them.</summary>
    private async Task MethodsAsync(TestDevice device, CancellationToken stop)
    {
        var (wire, _) = await MqttWire.ConnectAsync(Server, device);
        await wire.SendAsync(MqttWire.Subscribe(1, ("$iothub/methods/POST/#", 0)));
        var call = new JsonObject { ["methodName"] = "never", ["payload"] = new string('x', 100_000), ["responseTimeoutInSeconds"] = 5 };
        await Task.WhenAll(Enumerable.Range(0, 160).Select(async _ =>
        {
            while (!stop.IsCancellationRequested)
                (await Server.Hub.SendAsync(HttpMethod.Post, $"twins/{device.Id}/methods", call.DeepClone())).Status.ShouldBeOneOf(403, 404, 429, 504);
        }));
        wire.Abort();
    }

    /// <summary>Sends the packet of a large message one byte a second.</summary>
    private async Task DripAsync(TestDevice device, CancellationToken stop)
    {
        var (wire, _) = await MqttWire.ConnectAsync(Server, device);
        var packet = MqttWire.Publish($"devices/{device.Id}/messages/events/", new byte[255 * 1024]);
        try
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                await wire.SendAsync(packet.AsMemory(i, 1));
                await Task.Delay(1000, stop);
            }
        }
        catch (OperationCanceledException)
        {
            // The others are done.
        }
        wire.Abort();
    }

    private async Task<List<TestDevice>> CreateAsync(string name, int count)
    {
        var devices = Enumerable.Range(0, count).Select(i => new TestDevice($"{name}-{i}", SasToken.NewKey(), SasToken.NewKey())).ToList();
        foreach (var some in devices.Chunk(100))
        {
            var elements = some.Select(d => (JsonNode)new JsonObject
            {
                ["id"] = d.Id,
                ["importMode"] = "create",
                ["authentication"] = new JsonObject { ["symmetricKey"] = new JsonObject { ["primaryKey"] = d.PrimaryKey, ["secondaryKey"] = d.SecondaryKey } },
            });
            (await Server.Hub.SendAsync(HttpMethod.Post, "devices", new JsonArray([.. elements]))).Status.ShouldBe(200);
        }
        return devices;
    }

    private static byte[] Repeat(byte[] packet, int times) => [.. Enumerable.Repeat(packet, times).SelectMany(p => p)];
}
