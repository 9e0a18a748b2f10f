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
        // From here on some count backwards, since the limit is the least value: what is above it is a smaller one.
        ["minutes that a message to a device may live"] = new(2_880, 204, 403, "InvalidMessageExpiryTime", (t, n) => t.SendExpiringAsync(TimeSpan.FromMinutes(n))),
        ["minutes left of a message to a device (least 1)"] = new(-1, 204, 403, "InvalidMessageExpiryTime", (t, n) => t.SendExpiringAsync(TimeSpan.FromMinutes(-n))),
        ["deliveries of a message to a device"] = new(10, 200, 204, "", (t, n) => t.DeliverAsync(n)),
        ["deliveries of feedback"] = new(10, 200, 204, "", (t, n) => t.DeliverFeedbackAsync(n)),
        ["seconds of a lock (least 1)"] = new(-1, 204, 400, "ArgumentInvalid", (t, n) => t.DeviceAsync(HttpMethod.Get, "messages/devicebound", query: $"&iothub-messagelocktimeout={-n}")),
        ["seconds for a method's answer (least 5)"] = new(-5, 404, 400, "ArgumentInvalid", (t, n) => t.JsonAsync(HttpMethod.Post, $"twins/{t.Id}/methods", $$"""{"methodName":"m","responseTimeoutInSeconds":{{-n}} }""")),
        ["seconds for a device to connect, in a job's method"] = new(300, 200, 400, "ArgumentInvalid", (t, n) => t.JobAsync("j", "connectTimeoutInSeconds", n)),
        ["seconds for a device to connect (least 0)"] = new(0, 200, 400, "ArgumentInvalid", (t, n) => t.JobAsync("j", "connectTimeoutInSeconds", -n)),
        ["seconds that a job may run"] = new(2_592_000, 200, 400, "ArgumentInvalid", (t, n) => t.JobAsync("j", null, n)),
        ["seconds that a job may run (least 1)"] = new(-1, 200, 400, "ArgumentInvalid", (t, n) => t.JobAsync("j", null, -n)),
        ["characters of a job's id"] = new(128, 200, 400, "ArgumentInvalid", (t, n) => t.JobAsync(new string('j', n - t.Id.Length), null, 60)),
        ["metrics of a configuration"] = new(20, 200, 400, "ArgumentInvalid", (t, n) => t.ConfigurationAsync(t.Id, $$"""{"queries":{ {{string.Join(',', Enumerable.Range(0, n).Select(i => $"\"m{i}\":\"SELECT deviceId FROM devices\""))}} } }""")),
        ["characters of a configuration's id"] = new(128, 200, 400, "ArgumentInvalid", (t, n) => t.ConfigurationAsync(t.Id.PadRight(n, 'c'), "{}")),
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
            if (status == limit.Refused && status >= 400)
                answer.Code.ShouldBe(limit.Code);
        }
    }

    /// <summary>What counts for the whole hub: up to the limit it works, one more does not, and what is deleted makes room.</summary>
    [Theory]
    [InlineData("homeport/v1/consumerGroups/{0}", 20, 403, "TooManyConsumerGroups")]
    [InlineData("configurations/{0}", 100, 403, "IotHubQuotaExceeded")]
    [InlineData("homeport/v1/certificates/{0}", 25, 403, "IotHubQuotaExceeded")]
    public async Task A_hub_has_so_many_and_no_more(string path, int most, int refused, string code)
    {
        var prefix = SharedServer.NewId("n");
        string PathOf(int i) => string.Format(System.Globalization.CultureInfo.InvariantCulture, path, $"{prefix}-{i}");
        async Task<RestAnswer> MakeAsync(int i) => await shared.Server.Hub.SendAsync(HttpMethod.Put, PathOf(i), path.StartsWith("configurations", StringComparison.Ordinal)
            ? JsonNode.Parse($$"""{"id":"{{prefix}}-{{i}}","content":{"deviceContent":{"properties.desired.a":1} },"targetCondition":"tags.none=1","priority":1}""")
            : path.Contains("certificates", StringComparison.Ordinal) ? new JsonObject { ["properties"] = new JsonObject { ["certificate"] = AuthorityPem(i) } } : null);
        var there = await CountAsync(path);
        for (var i = there; i < most; i++)
            (await MakeAsync(i)).Status.ShouldBeInRange(200, 201, $"{i + 1} of {most}");
        var above = await MakeAsync(most);
        (above.Status, above.Header("iothub-errorcode")).ShouldBe((refused, code), above.Body);
        (await shared.Server.Hub.SendAsync(HttpMethod.Delete, PathOf(most - 1), ifMatch: "*")).Status.ShouldBe(204);
        (await MakeAsync(most)).Status.ShouldBeInRange(200, 201);
        foreach (var i in Enumerable.Range(there, most - there + 1).Where(i => i != most - 1))
            (await shared.Server.Hub.SendAsync(HttpMethod.Delete, PathOf(i), ifMatch: "*")).Status.ShouldBe(204);
    }

    private async Task<int> CountAsync(string path)
    {
        var list = (await shared.Server.Hub.SendAsync(HttpMethod.Get, path.Replace("/{0}", "", StringComparison.Ordinal))).Json;
        return (list as JsonArray ?? list["value"]!.AsArray()).Count;
    }

    /// <summary>A CA of its own for each; nobody needs to hold its key.</summary>
    private static string AuthorityPem(int number)
    {
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var request = new System.Security.Cryptography.X509Certificates.CertificateRequest($"CN=CA {number}", key, System.Security.Cryptography.HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new System.Security.Cryptography.X509Certificates.X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
        return certificate.ExportCertificatePem();
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

    private Task<Answer> SendExpiringAsync(TimeSpan life)
        => ServiceAsync(HttpMethod.Post, $"devices/{Id}/messages/devicebound", [1], header: ("iothub-expiry", DateTimeOffset.UtcNow.Add(life).ToString("O")));

    /// <summary>Takes a message so often, giving it back in between.</summary>
    private async Task<Answer> DeliverAsync(int times)
    {
        (await ServiceAsync(HttpMethod.Post, $"devices/{Id}/messages/devicebound", [1])).Status.ShouldBe(204);
        return await RepeatAsync(times, async _ =>
        {
            var answer = await DeviceAsync(HttpMethod.Get, "messages/devicebound");
            if (answer.Status == 200)
                (await DeviceAsync(HttpMethod.Post, $"messages/devicebound/{answer.ETag}/abandon")).Status.ShouldBe(204);
            return answer;
        });
    }

    private async Task<Answer> DeliverFeedbackAsync(int times)
    {
        (await ServiceAsync(HttpMethod.Post, $"devices/{Id}/messages/devicebound", [1], header: ("iothub-ack", "full"))).Status.ShouldBe(204);
        var taken = await DeviceAsync(HttpMethod.Get, "messages/devicebound");
        (await DeviceAsync(HttpMethod.Delete, $"messages/devicebound/{taken.ETag}")).Status.ShouldBe(204);
        var last = await RepeatAsync(times, async _ =>
        {
            var answer = await ServiceAsync(HttpMethod.Get, "messages/serviceBound/feedback");
            if (answer.Status == 200)
                (await ServiceAsync(HttpMethod.Post, $"messages/serviceBound/feedback/{answer.ETag}/abandon")).Status.ShouldBe(204);
            return answer;
        });
        // The next one finds the queue empty.
        while (await ServiceAsync(HttpMethod.Get, "messages/serviceBound/feedback") is { Status: 200 } rest)
            (await ServiceAsync(HttpMethod.Delete, $"messages/serviceBound/feedback/{rest.ETag}")).Status.ShouldBe(204);
        return last;
    }

    /// <summary>A job over no device, with a number in its method, or as its time.</summary>
    private Task<Answer> JobAsync(string id, string? member, int number)
    {
        var method = member is null ? """{"methodName":"m"}""" : $$"""{"methodName":"m","{{member}}":{{number}} }""";
        return JsonAsync(HttpMethod.Put, $"jobs/v2/{Id}{id}", $$"""{"type":"scheduleDeviceMethod","cloudToDeviceMethod":{{method}},"queryCondition":"deviceId='no-such-device'","maxExecutionTimeInSeconds":{{(member is null ? number : 60)}} }""");
    }

    /// <summary>Makes a configuration and deletes it again, if it was made.</summary>
    private async Task<Answer> ConfigurationAsync(string id, string metrics)
    {
        var made = await JsonAsync(HttpMethod.Put, $"configurations/{id}", $$"""{"id":"{{id}}","content":{"deviceContent":{"properties.desired.a":1} },"targetCondition":"tags.none=1","metrics":{{metrics}} }""");
        if (made.Status < 300)
            (await ServiceAsync(HttpMethod.Delete, $"configurations/{id}", [], header: ("If-Match", "*"))).Status.ShouldBe(204);
        return made;
    }

    private Task<Answer> ServiceAsync(HttpMethod method, string path, byte[]? body = null, string? type = null, (string Name, string Value)? header = null)
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
        return new Answer((int)response.StatusCode, code, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)) { ETag = response.Headers.ETag?.Tag.Trim('"') ?? "" };
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

    private sealed record Answer(int Status, string Code, string Body)
    {
        public string ETag { get; init; } = "";
    }

    private sealed record Limit(int At, int Good, int Refused, string Code, Func<LimitTableTests, int, Task<Answer>> Call);
}
