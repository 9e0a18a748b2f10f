using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Device.Queue;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The device library of this project against the server.</summary>
[Collection(SharedServerTests.Name)]
public sealed class OwnClientTests(SharedServer shared)
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    private HubService Hub => shared.Server.Hub;

    private string Host => shared.Server.Ready.Hub.HostName;

    [Theory]
    [InlineData(TransportType.Mqtt_Tcp_Only)]
    [InlineData(TransportType.Mqtt_WebSocket_Only)]
    [InlineData(TransportType.Amqp)]
    [InlineData(TransportType.Amqp_WebSocket_Only)]
    [InlineData(TransportType.Http1)]
    public async Task Messages_arrive_in_order_with_their_properties(TransportType transport)
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("own"));
        await using var client = Client(device, transport);
        using var message = new Message("{\"t\":21}"u8.ToArray())
        {
            MessageId = "m 1",
            CorrelationId = "c/1",
            ContentType = "application/json",
            ContentEncoding = "utf-8",
            Properties = { ["a&b"] = "ä=1", ["empty"] = "" },
        };
        await client.SendEventAsync(message, TestContext.Current.CancellationToken);
        await client.SendEventBatchAsync(Enumerable.Range(0, 300).Select(i => Text($"{i}")), TestContext.Current.CancellationToken);
        var stored = await shared.Server.Reader.WaitAsync(device.Id, 301);
        stored[0].Text.ShouldBe("{\"t\":21}");
        stored[0].System("message-id").ShouldBe("m 1");
        stored[0].System("correlation-id").ShouldBe("c/1");
        stored[0].System("content-type").ShouldBe("application/json");
        stored[0].Properties.ShouldBe(new Dictionary<string, string?> { ["a&b"] = "ä=1", ["empty"] = "" }, ignoreOrder: true);
        stored.Skip(1).Select(m => m.Text).ShouldBe(Enumerable.Range(0, 300).Select(i => $"{i}"));
    }

    [Fact]
    public async Task Commands_come_over_mqtt_and_are_completed_once()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("own"));
        await using (var client = Client(device, TransportType.Mqtt))
        {
            (await client.ReceiveAsync(TimeSpan.FromMilliseconds(1), TestContext.Current.CancellationToken)).ShouldBeNull();
            await SendAsync(device.Id, "one", "two", "three");
            var first = (await client.ReceiveAsync(Soon, TestContext.Current.CancellationToken)).ShouldNotBeNull();
            var second = (await client.ReceiveAsync(Soon, TestContext.Current.CancellationToken)).ShouldNotBeNull();
            Encoding.UTF8.GetString(first.GetBytes()).ShouldBe("one");
            await client.CompleteAsync(second, TestContext.Current.CancellationToken);
            await client.CompleteAsync(first, TestContext.Current.CancellationToken);
            await Should.ThrowAsync<DeviceMessageLockLostException>(() => client.CompleteAsync(first));
            await Should.ThrowAsync<NotSupportedException>(() => client.RejectAsync(second));
        }

        // What was not completed comes again, and nothing else.
        await using var again = Client(device, TransportType.Mqtt);
        var third = (await again.ReceiveAsync(Soon, TestContext.Current.CancellationToken)).ShouldNotBeNull();
        Encoding.UTF8.GetString(third.GetBytes()).ShouldBe("three");
        await again.CompleteAsync(third, TestContext.Current.CancellationToken);
        (await again.ReceiveAsync(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken)).ShouldBeNull();
    }

    [Theory]
    [InlineData(TransportType.Http1)]
    [InlineData(TransportType.Amqp_Tcp_Only)]
    [InlineData(TransportType.Amqp_WebSocket_Only)]
    public async Task Commands_are_completed_rejected_and_abandoned(TransportType transport)
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("own"));
        await using var client = Client(device, transport);
        (await client.ReceiveAsync(TimeSpan.Zero, TestContext.Current.CancellationToken)).ShouldBeNull();
        await SendAsync(device.Id, "one", "two");
        var one = (await client.ReceiveAsync(Soon, TestContext.Current.CancellationToken)).ShouldNotBeNull();
        one.DeliveryCount.ShouldBe(0);
        one.SequenceNumber.ShouldBeGreaterThan(0);
        await client.AbandonAsync(one, TestContext.Current.CancellationToken);
        await Should.ThrowAsync<DeviceMessageLockLostException>(() => client.CompleteAsync(one));
        // Over AMQP the second one is here before the first one comes again.
        var left = new List<Message>();
        while (left.Count < 2)
        {
            left.Add((await client.ReceiveAsync(Soon, TestContext.Current.CancellationToken)).ShouldNotBeNull());
            if (transport == TransportType.Http1 && left.Count == 1)
                await client.RejectAsync(left[0], TestContext.Current.CancellationToken);
        }

        left.Select(m => (Encoding.UTF8.GetString(m.GetBytes()), m.DeliveryCount)).ShouldBe([("one", 1), ("two", 0)], ignoreOrder: true);
        if (transport != TransportType.Http1)
            await client.RejectAsync(left.Single(m => m.DeliveryCount == 1), TestContext.Current.CancellationToken);
        await client.CompleteAsync(left.Single(m => m.DeliveryCount == 0), TestContext.Current.CancellationToken);
        (await client.ReceiveAsync(TimeSpan.Zero, TestContext.Current.CancellationToken)).ShouldBeNull();
        if (transport == TransportType.Http1)
            await Should.ThrowAsync<NotSupportedException>(() => client.GetTwinAsync());
    }

    [Theory]
    [InlineData(TransportType.Mqtt)]
    [InlineData(TransportType.Amqp)]
    public async Task Methods_are_answered_also_when_there_is_no_handler_or_it_fails(TransportType transport)
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("own"));
        await using var client = Client(device, transport);
        await client.SetMethodHandlerAsync("echo", (request, context) => Task.FromResult(new MethodResponse(request.Data, (int)context!)), 207, TestContext.Current.CancellationToken);
        await client.SetMethodHandlerAsync("fail", (_, _) => throw new InvalidOperationException("secret"), null, TestContext.Current.CancellationToken);
        (await InvokeAsync(device.Id, "echo", """{"a":[1,"ä"]}""")).ShouldBeJson("""{"status":207,"payload":{"a":[1,"ä"]}}""");
        var failed = await InvokeAsync(device.Id, "fail", "null");
        ((int?)failed["status"]).ShouldBe(500);
        failed.ToJsonString().ShouldNotContain("secret");
        ((int?)(await InvokeAsync(device.Id, "unknown", "1"))["status"]).ShouldBe(501);
    }

    [Theory]
    [InlineData(TransportType.Mqtt_Tcp_Only)]
    [InlineData(TransportType.Amqp_Tcp_Only)]
    public async Task Twins_meet_and_what_changed_while_the_device_was_away_is_told(TransportType transport)
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("own"));
        var changes = System.Threading.Channels.Channel.CreateUnbounded<string>();
        await using var proxy = new CuttingProxy(PortOf(transport));
        await using var client = Client(device, transport, options => Through(proxy, options));
        await DesireAsync(device.Id, """{"interval":5}""");
        (await client.GetTwinAsync(TestContext.Current.CancellationToken)).Properties.Desired["interval"]!.GetValue<int>().ShouldBe(5);
        await client.SetDesiredPropertyUpdateCallbackAsync(
            async (desired, _) => await changes.Writer.WriteAsync(desired["interval"]!.ToJsonString()), null, TestContext.Current.CancellationToken);
        var version = await client.UpdateReportedPropertiesAsync(new TwinCollection { ["state"] = "ok", ["gone"] = null }, TestContext.Current.CancellationToken);
        version.ShouldBeGreaterThan(1);
        ((string?)(await Hub.SendAsync(HttpMethod.Get, "twins/" + device.Id)).Json["properties"]!["reported"]!["state"]).ShouldBe("ok");

        await DesireAsync(device.Id, """{"interval":6}""");
        (await changes.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Soon)).ShouldBe("6");
        proxy.Refuses = true;
        proxy.Cut();
        await DesireAsync(device.Id, """{"interval":7}""");
        proxy.Refuses = false;
        (await changes.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Soon)).ShouldBe("7");
        await DesireAsync(device.Id, """{"interval":8}""");
        (await changes.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Soon)).ShouldBe("8");
    }

    [Theory]
    [InlineData("logs/ä 1.txt", 10)]
    [InlineData("large.bin", 9_000_001)]
    public async Task Files_go_whole_or_in_blocks(string name, int size)
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("own"));
        await using var client = Client(device, TransportType.Mqtt);
        using var file = new MemoryStream(RandomNumberGenerator.GetBytes(size));
        await client.UploadToBlobAsync(name, file, TestContext.Current.CancellationToken);
        var note = await Hub.SendAsync(HttpMethod.Get, "messages/serviceBound/filenotifications");
        note.Status.ShouldBe(200, note.Body);
        (await Hub.SendAsync(HttpMethod.Delete, $"messages/serviceBound/filenotifications/{note.Header("ETag")!.Trim('"')}")).Status.ShouldBe(204);
        ((string?)note.Json["blobName"]).ShouldBe($"{device.Id}/{name}");
        ((long)note.Json["blobSizeInBytes"]!).ShouldBe(size);
    }

    [Theory]
    [InlineData(TransportType.Mqtt)]
    [InlineData(TransportType.Mqtt_WebSocket_Only)]
    [InlineData(TransportType.Amqp)]
    [InlineData(TransportType.Http1)]
    public async Task A_certificate_serves_in_place_of_a_key(TransportType transport)
    {
        using var certificate = new DeviceCertificate("own-x509");
        using var stranger = new DeviceCertificate("own-x509");
        var device = await Hub.CreateX509DeviceAsync(SharedServer.NewId("own"), certificate.Sha256);
        await using (var client = DeviceClient.Create(Host, new DeviceAuthenticationWithX509Certificate(device.Id, certificate.Certificate), transport, Options()))
            await client.SendEventAsync(Text("mine"), TestContext.Current.CancellationToken);
        (await shared.Server.Reader.SingleAsync(device.Id)).Text.ShouldBe("mine");
        await using var other = DeviceClient.Create(Host, new DeviceAuthenticationWithX509Certificate(device.Id, stranger.Certificate), transport, Options());
        await Should.ThrowAsync<UnauthorizedException>(() => other.SendEventAsync(Text("not mine")));
    }

    [Theory]
    [InlineData(TransportType.Mqtt)]
    [InlineData(TransportType.Amqp)]
    public async Task A_device_whose_clock_is_a_year_behind_connects_all_the_same(TransportType transport)
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("own"));
        await using var client = Client(device, transport, options => options with { TimeProvider = new ShiftedTime(TimeSpan.FromDays(-365)) });
        await client.SendEventAsync(Text("late"), TestContext.Current.CancellationToken);
        (await shared.Server.Reader.SingleAsync(device.Id)).Text.ShouldBe("late");
    }

    [Theory]
    [InlineData(TransportType.Mqtt)]
    [InlineData(TransportType.Amqp)]
    public async Task A_module_has_messages_a_twin_and_methods_of_its_own(TransportType transport)
    {
        var id = SharedServer.NewId("own");
        var device = await Hub.CreateDeviceAsync(id);
        var made = await Hub.SendAsync(HttpMethod.Put, $"devices/{id}/modules/pump", new JsonObject { ["deviceId"] = id, ["moduleId"] = "pump" });
        made.Status.ShouldBeInRange(200, 201, made.Body);
        var key = (string)made.Json["authentication"]!["symmetricKey"]!["primaryKey"]!;
        var text = $"HostName={Host};DeviceId={id};ModuleId=pump;SharedAccessKey={key}";
        await using var client = DeviceClient.CreateFromConnectionString(text, transport, Options());
        await using var whole = Client(device, transport);
        await whole.SetMethodDefaultHandlerAsync((_, _) => Task.FromResult(new MethodResponse("\"the device\""u8.ToArray(), 200)), null, TestContext.Current.CancellationToken);
        await client.SetMethodDefaultHandlerAsync((request, _) => Task.FromResult(new MethodResponse(request.Data, 201)), null, TestContext.Current.CancellationToken);
        await client.SendEventAsync(Text("from the pump"), TestContext.Current.CancellationToken);
        var stored = await shared.Server.Reader.SingleAsync(id);
        stored.Text.ShouldBe("from the pump");
        stored.ModuleId.ShouldBe("pump");
        await client.UpdateReportedPropertiesAsync(new TwinCollection { ["rpm"] = 900 }, TestContext.Current.CancellationToken);
        ((int?)(await Hub.SendAsync(HttpMethod.Get, $"twins/{id}/modules/pump")).Json["properties"]!["reported"]!["rpm"]).ShouldBe(900);
        (await InvokeAsync($"{id}/modules/pump", "run", "[1]")).ShouldBeJson("""{"status":201,"payload":[1]}""");
        (await InvokeAsync(id, "run", "[1]")).ShouldBeJson("""{"status":200,"payload":"the device"}""");
    }

    [Theory]
    [InlineData(TransportType.Mqtt)]
    [InlineData(TransportType.Amqp)]
    public async Task A_model_of_plug_and_play_is_noted(TransportType transport)
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("own"));
        await using var client = Client(device, transport, static options => options with { ModelId = "dtmi:com:example:Thermostat;1" });
        await client.OpenAsync(TestContext.Current.CancellationToken);
        ((string?)(await Hub.SendAsync(HttpMethod.Get, "twins/" + device.Id)).Json["modelId"]).ShouldBe("dtmi:com:example:Thermostat;1");
    }

    [Theory]
    [InlineData(TransportType.Mqtt_Tcp_Only)]
    [InlineData(TransportType.Amqp_Tcp_Only)]
    public async Task A_queue_outlives_a_server_that_is_cut_off_again_and_again(TransportType transport)
    {
        const int Count = 3000;
        using var folder = new TempFolder();
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("own"));
        await using var proxy = new CuttingProxy(PortOf(transport));
        var options = Through(proxy, Options()) with { Queue = new OutgoingQueueOptions(folder.File("queue.db")), SasTokenTimeToLive = TimeSpan.FromSeconds(4) };
        var sent = 0;
        for (var run = 0; run < 3; run++)
        {
            await using var client = Client(device, transport, _ => options);
            for (var i = 0; i < Count / 30; i++, sent += 10)
            {
                await client.SendEventBatchAsync(Enumerable.Range(sent, 10).Select(n => Text($"{n}")), TestContext.Current.CancellationToken);
                if (i % 20 == 7)
                    proxy.Cut();
            }

            if (run == 2)
                await client.FlushAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(1));
        }

        var stored = await shared.Server.Reader.WaitAsync(device.Id, Count);
        stored.Select(m => m.Text).Distinct().ShouldBe(Enumerable.Range(0, Count).Select(n => $"{n}"));
        stored.GroupBy(m => m.Text).ShouldAllBe(same => same.Select(m => m.System("message-id")).Distinct().Count() == 1);
    }

    private static int PortOf(TransportType transport) => transport == TransportType.Amqp_Tcp_Only ? SharedServer.AmqpPort : SharedServer.MqttPort;

    private static DeviceClientOptions Through(CuttingProxy proxy, DeviceClientOptions options) => options with { MqttPort = proxy.Port, AmqpPort = proxy.Port };

    private static Message Text(string text) => new(Encoding.UTF8.GetBytes(text));

    private DeviceClientOptions Options() => new() { Trust = Homeport.Device.ServerTrust.FromPemFile(shared.Server.Ready.CaFile) };

    private DeviceClient Client(TestDevice device, TransportType transport, Func<DeviceClientOptions, DeviceClientOptions>? change = null)
    {
        var text = $"HostName={Host};DeviceId={device.Id};SharedAccessKey={device.PrimaryKey}";
        return DeviceClient.CreateFromConnectionString(text, transport, change?.Invoke(Options()) ?? Options());
    }

    private async Task<JsonNode> InvokeAsync(string id, string method, string payload)
    {
        var answer = await Hub.SendAsync(HttpMethod.Post, $"twins/{id}/methods", new JsonObject
        {
            ["methodName"] = method,
            ["payload"] = JsonNode.Parse(payload),
            ["responseTimeoutInSeconds"] = 20,
        });
        answer.Status.ShouldBe(200, answer.Body);
        return answer.Json;
    }

    private async Task DesireAsync(string id, string desired)
    {
        var answer = await Hub.SendAsync(HttpMethod.Patch, "twins/" + id, new JsonObject { ["properties"] = new JsonObject { ["desired"] = JsonNode.Parse(desired) } });
        answer.Status.ShouldBe(200, answer.Body);
    }

    private async Task SendAsync(string id, params string[] texts)
    {
        using var http = shared.Server.Trust.HttpClient(SharedServer.HttpsPort);
        foreach (var text in texts)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"devices/{id}/messages/devicebound?api-version=2021-04-12") { Content = new StringContent(text) };
            request.Headers.TryAddWithoutValidation("Authorization", SasToken.ForService(Hub.Credential));
            request.Headers.TryAddWithoutValidation("iothub-ack", "none");
            using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
            ((int)answer.StatusCode).ShouldBe(204);
        }
    }

    private sealed class ShiftedTime(TimeSpan offset) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + offset;
    }
}
