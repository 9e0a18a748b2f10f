using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The Event Hubs endpoint, read by the Event Hubs SDK and by an AMQP stack of others.</summary>
[Collection(SharedServerTests.Name)]
public sealed class EventHubTests(SharedServer shared)
{
    private string ConnectionString => shared.Server.Ready.Hub.EventHubConnectionString;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_hub_and_its_partitions_are_described(bool webSocket)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("described"));
        await SendAsync(device, 1, i => $"{i}");
        var stored = await shared.Server.Reader.SingleAsync(device.Id);
        var result = (await EventsAsync(new { info = true }, webSocket: webSocket))[0]!;
        ((string?)result["hub"]!["name"]).ShouldBe("hub1");
        result["hub"]!["partitionIds"]!.AsArray().Select(i => (string?)i).ShouldBe(["0", "1", "2", "3"]);
        DateTimeOffset.Parse((string)result["hub"]!["createdOn"]!).ShouldBeInRange(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddMinutes(1));
        var partition = result["partitions"]![stored.Partition]!;
        ((string?)partition["partitionId"]).ShouldBe($"{stored.Partition}");
        ((bool?)partition["isEmpty"]).ShouldBe(false);
        ((long)partition["beginningSequenceNumber"]!).ShouldBe(0);
        ((long)partition["lastEnqueuedSequenceNumber"]!).ShouldBe(stored.SequenceNumber);
        ((string?)partition["lastEnqueuedOffset"]).ShouldBe($"{stored.Offset}");
        DateTimeOffset.Parse((string)partition["lastEnqueuedOnUtc"]!).ToUnixTimeMilliseconds().ShouldBe(stored.EnqueuedTime.ToUnixTimeMilliseconds());
        ((string?)result["missing"]!["code"]).ShouldNotBeNullOrEmpty();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_event_arrives_with_all_that_the_hub_knows(bool webSocket)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("whole"));
        var message = new
        {
            body = """{"temperature":21.5,"unit":"°C"}""",
            messageId = "mid-1",
            correlationId = "corr-1",
            userId = "ann",
            contentType = "application/json",
            contentEncoding = "utf-8",
            expiryTimeUtc = "2099-12-31T23:59:59.500Z",
            properties = new[] { (string[])["p 1", "v/1"], ["umlaut-ä", "grün €"], ["empty", ""] },
        };
        await shared.Node.RunAsync("device.mjs", new { transport = "mqtt", connectionString = DeviceConnectionString(device), actions = new[] { new { send = message } } });
        var stored = await shared.Server.Reader.SingleAsync(device.Id);
        var read = (await EventsAsync(new { read = new { count = 1, device = device.Id, partition = $"{stored.Partition}", track = true } }, webSocket: webSocket))[0]!;
        read["errors"]!.AsArray().ShouldBeEmpty();
        var @event = read["events"]!.AsArray().ShouldHaveSingleItem()!;
        JsonNode.DeepEquals(JsonNode.Parse((string)@event["body"]!), JsonNode.Parse(message.body)).ShouldBeTrue((string?)@event["body"]);
        @event["properties"]!.AsObject().ToDictionary(p => p.Key, p => (string?)p.Value)
            .ShouldBe(message.properties.ToDictionary(p => p[0], p => (string?)p[1]), ignoreOrder: true);
        ((string?)@event["messageId"], (string?)@event["correlationId"], (string?)@event["contentType"]).ShouldBe(("mid-1", "corr-1", "application/json"));
        ((string?)@event["offset"], (long)@event["sequenceNumber"]!, (string?)@event["partitionKey"]).ShouldBe(($"{stored.Offset}", stored.SequenceNumber, device.Id));
        ((long)@event["enqueued"]!).ShouldBe(stored.EnqueuedTime.ToUnixTimeMilliseconds());

        var system = @event["system"]!.AsObject();
        ((string?)system["iothub-connection-device-id"]).ShouldBe(device.Id);
        ((string?)system["iothub-connection-auth-method"]).ShouldBe("""{"scope":"device","type":"sas","issuer":"iothub"}""");
        ((string?)system["iothub-connection-auth-generation-id"]).ShouldBe(stored.GenerationId);
        ((string?)system["iothub-message-source"]).ShouldBe("Telemetry");
        ((string?)system["userId"] ?? (string?)system["user-id"]).ShouldBe("ann");
        ((string?)system["contentEncoding"] ?? (string?)system["content-encoding"]).ShouldBe("utf-8");
        system.ContainsKey("iothub-connection-module-id").ShouldBeFalse();
        system["iothub-enqueuedtime"].ShouldNotBeNull();
        ((long)read["last"]!["sequenceNumber"]!).ShouldBeGreaterThanOrEqualTo(stored.SequenceNumber);
        ((string?)read["last"]!["offset"]).ShouldNotBeNullOrEmpty();
    }

    [Theory]
    [InlineData("mqtt")]
    [InlineData("amqp")]
    public async Task An_event_names_the_model_that_its_device_announced(string transport)
    {
        const string Model = "dtmi:com:example:Thermostat;1";
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("model"));
        var (host, actions) = (shared.Server.Ready.Hub.HostName, new[] { new { send = new { body = "1" } } });
        // The SDK for Node announces a model over MQTT only; the one for C# does it by this property of its links.
        if (transport == "mqtt")
            await shared.Node.RunAsync("device.mjs", new { modelId = Model, connectionString = DeviceConnectionString(device), actions });
        else
            await shared.Node.RunAsync("amqp-device.mjs", new { host, port = SharedServer.AmqpPort, device = device.Id, token = SasToken.ForDevice(host, device.Id, device.PrimaryKey), model = Model, actions });
        var stored = await shared.Server.Reader.SingleAsync(device.Id);
        stored.System("dt-dataschema").ShouldBe(Model);
        var read = (await EventsAsync(new { read = new { count = 1, device = device.Id, partition = $"{stored.Partition}" } }, webSocket: false))[0]!;
        ((string?)read["events"]!.AsArray().ShouldHaveSingleItem()!["system"]!["dt-dataschema"]).ShouldBe(Model);
        ((string?)(await shared.Server.Hub.SendAsync(HttpMethod.Get, $"twins/{device.Id}")).Json["modelId"]).ShouldBe(Model);
    }

    [Fact]
    public async Task A_reader_starts_where_it_asks()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("start"));
        await SendAsync(device, 3, i => $"{i}");
        await Task.Delay(20);
        await SendAsync(device, 3, i => $"{i + 3}");
        var stored = await shared.Server.Reader.WaitAsync(device.Id, 6);
        var (partition, third, fourth) = ($"{stored[0].Partition}", stored[2], stored[3]);
        object Read(object start, int count) => new { read = new { count, device = device.Id, partition, start } };
        var results = await EventsAsync(
            Read("earliest", 6),
            Read(new { offset = $"{third.Offset}" }, 3),
            Read(new { offset = $"{third.Offset}", isInclusive = true }, 4),
            Read(new { sequenceNumber = third.SequenceNumber }, 3),
            Read(new { sequenceNumber = third.SequenceNumber, isInclusive = true }, 4),
            Read(new { enqueuedOn = fourth.EnqueuedTime.ToUnixTimeMilliseconds() - 1 }, 3));
        results.Select(r => string.Join(',', r!["events"]!.AsArray().Select(e => (string?)e!["body"]))).ShouldBe(["0,1,2,3,4,5", "3,4,5", "2,3,4,5", "3,4,5", "2,3,4,5", "3,4,5"]);

        await using var late = shared.Node.Start("events.mjs", Arguments([new { read = new { count = 1, device = device.Id, partition, start = "latest" } }]));
        await late.WaitForEventAsync("subscribed");
        // The SDK says that it subscribed before it did: the event that it waits for is sent until it comes.
        using var stop = new CancellationTokenSource();
        var sending = RepeatAsync(device, stop.Token);
        var newest = (await late.ResultAsync(TimeSpan.FromSeconds(40)))[0]!["events"]!.AsArray().ShouldHaveSingleItem()!;
        await stop.CancelAsync();
        await sending;
        ((string?)newest["body"]).ShouldStartWith("late");
    }

    [Fact]
    public async Task Several_consumers_share_the_partitions_and_take_over_from_one_that_ends()
    {
        var group = await CreateGroupAsync();
        var prefix = SharedServer.NewId("balance");
        // Not from the start of the log: it holds what all tests before sent, and there is nothing to learn from reading that.
        var since = DateTimeOffset.UtcNow.AddSeconds(-1).ToUnixTimeMilliseconds();
        var devices = new List<TestDevice>();
        for (var i = 0; i < 6; i++)
            devices.Add(await shared.Server.Hub.CreateDeviceAsync($"{prefix}-{i}"));
        foreach (var device in devices)
            await SendAsync(device, 5, i => $"{i}");
        await using var running = shared.Node.Start("events.mjs", Arguments([new { balance = new { consumers = 3, events = 30, device = prefix + "*", start = new { enqueuedOn = since } } }], group));
        await running.WaitForEventAsync("taken over");
        foreach (var device in devices)
            await SendAsync(device, 5, i => $"later {i}");
        var result = (await running.ResultAsync(TimeSpan.FromSeconds(180)))[0]!;
        result["failed"].ShouldBeNull();
        result["balanced"]!.AsArray().Select(n => (int)n!).Order().ShouldBe([1, 1, 2]);
        ((int)result["after"]![0]!).ShouldBe(0);
        result["after"]!.AsArray().Sum(n => (int)n!).ShouldBe(4);
        ((int)result["seen"]!).ShouldBe(60);
        result["errors"]!.AsArray().Select(e => (string?)e!["code"]).ShouldAllBe(code => code == "ReceiverDisconnectedError");
    }

    [Fact]
    public async Task A_consumer_goes_on_behind_its_checkpoint()
    {
        var group = await CreateGroupAsync();
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("resume"));
        await SendAsync(device, 10, i => $"{i}");
        var runs = (await EventsAsync([new { resume = new { count = 5, device = device.Id } }], group))[0]!;
        runs[0]!.AsArray().Select(b => (string?)b).ShouldBe(["0", "1", "2", "3", "4"]);
        runs[1]!.AsArray().Select(b => (string?)b).ShouldBe(["5", "6", "7", "8", "9"]);
    }

    [Fact]
    public async Task A_higher_epoch_takes_a_partition_and_a_lower_one_is_refused()
    {
        var group = await CreateGroupAsync();
        var result = (await EventsAsync([new { steal = new { partition = "0", levels = (int?[])[null, 3, 2, null, 3] } }], group))[0]!.AsArray();
        result.Select(r => $"{r!["level"]?.ToString() ?? "none"} {((bool)r["reads"]! ? "reads" : "refused")} {string.Join(',', r["errors"]!.AsArray().Select(e => (string?)e))}".TrimEnd()).ShouldBe(
        [
            "none reads ReceiverDisconnectedError",
            "3 reads ReceiverDisconnectedError",
            "2 refused ReceiverDisconnectedError",
            "none refused ReceiverDisconnectedError",
            "3 reads",
        ]);
    }

    [Fact]
    public async Task Sending_to_the_endpoint_is_refused_with_the_way_that_there_is()
    {
        var result = (await EventsAsync(new { send = true }))[0]!;
        ((bool)result["sent"]!).ShouldBeFalse();
        ((string)result["error"]!["message"]!).ShouldContain("Send as a device");
    }

    [Fact]
    public async Task A_consumer_group_has_to_exist_and_its_end_ends_its_readers()
    {
        var missing = (await EventsAsync([new { read = new { count = 1, partition = "0" } }], "no-such-group"))[0]!;
        ((string?)missing["errors"]![0]!["code"]).ShouldBe("MessagingEntityNotFoundError");
        var group = await CreateGroupAsync();
        var listed = await shared.Server.Hub.SendAsync(HttpMethod.Get, "homeport/v1/consumerGroups");
        listed.Json["value"]!.AsArray().Select(g => (string?)g!["name"]).ShouldContain(group);
        await using var reader = shared.Node.Start("events.mjs", Arguments([new { read = new { count = 1, partition = "0", start = "latest", seconds = 30 } }], group));
        await reader.WaitForEventAsync("subscribed");
        await Task.Delay(1500);
        (await shared.Server.Hub.SendAsync(HttpMethod.Delete, $"homeport/v1/consumerGroups/{group}")).Status.ShouldBe(204);
        ((string?)(await reader.ResultAsync(TimeSpan.FromSeconds(40)))[0]!["errors"]![0]!["code"]).ShouldBe("MessagingEntityNotFoundError");
        (await shared.Server.Hub.SendAsync(HttpMethod.Delete, $"homeport/v1/consumerGroups/{group}")).Status.ShouldBe(404);
        (await shared.Server.Hub.SendAsync(HttpMethod.Delete, "homeport/v1/consumerGroups/$Default")).Status.ShouldBe(400);
    }

    [Fact]
    public async Task Another_AMQP_stack_reads_by_a_filter_and_finds_exact_types()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("proton"));
        await SendAsync(device, 3, i => $"{i}");
        var stored = await shared.Server.Reader.WaitAsync(device.Id, 3);
        var filter = $"amqp.annotation.x-opt-sequence-number > '{stored[0].SequenceNumber}'";
        var result = await ProtonAsync(new { read = new { address = $"hub1/ConsumerGroups/$Default/Partitions/{stored[0].Partition}", filter, count = 2, credit = 1 } });
        result["errors"]!.AsArray().ShouldBeEmpty();
        result["events"]!.AsArray().Select(e => (string?)e!["body"]).ShouldBe(["1", "2"]);
        var annotations = result["events"]![0]!["annotations"]!;
        string Type(string name) => $"{annotations[name]!["type"]} {annotations[name]!["value"]}";
        Type("x-opt-sequence-number").ShouldBe($"int {stored[1].SequenceNumber}", "a long is Python's int, other numbers have classes of their own");
        Type("x-opt-offset").ShouldBe($"str {stored[1].Offset}");
        Type("x-opt-enqueued-time").ShouldStartWith("timestamp ");
        Type("iothub-enqueuedtime").ShouldStartWith("timestamp ");
        Type("iothub-connection-device-id").ShouldBe($"str {device.Id}");
    }

    [Theory]
    [InlineData("messages/events/$management", "/hub1/$management")]
    [InlineData("/messages/events/ConsumerGroups/$Default/Partitions/1", "/hub1/ConsumerGroups/$Default/Partitions/1")]
    public async Task The_hubs_own_address_sends_readers_to_the_endpoint(string address, string end)
    {
        var error = (await ProtonAsync(new { read = new { address = $"amqps://{shared.Server.Ready.Host}/{address.TrimStart('/')}", count = 1 } }))["errors"]!.AsArray().ShouldHaveSingleItem()!;
        ((string?)error["condition"]).ShouldBe("amqp:link:redirect");
        ((string?)error["info"]!["address"]).ShouldBe($"amqps://{shared.Server.Ready.Host}:{shared.Server.Ready.Ports.Amqp}{end}");
        ((string?)error["info"]!["hostname"], (string?)error["info"]!["network-host"]).ShouldBe((shared.Server.Ready.Host, shared.Server.Ready.Host));
        ((string?)error["info"]!["port"]).ShouldBe($"int32({shared.Server.Ready.Ports.Amqp})");
    }

    [Theory]
    [InlineData("hub1/ConsumerGroups/$Default/Partitions/4", null, "amqp:not-found", "0 to 3")]
    [InlineData("hub1/ConsumerGroups/$Default/Partitions/-1", null, "amqp:not-found", "0 to 3")]
    [InlineData("hub1/ConsumerGroups/none/Partitions/0", null, "amqp:not-found", "'none'")]
    [InlineData("hub1/ConsumerGroups/$Default", null, "amqp:not-found", "Read from hub1/ConsumerGroups")]
    [InlineData("hub2/ConsumerGroups/$Default/Partitions/0", null, "amqp:not-found", "")]
    [InlineData("hub1/ConsumerGroups/$Default/Partitions/0", "amqp.annotation.x-opt-offset < '5'", "com.microsoft:argument-error", "selector filter")]
    [InlineData("hub1/ConsumerGroups/$Default/Partitions/0", "amqp.annotation.x-opt-offset > '123456789'", "com.microsoft:argument-error", "123456789")]
    public async Task What_cannot_be_read_is_refused_with_its_reason(string address, string? filter, string condition, string text)
    {
        var error = (await ProtonAsync(new { read = new { address, filter, count = 1 } }))["errors"]!.AsArray().ShouldHaveSingleItem()!;
        ((string?)error["condition"], ((string?)error["text"])!.Contains(text, StringComparison.Ordinal)).ShouldBe((condition, true), (string?)error["text"]);
    }

    private object Arguments(object[] actions, string? group = null, bool webSocket = false) => new { connectionString = ConnectionString, group, webSocket, actions };

    private Task<JsonArray> EventsAsync(object action, bool webSocket) => EventsAsync([action], null, webSocket);

    private Task<JsonArray> EventsAsync(params object[] actions) => EventsAsync(actions, null);

    private async Task<JsonArray> EventsAsync(object[] actions, string? group, bool webSocket = false)
        => (await shared.Node.RunAsync("events.mjs", Arguments(actions, group, webSocket))).AsArray();

    private async Task<JsonNode> ProtonAsync(object what)
    {
        var arguments = JsonSerializer.SerializeToNode(what, JsonSerializerOptions.Web)!.AsObject();
        var credential = shared.Server.Hub.Credential;
        arguments["url"] = $"amqps://{credential.HostName}:{shared.Server.Ready.Ports.Amqp}";
        arguments["ca"] = shared.Server.Ready.CaFile;
        arguments["user"] = $"{credential.Policy}@sas.root.{credential.HostName.Split('.')[0]}";
        arguments["password"] = SasToken.ForService(credential);
        return await ExternalProgram.PythonAsync("consumer.py", arguments.ToJsonString());
    }

    private async Task<string> CreateGroupAsync()
    {
        var name = SharedServer.NewId("group");
        (await shared.Server.Hub.SendAsync(HttpMethod.Put, $"homeport/v1/consumerGroups/{name}")).Status.ShouldBe(200);
        return name;
    }

    private string DeviceConnectionString(TestDevice device) => $"HostName={shared.Server.Ready.Hub.HostName};DeviceId={device.Id};SharedAccessKey={device.PrimaryKey}";

    private async Task SendAsync(TestDevice device, int count, Func<int, string> body)
    {
        var (wire, _) = await MqttWire.ConnectAsync(shared.Server, device);
        await using var connection = wire;
        for (var i = 0; i < count; i++)
            await wire.PublishAndWaitAsync(device.Id, body(i), (ushort)(i + 1));
    }

    private async Task RepeatAsync(TestDevice device, CancellationToken token)
    {
        for (var i = 0; !token.IsCancellationRequested; i++)
        {
            await SendAsync(device, 1, _ => $"late {i}");
            await Task.Delay(200, CancellationToken.None);
        }
    }
}
