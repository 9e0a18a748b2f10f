using System.Diagnostics;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Direct methods between the SDKs of devices and services, and by hand.</summary>
[Collection(SharedServerTests.Name)]
public sealed class MethodTests(SharedServer shared)
{
    private const string Listen = "$iothub/methods/POST/#";

    private HubService Hub => shared.Server.Hub;

    [Theory]
    [InlineData("mqtt", null)]
    [InlineData("mqttws", null)]
    [InlineData("mqtt", "camera")]
    [InlineData("mqttws", "camera")]
    [InlineData("amqp", null)]
    [InlineData("amqpws", null)]
    [InlineData("amqp", "camera")]
    public async Task A_service_calls_a_device_and_gets_its_answer(string transport, string? module)
    {
        var id = SharedServer.NewId("method");
        var device = await Hub.CreateDeviceAsync(id);
        if (module is not null)
            device = await Hub.CreateModuleAsync(id, module);
        object[] target = module is null ? [id] : [id, module];
        JsonNode?[] payloads = [JsonNode.Parse("""{"a":[1,null,{"b":"ä€🚢"}]}"""), JsonValue.Create("text"), JsonValue.Create(1.5), JsonValue.Create(false), new JsonArray(1, "2"), new JsonObject()];
        var handlers = JsonNode.Parse("""{"echo":{"echo":true},"fail":{"status":500,"payload":{"why":"tired"}},"nothing":{"status":201}}""");
        List<object> steps = [new { d = "d", @do = "open" }, new { d = "d", methods = handlers }];
        foreach (var payload in payloads)
            steps.Add(new { invoke = target, method = new { methodName = "echo", payload } });
        steps.AddRange(
        [
            new { invoke = target, method = new { methodName = "fail", payload = new { } } },
            new { invoke = target, method = new { methodName = "nothing" } },
            // Letter case counts: the SDK has no handler for this one and says nothing.
            new { invoke = target, method = new { methodName = "Echo", payload = 1, responseTimeoutInSeconds = 5 } },
            new { d = "d", calls = payloads.Length + 2 },
        ]);
        var results = await shared.TalkAsync(new { d = new { connectionString = shared.ConnectionString(device, module), module = module is not null } }, [.. steps], transport);
        var after = payloads.Length + 2;
        results[after + 2].ErrorName.ShouldBe("GatewayTimeoutError");
        results.Where((_, i) => i != after + 2).ToList().AllSucceeded();
        for (var i = 0; i < payloads.Length; i++)
        {
            ((int?)results[i + 2].Success["status"]).ShouldBe(200);
            results[i + 2].Success["payload"].ShouldBeJson(payloads[i]!.ToJsonString());
        }
        results[after].Success.ShouldBeJson("""{"status":500,"payload":{"why":"tired"}}""");
        results[after + 1].Success.ShouldBeJson("""{"status":201,"payload":null}""");
        results[after + 3].Success.AsArray().Count.ShouldBe(payloads.Length + 2);
    }

    [Fact]
    public async Task Errors_are_told_apart_by_the_classes_of_the_SDK()
    {
        var (silent, deaf, offline) = (await Hub.CreateDeviceAsync(SharedServer.NewId("silent")), await Hub.CreateDeviceAsync(SharedServer.NewId("deaf")), await Hub.CreateDeviceAsync(SharedServer.NewId("offline")));
        var method = new { methodName = "x", payload = 1, responseTimeoutInSeconds = 5 };
        var results = await shared.TalkAsync(
            new { silent = new { connectionString = shared.ConnectionString(silent) }, deaf = new { connectionString = shared.ConnectionString(deaf) } },
            [
                new { d = "silent", @do = "open" },
                new { d = "silent", methods = new { x = new { silent = true } } },
                new { d = "deaf", @do = "open" },
                new { invoke = new[] { offline.Id }, method },
                new { invoke = new[] { deaf.Id }, method },
                new { invoke = new[] { "nobody" }, method },
                new { invoke = new[] { offline.Id, "nothing" }, method },
                new { invoke = new[] { silent.Id }, method },
                new { invoke = new[] { silent.Id }, method = new { methodName = "a/b", payload = 1 } },
                new { invoke = new[] { silent.Id }, method = new { methodName = "x", payload = 1, responseTimeoutInSeconds = 301 } },
                // Gone before the answer
                new { invoke = new[] { silent.Id }, method = new { methodName = "x", payload = 1, responseTimeoutInSeconds = 60 }, later = true },
                new { d = "silent", calls = 2 },
                new { d = "silent", @do = "close" },
                new { answers = true },
            ]);
        // The SDK has no class of its own for this one; the name of the error is what an application sees.
        ((string?)results[3].Error!["header"], (int?)results[3].Error!["status"]).ShouldBe(("DeviceNotOnline", 404));
        results[5].ErrorName.ShouldBe("DeviceNotFoundError");
        ((string?)results[4].Error!["header"]).ShouldBe("DeviceNotOnline");
        ((string?)results[5].Error!["header"]).ShouldBe("DeviceNotFound");
        ((string?)results[6].Error!["header"]).ShouldBe("ModuleNotFound");
        results[7].ErrorName.ShouldBe("GatewayTimeoutError");
        results[8].ErrorName.ShouldBe("ArgumentError");
        results[9].ErrorName.ShouldBe("ArgumentError");
        ((string?)results[13].Success[0]!["error"]!["header"]).ShouldBe("DeviceConnectionClosedRemotely", results[13].Success.ToJsonString());
    }

