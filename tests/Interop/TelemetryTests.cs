using System.Text;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Messages from the Node device SDK to the record log.</summary>
[Collection(SharedServerTests.Name)]
public sealed class TelemetryTests(SharedServer shared)
{
    private static readonly string[][] OddProperties =
    [
        ["p 1", "v/1"], ["sign", "a&b=c"], ["percent", "100% %41"], ["hash#", "x#y?z"], ["plus+", "1+1"], ["umlaut-ä", "grün €"], ["empty", ""], ["quote", "\"'\\"],
        ["emoji", "🚢"], ["dollar", "$.mid"],
    ];

    [Theory]
    [InlineData("mqtt")]
    [InlineData("mqttws")]
    [InlineData("amqp")]
    [InlineData("amqpws")]
    public async Task A_message_arrives_with_body_and_all_properties(string transport)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId(transport));
        // Over AMQP the SDK fails in itself when a message has an expiry.
        var hasExpiry = transport.StartsWith("mqtt", StringComparison.Ordinal);
        var message = new
        {
            body = """{"temperature":21.5,"unit":"°C"}""",
            messageId = "mid-1",
            correlationId = "corr/1&2",
            userId = "ann",
            expiryTimeUtc = hasExpiry ? "2099-12-31T23:59:59.500Z" : null,
            contentType = "application/json",
            contentEncoding = "utf-8",
            properties = OddProperties,
        };
        await SendAsync(new { transport, connectionString = ConnectionString(device), actions = new[] { new { send = message } } });

        var stored = await shared.Server.Reader.SingleAsync(device.Id);
        stored.Text.ShouldBe(message.body);
        stored.Properties.ShouldBe(OddProperties.ToDictionary(p => p[0], p => (string?)p[1]), ignoreOrder: true);
        stored.System("message-id").ShouldBe("mid-1");
        stored.System("correlation-id").ShouldBe("corr/1&2");
        // Over AMQP the SDK leaves the user out.
        stored.System("user-id").ShouldBe(hasExpiry ? "ann" : null);
        stored.System("content-type").ShouldBe("application/json");
        stored.System("content-encoding").ShouldBe("utf-8");
        if (hasExpiry)
            DateTimeOffset.Parse(stored.System("absolute-expiry-time").ShouldNotBeNull()).ShouldBe(new DateTimeOffset(2099, 12, 31, 23, 59, 59, 500, TimeSpan.Zero));
        stored.ModuleId.ShouldBeNull();
        (DateTimeOffset.UtcNow - stored.EnqueuedTime).ShouldBeInRange(TimeSpan.FromMinutes(-1), TimeSpan.FromMinutes(1));
        stored.AuthMethod.ToString().ShouldContain("sas");
        var generation = (string?)(await shared.Server.Hub.SendAsync(HttpMethod.Get, $"devices/{device.Id}")).Json["generationId"];
        stored.GenerationId.ShouldBe(generation);
    }

    [Theory]
    [InlineData("mqtt")]
    [InlineData("mqttws")]
    [InlineData("amqp")]
    [InlineData("amqpws")]
    public async Task Bodies_of_any_bytes_and_size_arrive_unchanged(string transport)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("body"));
        byte[] everyByte = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        byte[] large = [.. Enumerable.Range(0, 250_000).Select(i => (byte)(i * 31))];
        var bodies = new[] { [], everyByte, large, Encoding.UTF8.GetBytes("last") };
        var actions = bodies.Select(b => new { send = new { bodyBase64 = b.Length == 0 ? null : Convert.ToBase64String(b) } }).ToArray();
        await SendAsync(new { transport, connectionString = ConnectionString(device), actions }, asFile: true);

        var stored = await shared.Server.Reader.WaitAsync(device.Id, bodies.Length);
        stored.Count.ShouldBe(bodies.Length);
        for (var i = 0; i < bodies.Length; i++)
            stored[i].Body.AsSpan().SequenceEqual(bodies[i]).ShouldBeTrue($"body {i} of {bodies[i].Length} bytes came as {stored[i].Body.Length}");
    }

    [Fact]
    public async Task Messages_of_a_device_keep_their_order_and_share_a_partition()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("order"));
        var actions = Enumerable.Range(0, 50).Select(i => new { send = new { body = $"{i}" } });
        await SendAsync(new { connectionString = ConnectionString(device), actions });

        var stored = await shared.Server.Reader.WaitAsync(device.Id, 50);
        stored.Select(m => m.Text).ShouldBe(Enumerable.Range(0, 50).Select(i => $"{i}"));
        stored.Select(m => m.Partition).Distinct().Count().ShouldBe(1);
        stored.Zip(stored.Skip(1)).ShouldAllBe(p => p.First.SequenceNumber < p.Second.SequenceNumber && p.First.Offset < p.Second.Offset);
    }

    [Theory]
    [InlineData("mqtt")]
    [InlineData("mqttws")]
    [InlineData("amqp")]
    [InlineData("amqpws")]
    public async Task A_module_sends_in_its_own_name_and_by_a_named_output(string transport)
    {
        var id = SharedServer.NewId("host");
        var steps = await shared.Node.StepsAsync(
            "registry", shared.Server.Ready.Hub.ServiceConnectionString, ["create", new { deviceId = id }], ["addModule", new { deviceId = id, moduleId = "camera" }]);
        var key = (string)steps[1].Success["authentication"]!["symmetricKey"]!["primaryKey"]!;
        var host = shared.Server.Ready.Hub.HostName;
        await SendAsync(new
        {
            transport,
            module = true,
            connectionString = $"HostName={host};DeviceId={id};ModuleId=camera;SharedAccessKey={key}",
            actions = new object[] { new { send = new { body = "plain" } }, new { output = "alarms", send = new { body = "named" } } },
        });

        var stored = await shared.Server.Reader.WaitAsync(id, 2);
        stored.ShouldAllBe(m => m.DeviceId == id && m.ModuleId == "camera");
        stored.Select(m => m.Text).ShouldBe(["plain", "named"]);
        stored[1].SystemProperties.Values.Select(v => v.ToString()).ShouldContain("alarms");
    }

    [Fact]
    public async Task A_waiting_reader_gets_a_message_as_soon_as_it_is_stored()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("wait"));
        var (wire, _) = await MqttWire.ConnectAsync(shared.Server, device);
        await using var connection = wire;
        await wire.PublishAndWaitAsync(device.Id, "first", 1);
        var first = await shared.Server.Reader.SingleAsync(device.Id);

        var waiting = shared.Server.Reader.PollAsync(first.Partition, first.Offset + 1, 20);
        await Task.Delay(500);
        waiting.IsCompleted.ShouldBeFalse("there is nothing to read yet");
        await wire.PublishAndWaitAsync(device.Id, "second", 2);
        var page = await waiting.WaitAsync(TimeSpan.FromSeconds(5));
        page.Messages.ShouldHaveSingleItem().Text.ShouldBe("second");
    }

    private static void AllSent(JsonNode result)
    {
        ((bool?)result["opened"]).ShouldBe(true, result.ToJsonString());
        result["results"]!.AsArray().ShouldAllBe(r => (bool)r!["ok"]!, result.ToJsonString());
    }

    private string ConnectionString(TestDevice device) => $"HostName={shared.Server.Ready.Hub.HostName};DeviceId={device.Id};SharedAccessKey={device.PrimaryKey}";

    private async Task SendAsync(object arguments, bool asFile = false) => AllSent(await shared.Node.RunAsync("device.mjs", arguments, asFile: asFile));
}
