using System.Text;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Devices over HTTPS: the Node device SDK, and plain requests for what it does not send.</summary>
[Collection(SharedServerTests.Name)]
public sealed class DeviceHttpsTests(SharedServer shared)
{
    private const string Version = "api-version=2021-04-12";

    private string Host => shared.Server.Ready.Hub.HostName;

    [Fact]
    public async Task A_message_and_a_batch_of_the_SDK_arrive_with_their_properties()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("http"));
        var single = new
        {
            body = """{"t":1}""",
            messageId = "mid-1",
            correlationId = "corr-1",
            userId = "ann",
            contentType = "application/json",
            contentEncoding = "utf-8",
            properties = new[] { new[] { "p1", "v/1" } },
        };
        var batch = new[] { new { body = "b1", properties = new[] { new[] { "p2", "grün" } } }, new { body = "b2", properties = Array.Empty<string[]>() } };
        var result = await shared.Node.RunAsync("device.mjs", new { transport = "http", connectionString = ConnectionString(device), actions = new object[] { new { send = single }, new { batch } } });
        result["results"]!.AsArray().ShouldAllBe(r => (bool)r!["ok"]!, result.ToJsonString());

        var stored = await shared.Server.Reader.WaitAsync(device.Id, 3);
        stored.Select(m => m.Text).ShouldBe(["""{"t":1}""", "b1", "b2"]);
        stored[0].Properties.ShouldBe(new Dictionary<string, string?> { ["p1"] = "v/1" });
        stored[0].System("message-id").ShouldBe("mid-1");
        stored[0].System("correlation-id").ShouldBe("corr-1");
        stored[0].System("user-id").ShouldBe("ann");
        stored[0].System("content-type").ShouldBe("application/json");
        stored[0].System("content-encoding").ShouldBe("utf-8");
        stored[1].Properties.ShouldBe(new Dictionary<string, string?> { ["p2"] = "grün" });
        stored[2].Properties.ShouldBeEmpty();
        stored.ShouldAllBe(m => m.AuthMethod.ToString().Contains("sas"));
    }

    [Fact]
    public async Task The_SDK_takes_messages_and_the_sender_reads_what_became_of_them()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("http"));
        foreach (var (id, body) in ((string, string)[])[("m-1", "one"), ("m-2", "two")])
        {
            var sent = await SendAsync(device.Id, body, ("iothub-messageid", id), ("iothub-correlationid", "corr"), ("iothub-ack", "full"), ("iothub-app-p1", "v 1"));
            (sent.Status, sent.Header("iothub-messageid")).ShouldBe((204, id));
        }
        var result = await shared.Node.RunAsync("device.mjs", new
        {
            transport = "http",
            connectionString = ConnectionString(device),
            actions = new object[] { new { receive = new[] { "abandon", "complete", "reject" } } },
        });
        var received = result["results"]![0]!["received"].ShouldNotBeNull(result.ToJsonString()).AsArray();
        received.Select(m => $"{m!["answer"]} {m["messageId"]} {m["body"]} {m["correlationId"]} {m["error"]}".Trim())
            .ShouldBe(["abandon m-1 one corr", "complete m-1 one corr", "reject m-2 two corr"], result.ToJsonString());
        // The SDK leaves the prefix on.
        received[0]!["properties"]!.ToJsonString().ShouldBe("""[["iothub-app-p1","v 1"]]""");
        ((string?)received[0]!["to"]).ShouldBe($"/devices/{device.Id}/messages/deviceBound");
        (await FeedbackAsync(device.Id)).ShouldBe(["m-1:Success", "m-2:Rejected"]);
        (await PeekAsync(device.Id)).Count.ShouldBe(0);
    }

    [Fact]
    public async Task A_device_with_a_certificate_needs_no_token()
    {
        using var certificate = new DeviceCertificate("x509");
        using var stranger = new DeviceCertificate("x509");
        var device = await shared.Server.Hub.CreateX509DeviceAsync(SharedServer.NewId("x509"), certificate.Sha256);
        var result = await shared.Node.RunAsync("device.mjs", new
        {
            transport = "http",
            connectionString = $"HostName={Host};DeviceId={device.Id};x509=true",
            x509 = new { cert = certificate.CertificatePem, key = certificate.KeyPem },
            actions = new[] { new { send = new { body = "mine" } } },
        });
        ((bool)result["results"]![0]!["ok"]!).ShouldBeTrue(result.ToJsonString());
        (await shared.Server.Reader.SingleAsync(device.Id)).AuthMethod.ToString().ShouldContain("x509");

        using var http = new ServerTrust(shared.Server.Ready.CaFile, Host).HttpClient(SharedServer.HttpsPort, stranger.Certificate);
        var refused = await http.PostAsync($"devices/{device.Id}/messages/events?{Version}", new StringContent("not mine"), TestContext.Current.CancellationToken);
        ((int)refused.StatusCode).ShouldBe(401);
    }

    [Fact]
    public async Task A_delivery_has_the_headers_that_SDKs_read()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("http"));
        var expiry = DateTimeOffset.UtcNow.AddHours(5).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'");
        await SendAsync(device.Id, "x", ("iothub-messageid", "m-1"), ("iothub-expiry", expiry), ("iothub-contenttype", "text/plain"), ("iothub-contentencoding", "utf-8"), ("iothub-userid", "grün\t€"));
        var answer = await DeviceAsync(device, HttpMethod.Get, "Messages/DeviceBound/", "iothub-messagelocktimeout=60");
        (answer.Status, answer.Body).ShouldBe((200, "x"));
        var etag = answer.Header("ETag").ShouldNotBeNull();
        (etag[0], etag[^1], Guid.TryParse(etag.Trim('"'), out _)).ShouldBe(('"', '"', true));
        answer.Header("iothub-messageid").ShouldBe("m-1");
        answer.Header("iothub-deliverycount").ShouldBe("0");
        long.Parse(answer.Header("iothub-sequencenumber")!).ShouldBeGreaterThan(0);
        answer.Header("iothub-to").ShouldBe($"/devices/{device.Id}/messages/deviceBound");
        answer.Header("iothub-expiry").ShouldBe(expiry.Replace("Z", ".0000000Z", StringComparison.Ordinal));
        DateTimeOffset.Parse(answer.Header("iothub-enqueuedtime")!).ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
        (answer.Header("ContentType"), answer.Header("ContentEncoding")).ShouldBe(("text/plain", "utf-8"));
        answer.Header("iothub-userid").ShouldBe("gr%C3%BCn%09%E2%82%AC");

        var peeked = (await PeekAsync(device.Id)).ShouldHaveSingleItem()!;
        ((string?)peeked["state"], (string?)peeked["systemProperties"]!["message-id"], (int)peeked["bodyBytes"]!).ShouldBe(("invisible", "m-1", 1));
        (await DeviceAsync(device, HttpMethod.Get, "messages/devicebound")).Status.ShouldBe(204);
        (await DeviceAsync(device, HttpMethod.Delete, $"messages/devicebound/{etag.Trim('"')}")).Status.ShouldBe(204);
        var lost = await DeviceAsync(device, HttpMethod.Delete, $"messages/devicebound/{etag.Trim('"')}");
        (lost.Status, lost.Header("iothub-errorcode")).ShouldBe((412, "DeviceMessageLockLost"));
    }

    [Fact]
    public async Task A_lock_ends_and_the_message_comes_again()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("http"));
        await SendAsync(device.Id, "x");
        var first = await DeviceAsync(device, HttpMethod.Get, "messages/devicebound", "iothub-messagelocktimeout=1");
        await Task.Delay(1100, TestContext.Current.CancellationToken);
        (await DeviceAsync(device, HttpMethod.Post, $"messages/devicebound/{first.Header("ETag")!.Trim('"')}/abandon")).Status.ShouldBe(412);
        var again = await DeviceAsync(device, HttpMethod.Get, "messages/devicebound");
        (again.Body, again.Header("iothub-deliverycount")).ShouldBe(("x", "1"));
        foreach (var time in (string[])["0", "301", "soon", "-1"])
            (await DeviceAsync(device, HttpMethod.Get, "messages/devicebound", "iothub-messagelocktimeout=" + time)).Status.ShouldBe(400);
    }

    [Fact]
    public async Task A_purge_empties_the_queue_and_says_how_many_there_were()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("http"));
        for (var i = 0; i < 50; i++)
            (await SendAsync(device.Id, $"{i}", ("iothub-ack", i == 0 ? "negative" : "none"), ("iothub-messageid", $"m-{i}"))).Status.ShouldBe(204);
        var full = await SendAsync(device.Id, "51");
        (full.Status, full.Header("iothub-errorcode")).ShouldBe((403, "DeviceMaximumQueueDepthExceeded"));
        var purged = await shared.Server.Hub.SendAsync(HttpMethod.Delete, $"devices/{device.Id}/commands");
        purged.Json.ToJsonString().ShouldBe($$"""{"totalMessagesPurged":50,"deviceId":"{{device.Id}}","moduleId":null}""");
        (await FeedbackAsync(device.Id)).ShouldBe(["m-0:Purged"]);
        (await shared.Server.Hub.SendAsync(HttpMethod.Delete, "devices/nobody/commands")).Status.ShouldBe(404);
        (await SendAsync("nobody", "x")).Header("iothub-errorcode").ShouldBe("DeviceNotFound");
    }

    [Fact]
    public async Task Feedback_that_is_abandoned_comes_again()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("http"));
        await SendAsync(device.Id, "x", ("iothub-ack", "full"));
        await shared.Server.Hub.SendAsync(HttpMethod.Delete, $"devices/{device.Id}/commands");
        var first = await shared.Server.Hub.SendAsync(HttpMethod.Get, "messages/serviceBound/feedback");
        first.Status.ShouldBe(200);
        first.Header("iothub-enqueuedtime").ShouldNotBeNull();
        var token = first.Header("ETag")!.Trim('"');
        (await shared.Server.Hub.SendAsync(HttpMethod.Get, "messages/serviceBound/feedback")).Status.ShouldBe(204);
        (await shared.Server.Hub.SendAsync(HttpMethod.Post, $"messages/servicebound/feedback/{token}/abandon")).Status.ShouldBe(204);
        (await shared.Server.Hub.SendAsync(HttpMethod.Delete, $"messages/servicebound/feedback/{token}")).Status.ShouldBe(412);
        (await FeedbackAsync(device.Id)).Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(256 * 1024, 204)]
    [InlineData(256 * 1024 + 1, 413)]
    [InlineData(900_000, 413)]
    public async Task A_message_has_a_size(int size, int status)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("size"));
        // The name of the property counts without the prefix of its header, the name of a system property does not.
        var answer = await DeviceAsync(device, HttpMethod.Post, "messages/events", body: new string('b', size - 7), headers: [("iothub-app-name", "1"), ("iothub-messageid", "22")]);
        answer.Status.ShouldBe(status, answer.Body);
    }

    [Theory]
    [InlineData("""[{"body":"plain","base64Encoded":false,"properties":{"iothub-app-n":5,"IoTHub-MessageId":"m"}},{"body":"YjI="}]""", 204)]
    [InlineData("[]", 400)]
    [InlineData("[null]", 400)]
    [InlineData("{}", 400)]
    [InlineData("[{\"body\":\"YjI=\"},{\"body\":\"no Base64!\"}]", 400)]
    [InlineData("[{\"properties\":{}}]", 400)]
    [InlineData("[{\"body\":\"YjI=\",\"properties\":{\"iothub-app-n\":{}}}]", 400)]
    public async Task A_batch_is_taken_as_a_whole_or_not_at_all(string body, int status)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("batch"));
        var answer = await DeviceAsync(device, HttpMethod.Post, "messages/events/", body: body, type: "application/vnd.microsoft.iothub.json; charset=utf-8");
        answer.Status.ShouldBe(status, answer.Body);
        var stored = await shared.Server.Reader.ReadAsync(device.Id);
        stored.Select(m => m.Text).ShouldBe(status == 204 ? ["plain", "b2"] : []);
        if (status == 204)
            (stored[0].Properties["n"], stored[0].System("message-id")).ShouldBe(("5", "m"));
    }

    [Fact]
    public async Task Who_is_not_that_device_is_refused_and_one_that_is_disabled_too()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("mine"));
        var other = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("other"));
        var off = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("off"), status: "disabled");
        foreach (var method in (HttpMethod[])[HttpMethod.Post, HttpMethod.Get])
        {
            var path = method == HttpMethod.Post ? "messages/events" : "messages/devicebound";
            (await DeviceAsync(device, method, path, token: SasToken.ForDevice(Host, other.Id, other.PrimaryKey))).Status.ShouldBe(401);
            (await DeviceAsync(device, method, path, token: SasToken.ForDevice(Host, device.Id, device.PrimaryKey, TimeSpan.FromHours(-1)))).Status.ShouldBe(401);
            (await DeviceAsync(device, method, path, token: "")).Status.ShouldBe(401);
            (await DeviceAsync(device with { Id = "nobody" }, method, path)).Status.ShouldBe(401);
            var disabled = await DeviceAsync(off, method, path);
            (disabled.Status, disabled.Header("iothub-errorcode")).ShouldBe((401, "IotHubUnauthorized"));
        }
        (await shared.Server.Hub.SendAsync(HttpMethod.Get, $"devices/{device.Id}/messages/devicebound?x=1", token: SasToken.ForDevice(Host, device.Id, device.PrimaryKey))).Status.ShouldBe(400);
        // A device does not speak for services.
        (await DeviceAsync(device, HttpMethod.Post, "messages/devicebound", body: "x")).Status.ShouldBe(401);
        (await DeviceAsync(device, HttpMethod.Delete, "commands")).Status.ShouldBe(401);
    }

    [Fact]
    public async Task A_device_over_HTTPS_is_active_and_not_connected()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("active"));
        (await DeviceAsync(device, HttpMethod.Post, "messages/events", body: "x")).Status.ShouldBe(204);
        for (var i = 0; ; i++)
        {
            var read = (await shared.Server.Hub.SendAsync(HttpMethod.Get, $"devices/{device.Id}")).Json;
            ((string?)read["connectionState"], DateTimeOffset.Parse((string)read["connectionStateUpdatedTime"]!).Year).ShouldBe(("Disconnected", 1));
            if (DateTimeOffset.Parse((string)read["lastActivityTime"]!).Year > 1)
                break;
            i.ShouldBeLessThan(50, "the activity should be there after a second");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task A_module_has_a_queue_of_its_own()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("module"));
        var module = (await shared.Server.Hub.SendAsync(HttpMethod.Put, $"devices/{device.Id}/modules/m1", new JsonObject { ["deviceId"] = device.Id, ["moduleId"] = "m1" })).Json;
        var key = (string)module["authentication"]!["symmetricKey"]!["primaryKey"]!;
        var token = SasToken.Create($"{Host}/devices/{device.Id}/modules/m1", key, null);
        (await SendAsync($"{device.Id}/modules/m1", "for the module")).Status.ShouldBe(204);
        (await DeviceAsync(device, HttpMethod.Get, "messages/devicebound")).Status.ShouldBe(204);
        (await DeviceAsync(device, HttpMethod.Get, "modules/m1/messages/devicebound", token: token)).Body.ShouldBe("for the module");
        (await DeviceAsync(device, HttpMethod.Post, "modules/m1/messages/events", body: "of the module", token: token)).Status.ShouldBe(204);
        (await shared.Server.Reader.SingleAsync(device.Id)).ModuleId.ShouldBe("m1");
    }

    [Fact]
    public async Task Curl_receives_and_completes_as_documented()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("curl"));
        await SendAsync(device.Id, "hello");
        var url = $"https://{Host}/devices/{device.Id}/messages/devicebound";
        string[] common = ["-sS", "-i", "--cacert", shared.Server.Ready.CaFile, "-H", "Authorization: " + SasToken.ForDevice(Host, device.Id, device.PrimaryKey)];
        var got = await ExternalProgram.RunAsync("curl", [.. common, $"{url}?{Version}"]);
        got.Output.ShouldStartWith("HTTP/1.1 200");
        got.Output.TrimEnd().ShouldEndWith("hello");
        var token = got.Output.Split('\n').First(l => l.StartsWith("ETag: ", StringComparison.Ordinal))["ETag: ".Length..].Trim().Trim('"');
        var done = await ExternalProgram.RunAsync("curl", [.. common, "-X", "DELETE", $"{url}/{token}?{Version}&reject"]);
        done.Output.ShouldStartWith("HTTP/1.1 204");
    }

    private string ConnectionString(TestDevice device) => $"HostName={Host};DeviceId={device.Id};SharedAccessKey={device.PrimaryKey}";

    private Task<RestAnswer> SendAsync(string path, string body, params (string Name, string Value)[] headers)
        => RequestAsync(HttpMethod.Post, $"devices/{path}/messages/devicebound?{Version}", SasToken.ForService(shared.Server.Hub.Credential), body, null, headers);

    private Task<RestAnswer> DeviceAsync(
        TestDevice device, HttpMethod method, string path, string? query = null, string? body = null, string? type = null, (string, string)[]? headers = null, string? token = null)
        => RequestAsync(method, $"devices/{device.Id}/{path}?{Version}&{query}", token ?? SasToken.ForDevice(Host, device.Id, device.PrimaryKey), body, type, headers ?? []);

    private async Task<RestAnswer> RequestAsync(HttpMethod method, string uri, string token, string? body, string? type, (string Name, string Value)[] headers)
    {
        using var http = new ServerTrust(shared.Server.Ready.CaFile, Host).HttpClient(SharedServer.HttpsPort);
        using var request = new HttpRequestMessage(method, uri);
        if (token.Length > 0)
            request.Headers.TryAddWithoutValidation("Authorization", token);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type ?? "application/octet-stream");
        }
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return new RestAnswer((int)response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), response.Headers);
    }

    private async Task<JsonArray> PeekAsync(string deviceId) => (await shared.Server.Hub.SendAsync(HttpMethod.Get, $"homeport/v1/devices/{deviceId}/commands")).Json.AsArray();

    /// <summary>Takes the waiting feedback out; other tests leave none behind.</summary>
    private async Task<IReadOnlyList<string>> FeedbackAsync(string deviceId)
    {
        var batch = await shared.Server.Hub.SendAsync(HttpMethod.Get, "messages/serviceBound/feedback");
        if (batch.Status == 204)
            return [];
        (await shared.Server.Hub.SendAsync(HttpMethod.Delete, $"messages/serviceBound/feedback/{batch.Header("ETag")!.Trim('"')}")).Status.ShouldBe(204);
        return [.. batch.Json.AsArray().Where(r => (string?)r!["deviceId"] == deviceId).Select(r => $"{r!["originalMessageId"]}:{r["statusCode"]}")];
    }
}