    [Fact]
    public async Task A_call_waits_for_a_device_that_comes_late()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("late"));
        var results = await shared.TalkAsync(
            new { d = new { connectionString = shared.ConnectionString(device) } },
            [
                new { invoke = new[] { device.Id }, method = new { methodName = "echo", payload = 7, connectTimeoutInSeconds = 30, responseTimeoutInSeconds = 10 }, later = true },
                new { sleep = 1500 },
                new { d = "d", @do = "open" },
                new { d = "d", methods = new { echo = new { echo = true } } },
                new { answers = true },
            ]);
        results.AllSucceeded();
        results[4].Success.ShouldBeJson("""[{"ok":true,"value":{"status":200,"payload":7}}]""");
    }

    [Fact]
    public async Task A_call_to_a_device_that_does_not_come_ends_with_its_connect_time()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("never"));
        var watch = Stopwatch.StartNew();
        var answer = await RestCurl.SendAsync(shared.Server, "POST", $"/twins/{device.Id}/methods", """{"methodName":"x","connectTimeoutInSeconds":2,"responseTimeoutInSeconds":5}""");
        (answer.Status, answer.Header("iothub-errorcode")).ShouldBe((404, "DeviceNotOnline"));
        watch.Elapsed.ShouldBeInRange(TimeSpan.FromSeconds(1.9), TimeSpan.FromSeconds(8));
    }

    [Fact]
    public async Task A_hundred_calls_at_once_get_their_own_answers()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("many"));
        var results = await shared.TalkAsync(
            new { d = new { connectionString = shared.ConnectionString(device) } },
            [
                new { d = "d", @do = "open" },
                new { d = "d", methods = new { echo = new { echo = true } } },
                new { invoke = new[] { device.Id }, method = new { methodName = "echo" }, later = true, times = 100 },
                new { answers = true },
            ]);
        results.AllSucceeded();
        results[3].Success.AsArray().Select(a => (int?)a!["value"]?["payload"]).ShouldBe(Enumerable.Range(0, 100).Select(i => (int?)i));
    }

    [Theory]
    [InlineData("""{"methodName":"m","payload":{"a":1}}""", """{"a":1}""")]
    [InlineData("""{"methodName":"m","payload":null}""", "null")]
    [InlineData("""{"methodName":"m","payload":"ä/?&#+"}""", "\"ä/?&#+\"")]
    [InlineData("""{"methodName":"m","responseTimeoutInSeconds":5,"connectTimeoutInSeconds":0,"payload":[1, 2]}""", "[1,2]")]
    [InlineData("""{"methodName":"m"}""", "*")]
    public async Task A_request_goes_out_as_a_topic_that_ends_with_its_id(string body, string payload)
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("topic"));
        await using var paho = await shared.StartPahoAsync(device, Answering("""{"r":"ä"}""", status: 207));
        var answer = await RestCurl.SendAsync(shared.Server, "POST", $"/twins/{device.Id}/methods", body);
        answer.Status.ShouldBe(200, answer.Body);
        answer.Json.ShouldBeJson("""{"status":207,"payload":{"r":"ä"}}""");
        answer.Header("Content-Type").ShouldStartWith("application/json", Case.Insensitive);
        var message = (await paho.ResultAsync(TimeSpan.FromSeconds(30)))["messages"]!.AsArray().ShouldHaveSingleItem()!;
        ((string)message["topic"]!).ShouldMatch("^\\$iothub/methods/POST/m/\\?\\$rid=[^/?&#]+$");
        (((int?)message["qos"]), (bool?)message["retain"]).ShouldBe((0, false));
        if (payload != "*")
            JsonNode.DeepEquals(JsonNode.Parse((string)message["payload"]!), JsonNode.Parse(payload)).ShouldBeTrue(message.ToJsonString());
    }

    [Fact]
    public async Task Payloads_of_128_KB_pass_both_ways_and_no_more()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("large"));
        const int Most = 128 * 1024;
        await using (var paho = await shared.StartPahoAsync(device, Answering($"repeat:{Most - 2}")))
        {
            var answer = await InvokeAsync(device, new string('x', Most - 2));
            answer.Status.ShouldBe(200, answer.Body[..Math.Min(300, answer.Body.Length)]);
            ((string?)answer.Json["payload"])!.Length.ShouldBe(Most - 2);
            ((int?)(await paho.ResultAsync(TimeSpan.FromSeconds(30)))["messages"]![0]!["size"]).ShouldBe(Most);
        }
        await using (var paho = await shared.StartPahoAsync(device, Answering($"repeat:{Most - 1}")))
        {
            (await InvokeAsync(device, new string('x', Most - 1))).Status.ShouldBe(413);
            var answer = await InvokeAsync(device, "small");
            (answer.Status / 100, answer.Header("iothub-errorcode")).Item1.ShouldBe(5, answer.Body[..Math.Min(300, answer.Body.Length)]);
        }
    }

    [Theory]
    [InlineData("{}", 400)]
    [InlineData("""{"methodName":""}""", 400)]
    [InlineData("""{"methodName":"a/b"}""", 400)]
    [InlineData("""{"methodName":"a","responseTimeoutInSeconds":4}""", 400)]
    [InlineData("""{"methodName":"a","responseTimeoutInSeconds":301}""", 400)]
    [InlineData("""{"methodName":"a","connectTimeoutInSeconds":301}""", 400)]
    [InlineData("""{"methodName":"a","connectTimeoutInSeconds":-1}""", 400)]
    [InlineData("{ no json", 400)]
    [InlineData("", 400)]
    public async Task A_call_that_cannot_be_made_is_a_bad_request(string body, int status)
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("bad"));
        var answer = await RestCurl.SendAsync(shared.Server, "POST", $"/twins/{device.Id}/methods", body);
        answer.Status.ShouldBe(status, answer.Body);
        ((string?)answer.Json["Message"]).ShouldStartWith($"ErrorCode:{answer.Header("iothub-errorcode")};");
    }

    [Fact]
    public async Task The_key_of_a_device_calls_no_methods()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("curious"));
        var token = SasToken.ForDevice(shared.Server.Ready.Hub.HostName, device.Id, device.PrimaryKey);
        (await Hub.SendAsync(HttpMethod.Post, $"twins/{device.Id}/methods", new JsonObject { ["methodName"] = "x" }, token: token)).Status.ShouldBe(401);
    }

    [Fact]
    public async Task Mosquitto_hears_a_call_that_ends_when_it_goes()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("mosquitto"));
        var hearing = shared.MosquittoAsync("mosquitto_sub", device, "-q", "0", "-t", Listen, "-C", "1", "-F", "%t %p");
        var answer = await RestCurl.SendAsync(shared.Server, "POST", $"/twins/{device.Id}/methods", """{"methodName":"ping","payload":{"a":1},"connectTimeoutInSeconds":15}""");
        (answer.Status, answer.Header("iothub-errorcode")).ShouldBe((404, "DeviceConnectionClosedRemotely"));
        (await hearing).Output.ShouldMatch("^\\$iothub/methods/POST/ping/\\?\\$rid=[^/?&#]+ \\{\"a\":1\\}\\s*$");
    }

    private static Dictionary<string, object> Answering(string payload, int status = 200) => new(StringComparer.Ordinal)
    {
        ["subscribe"] = new object[][] { [Listen, 1] },
        ["answer"] = new { status, payload },
        ["count"] = 1,
        ["linger"] = 1,
    };

    private Task<RestCurl> InvokeAsync(TestDevice device, string text) =>
        RestCurl.SendAsync(shared.Server, "POST", $"/twins/{device.Id}/methods", new JsonObject { ["methodName"] = "m", ["payload"] = text, ["responseTimeoutInSeconds"] = 10 }.ToJsonString());
}
