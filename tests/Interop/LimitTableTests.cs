using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The service's limits of sizes, names and counts: each one below, at and above it, over the doors that clients use.</summary>
public sealed class LimitTableTests(NeighbourServer shared) : IClassFixture<NeighbourServer>
{
    private static readonly Dictionary<string, Limit> Limits = new(StringComparer.Ordinal)
    {
        ["bytes of a device's message"] = new(262_144, 204, 413, "MessageTooLarge", (t, n) => t.DeviceAsync(HttpMethod.Post, "messages/events", new byte[n])),
        ["bytes of a batch of messages"] = new(262_144, 204, 413, "MessageTooLarge", (t, n) => t.DeviceAsync(HttpMethod.Post, "messages/events", Bytes("""[{"body":"AAAA"}]""".PadRight(n)), "application/vnd.microsoft.iothub.json")),
        ["bytes of a message to a device"] = new(65_536, 204, 413, "MessageTooLarge", (t, n) => t.ServiceAsync(HttpMethod.Post, $"devices/{t.Id}/messages/devicebound", new byte[n])),
        ["messages in a queue"] = new(50, 204, 403, "DeviceMaximumQueueDepthExceeded", (t, n) => RepeatAsync(n, _ => t.ServiceAsync(HttpMethod.Post, $"devices/{t.Id}/messages/devicebound", [1]))),
        ["characters of a message id"] = new(128, 204, 400, "ArgumentInvalid", (t, n) => t.ServiceAsync(HttpMethod.Post, $"devices/{t.Id}/messages/devicebound", [1], header: ("iothub-messageid", new string('m', n)))),
        ["seconds of a lock"] = new(300, 204, 400, "ArgumentInvalid", (t, n) => t.DeviceAsync(HttpMethod.Get, "messages/devicebound", query: $"&iothub-messagelocktimeout={n}")),
        ["characters of a device id"] = new(128, 200, 400, "ArgumentInvalid", (t, n) => t.JsonAsync(HttpMethod.Put, $"devices/{t.Id.PadRight(n, 'x')}", "{}")),
        ["characters of a module id"] = new(128, 200, 400, "ArgumentInvalid", (t, n) => t.JsonAsync(HttpMethod.Put, $"devices/{t.Id}/modules/{new string('m', n)}", "{}")),
        ["characters of a status reason"] = new(128, 200, 400, "ArgumentInvalid", (t, n) => t.JsonAsync(HttpMethod.Put, $"devices/{t.Id}-s{n}", $$"""{"statusReason":"{{new string('r', n)}}"}""")),
        ["modules of a device"] = new(50, 200, 413, "TooManyModulesOnDevice", (t, n) => RepeatAsync(n, i => t.JsonAsync(HttpMethod.Put, $"devices/{t.Id}/modules/m{i}", "{}"))),
        ["elements of a bulk call"] = new(100, 200, 400, "ArgumentInvalid", (t, n) => t.JsonAsync(HttpMethod.Post, "devices", $"[{string.Join(',', Enumerable.Range(0, n).Select(i => $$"""{"id":"{{t.Id}}-{{i}}"}"""))}]")),
        ["bytes of a method's payload"] = new(131_072, 404, 413, "MessageTooLarge", (t, n) => t.JsonAsync(HttpMethod.Post, $"twins/{t.Id}/methods", $$"""{"methodName":"m","payload":"{{new string('p', n - 2)}}"}""")),
        ["characters of a method's name"] = new(128, 404, 400, "ArgumentInvalid", (t, n) => t.JsonAsync(HttpMethod.Post, $"twins/{t.Id}/methods", $$"""{"methodName":"{{new string('m', n)}}"}""")),
        ["seconds for a method's answer"] = new(300, 404, 400, "ArgumentInvalid", (t, n) => t.JsonAsync(HttpMethod.Post, $"twins/{t.Id}/methods", $$"""{"methodName":"m","responseTimeoutInSeconds":{{n}}}""")),
        ["bytes of tags"] = new(8_192, 200, 400, "ArgumentInvalid", (t, n) => t.TwinAsync("tags", Filled(2, n))),
        ["bytes of desired properties"] = new(32_768, 200, 400, "ArgumentInvalid", (t, n) => t.TwinAsync("desired", Filled(8, n))),
        ["bytes of reported properties"] = new(32_768, 204, 413, "", (t, n) => t.ReportAsync(Filled(8, n))),
        ["bytes of a string in a twin"] = new(4_096, 200, 400, "ArgumentInvalid", (t, n) => t.TwinAsync("tags", $$"""{"a":"{{new string('s', n)}}"}""")),
        ["bytes of a name in a twin"] = new(1_024, 200, 400, "ArgumentInvalid", (t, n) => t.TwinAsync("tags", $$"""{"{{new string('n', n)}}":1}""")),
        // Objects inside of objects count, not the values in them.
        ["depth of a twin"] = new(10, 200, 400, "ArgumentInvalid", (t, n) => t.TwinAsync("desired", $"{string.Concat(Enumerable.Repeat("""{"a":""", n + 1))}1{new string('}', n + 1)}")),
        ["integers in a twin"] = new(0, 200, 400, "ArgumentInvalid", (t, n) => t.TwinAsync("desired", $$"""{"a":{{4_503_599_627_370_496 + n}},"b":{{-4_503_599_627_370_496 - n}}}""")),
        ["open uploads"] = new(10, 200, 403, "DeviceMaximumActiveFileUploadLimitExceeded", (t, n) => RepeatAsync(n, _ => t.DeviceAsync(HttpMethod.Post, "files", Bytes("""{"blobName":"f"}""")))),
        ["characters of a query"] = new(8_192, 200, 400, "ArgumentInvalid", (t, n) => t.JsonAsync(HttpMethod.Post, "devices/query", $$"""{"query":"{{"SELECT * FROM devices WHERE deviceId='x'".PadRight(n)}}"}""")),
        ["rows of a page"] = new(1_000, 200, 400, "ArgumentInvalid", (t, n) => t.ServiceAsync(HttpMethod.Post, "devices/query", Bytes("""{"query":"SELECT deviceId FROM devices"}"""), "application/json", ("x-ms-max-item-count", $"{n}"))),
    };

    private TestDevice _device = new("", "", "");

    public static TheoryData<string> Names => [.. Limits.Keys];

    private string Id => _device.Id;

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_limit_is_where_the_service_has_it(string name)
    {
        var limit = Limits[name];
        foreach (var (value, status) in ((int, int)[])[(limit.At - 1, limit.Good), (limit.At, limit.Good), (limit.At + 1, limit.Refused)])
        {
            _device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("limit"));
            var answer = await limit.Call(this, value);
            answer.Status.ShouldBe(status, $"{name}: {value}. {answer.Code} {answer.Body[..Math.Min(answer.Body.Length, 300)]}");
            if (status == limit.Refused)
                answer.Code.ShouldBe(limit.Code);
        }
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>A JSON object of so many bytes as twins count them: full members of 4,001 bytes and one with the rest.</summary>
    private static string Filled(int full, int bytes)
    {
        var members = new JsonObject();
        for (var i = 0; i < full; i++)
            members[$"{i}"] = new string('x', 4_000);
        members["z"] = new string('x', bytes - (full * 4_001) - 1);
        return members.ToJsonString();
    }

    private static async Task<Answer> RepeatAsync(int times, Func<int, Task<Answer>> call)
    {
        for (var i = 1; i < times; i++)
            (await call(i)).Status.ShouldBeLessThan(300);
        return await call(times);
    }

    private Task<Answer> JsonAsync(HttpMethod method, string path, string json) => ServiceAsync(method, path, Bytes(json), "application/json");

    private Task<Answer> TwinAsync(string section, string json)
        => JsonAsync(HttpMethod.Patch, $"twins/{Id}", section == "tags" ? $$"""{"tags":{{json}}}""" : $$$"""{"properties":{"{{{section}}}":{{{json}}} } }""");

    private Task<Answer> ServiceAsync(HttpMethod method, string path, byte[] body, string? type = null, (string Name, string Value)? header = null)
        => SendAsync(method, path, SasToken.ForService(shared.Server.Hub.Credential), body, type, header);

    private Task<Answer> DeviceAsync(HttpMethod method, string path, byte[]? body = null, string? type = null, string query = "")
        => SendAsync(method, $"devices/{Id}/{path}", SasToken.ForDevice(shared.Server.Ready.Hub.HostName, Id, _device.PrimaryKey), body, type, null, query);

    private async Task<Answer> SendAsync(HttpMethod method, string path, string token, byte[]? body, string? type, (string Name, string Value)? header, string query = "")
    {
        using var http = shared.Server.Trust.HttpClient(shared.Server.Ready.Ports.Https);
        using var request = new HttpRequestMessage(method, $"{path}?api-version=2021-04-12{query}");
        request.Headers.TryAddWithoutValidation("Authorization", token);
        if (header is { } more)
            request.Headers.TryAddWithoutValidation(more.Name, more.Value);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        }
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        var code = response.Headers.TryGetValues("iothub-errorcode", out var codes) ? codes.First() : "";
        return new Answer((int)response.StatusCode, code, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>Reports over MQTT; the status is in the topic of the answer.</summary>
    private async Task<Answer> ReportAsync(string json)
    {
        var (wire, _) = await MqttWire.ConnectAsync(shared.Server, _device);
        await using var connection = wire;
        await wire.SendAsync(MqttWire.Subscribe(1, ("$iothub/twin/res/#", 0)));
        (await wire.ReadAsync())!.Header.ShouldBe(MqttPacket.SubAck);
        await wire.SendAsync(MqttWire.Publish("$iothub/twin/PATCH/properties/reported/?$rid=1", Bytes(json), qos: 0));
        var answer = Encoding.UTF8.GetString((await wire.ReadAsync()).ShouldNotBeNull().Content.AsSpan(2));
        answer.ShouldStartWith("$iothub/twin/res/");
        return new Answer(int.Parse(answer.AsSpan("$iothub/twin/res/".Length, 3), System.Globalization.CultureInfo.InvariantCulture), "", answer);
    }

    private sealed record Answer(int Status, string Code, string Body);

    private sealed record Limit(int At, int Good, int Refused, string Code, Func<LimitTableTests, int, Task<Answer>> Call);
}
