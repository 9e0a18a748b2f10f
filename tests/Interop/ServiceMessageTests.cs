using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The service's links over AMQP: messages to devices, feedback and file notifications.</summary>
[Collection(SharedServerTests.Name)]
public sealed class ServiceMessageTests(SharedServer shared)
{
    private static readonly string[] Full = ["full", "positive", "negative", "none"];

    private ServiceCredential Credential => shared.Server.Hub.Credential;

    [Theory]
    [InlineData("amqp", "Success")]
    [InlineData("amqp-ws", "Rejected")]
    public async Task The_SDK_sends_a_message_and_hears_what_became_of_it(string transport, string outcome)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("c2d"));
        await DrainFeedbackAsync();
        var message = new
        {
            device = device.Id,
            body = "open the valve",
            messageId = "c2d-1",
            correlationId = "corr-1",
            ack = "full",
            expiryTimeUtc = DateTimeOffset.UtcNow.AddHours(1).ToString("o"),
            properties = new[] { (string[])["valve", "3"], ["umlaut-ä", "grün €"] },
        };
        var sent = await ServiceAsync(transport, new { send = message });
        Ok(sent[0]!);

        var answer = outcome == "Success" ? "complete" : "reject";
        var received = (await shared.Node.RunAsync("device.mjs", new { transport = "http", connectionString = ConnectionString(device), actions = new[] { new { receive = new[] { answer } } } }))["results"]![0]!["received"]![0]!;
        ((string?)received["body"], (string?)received["messageId"], (string?)received["correlationId"]).ShouldBe(("open the valve", "c2d-1", "corr-1"));
        received["properties"]!.AsArray().Select(p => (string?)p![0]).ShouldContain("iothub-app-valve", "the SDK shows the header as it is");

        var heard = await ServiceAsync(transport, new { feedback = new { messages = 1, answer = "complete" } });
        Ok(heard[0]!);
        var batch = heard[0]!["batches"]![0]!;
        var record = batch["records"]!.AsArray().ShouldHaveSingleItem()!;
        ((string?)record["originalMessageId"], (string?)record["deviceId"], (string?)record["statusCode"], (string?)record["description"])
            .ShouldBe(("c2d-1", device.Id, outcome, outcome));
        ((string?)record["deviceGenerationId"]).ShouldNotBeNullOrEmpty();
        ((string?)batch["contentType"]).ShouldBe("application/vnd.microsoft.iothub.feedback.json");
        (await FeedbackOverRestAsync()).Status.ShouldBe(204, "what was completed is gone");
    }

    [Fact]
    public async Task Feedback_that_is_abandoned_comes_again()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("again"));
        await DrainFeedbackAsync();
        Ok((await ServiceAsync("amqp", new { send = new { device = device.Id, body = "x", messageId = "again-1", ack = "negative" } }))[0]!);
        (await shared.Server.Hub.SendAsync(HttpMethod.Delete, $"devices/{device.Id}/commands")).Status.ShouldBe(200);
        var first = await ServiceAsync("amqp", new { feedback = new { messages = 1, answer = "abandon" } });
        var second = await ServiceAsync("amqp", new { feedback = new { messages = 1, answer = "complete" } });
        foreach (var heard in (JsonArray[])[first, second])
        {
            Ok(heard[0]!);
            ((string?)heard[0]!["batches"]![0]!["records"]![0]!["originalMessageId"], (string?)heard[0]!["batches"]![0]!["records"]![0]!["statusCode"]).ShouldBe(("again-1", "Purged"));
        }
        (await FeedbackOverRestAsync()).Status.ShouldBe(204);
    }

    [Fact]
    public async Task What_cannot_be_sent_is_an_error_in_the_SDK()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("limits"));
        var results = await ServiceAsync("amqp",
            new { send = new { device = "no-such-device", body = "x" } },
            new { send = new { device = device.Id, body = new string('x', 70_000) } },
            new { send = new { device = device.Id, body = "x", expiryTimeUtc = "2020-01-01T00:00:00Z" } },
            new { send = new { device = device.Id, body = "x", ack = "sometimes" } },
            new { send = new { device = device.Id, body = "still works" } });
        Failed(results[0]!).ShouldBe("DeviceNotFoundError");
        Failed(results[1]!).ShouldBe("MessageTooLargeError");
        Failed(results[2]!).ShouldBe("ArgumentError");
        Failed(results[3]!).ShouldBe("ArgumentError");
        Ok(results[4]!);
    }

    [Fact]
    public async Task A_full_queue_and_strange_receivers_are_told_to_another_stack_by_their_conditions()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("full"));
        var to = $"/devices/{device.Id}/messages/devicebound";
        var messages = Enumerable.Range(0, 51).Select(i => (object)new { to, id = $"{i}", body = "x", ack = Full[i % 4] })
            .Concat([new { to = "/devices/nobody/messages/devicebound", body = "x" }, new { to = "", body = "x" }, new { to = $"/devices/{device.Id}/modules/none/messages/devicebound", body = "x" }]);
        var result = await ProtonAsync(new { send = messages, target = "/messages/devicebound" }, SasToken.ForService(Credential));
        result["errors"]!.AsArray().ShouldBeEmpty();
        var sent = result["sent"]!.AsArray();
        sent.Take(50).ShouldAllBe(s => (string?)s!["state"] == "accepted");
        sent.Skip(50).Select(s => (string?)s!["condition"]).ShouldBe(["amqp:resource-limit-exceeded", "amqp:not-found", "com.microsoft:argument-error", "amqp:not-found"]);
        ((string?)sent[50]!["text"])!.ShouldContain("403004");
        // What was accepted is durable: the queue has it, in its order.
        var waiting = (await shared.Server.Hub.SendAsync(HttpMethod.Get, $"homeport/v1/devices/{device.Id}/commands")).Json.AsArray();
        waiting.Select(m => (string?)m!["systemProperties"]!["message-id"]).ShouldBe(Enumerable.Range(0, 50).Select(i => $"{i}"));
    }

    [Theory]
    [InlineData("/messages/devicebound", null)]
    [InlineData(null, "/messages/serviceBound/feedback")]
    [InlineData(null, "hub1/ConsumerGroups/$Default/Partitions/0")]
    [InlineData(null, "messages/events/$management")]
    public async Task A_device_gets_no_link_of_services(string? target, string? source)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("curious"));
        object what = target is not null ? new { send = new[] { new { to = "/devices/x/messages/devicebound", body = "x" } }, target } : new { read = new { address = source, count = 1 } };
        var arguments = Proton(what, SasToken.ForDevice(Credential.HostName, device.Id, device.PrimaryKey), $"{device.Id}@sas.{Credential.HostName.Split('.')[0]}");
        var error = (await ExternalProgram.PythonAsync("consumer.py", arguments))["errors"]!.AsArray().ShouldHaveSingleItem()!;
        ((string?)error["condition"]).ShouldBe("amqp:unauthorized-access");
        // What is missing is said: it tells nothing that the client does not know.
        ((string?)error["text"])!.ShouldContain("ErrorCode:401002");
        ((string?)error["text"])!.ShouldContain("the right ServiceConnect");
    }

    [Fact]
    public async Task A_link_ends_with_its_token()
    {
        var token = SasToken.ForService(Credential, TimeSpan.FromSeconds(4));
        var result = await ProtonAsync(new { read = new { address = "/messages/serviceBound/feedback", count = 1000 }, seconds = 25 }, token);
        ((string?)result["errors"]!.AsArray().ShouldHaveSingleItem()!["condition"]).ShouldBe("amqp:unauthorized-access");
    }

    [Fact]
    public async Task A_service_hears_of_an_uploaded_file()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("file"));
        while ((await shared.Server.Hub.SendAsync(HttpMethod.Get, "messages/serviceBound/filenotifications")) is { Status: 200 } old)
            await shared.Server.Hub.SendAsync(HttpMethod.Delete, $"messages/serviceBound/filenotifications/{old.Header("ETag")!.Trim('"')}");
        await shared.Node.RunAsync("upload.mjs", new { connectionString = ConnectionString(device), actions = new[] { new { upload = "log.txt", size = 1000 } } });
        var heard = await ServiceAsync("amqp", new { files = new { count = 1, answer = "complete" } });
        Ok(heard[0]!);
        var file = heard[0]!["files"]![0]!;
        ((string?)file["deviceId"], (string?)file["blobName"], (long)file["blobSizeInBytes"]!).ShouldBe((device.Id, $"{device.Id}/log.txt", 1000));
        (await shared.Server.Hub.SendAsync(HttpMethod.Get, "messages/serviceBound/filenotifications")).Status.ShouldBe(204);
    }

    private static void Ok(JsonNode result) => ((bool)result["ok"]!).ShouldBeTrue(result.ToJsonString());

    private static string Failed(JsonNode result)
    {
        ((bool)result["ok"]!).ShouldBeFalse(result.ToJsonString());
        return (string)result["error"]!["name"]!;
    }

    private string ConnectionString(TestDevice device) => $"HostName={shared.Server.Ready.Hub.HostName};DeviceId={device.Id};SharedAccessKey={device.PrimaryKey}";

    private async Task<JsonArray> ServiceAsync(string transport, params object[] actions)
    {
        var result = await shared.Node.RunAsync("service.mjs", new { transport, connectionString = shared.Server.Ready.Hub.ServiceConnectionString, actions });
        return result["results"]?.AsArray() ?? throw new InvalidOperationException(result.ToJsonString());
    }

    private Task<RestAnswer> FeedbackOverRestAsync() => shared.Server.Hub.SendAsync(HttpMethod.Get, "messages/serviceBound/feedback");

    /// <summary>Takes what other tests left in the queue.</summary>
    private async Task DrainFeedbackAsync()
    {
        while (await FeedbackOverRestAsync() is { Status: 200 } old)
            await shared.Server.Hub.SendAsync(HttpMethod.Delete, $"messages/serviceBound/feedback/{old.Header("ETag")!.Trim('"')}");
    }

    private Task<JsonNode> ProtonAsync(object what, string token)
        => ExternalProgram.PythonAsync("consumer.py", Proton(what, token, $"{Credential.Policy}@sas.root.{Credential.HostName.Split('.')[0]}"));

    private string Proton(object what, string password, string user)
    {
        var arguments = JsonSerializer.SerializeToNode(what, JsonSerializerOptions.Web)!.AsObject();
        arguments["url"] = $"amqps://{Credential.HostName}:{shared.Server.Ready.Ports.Amqp}";
        arguments["ca"] = shared.Server.Ready.CaFile;
        arguments["user"] = user;
        arguments["password"] = password;
        return arguments.ToJsonString();
    }
}
