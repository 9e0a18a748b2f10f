using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Who is let in, who is refused and with which words, how long a connection lives. Clients: the Node device SDK.</summary>
[Collection(SharedServerTests.Name)]
public sealed class AccessTests(SharedServer shared)
{
    private string Host => shared.Server.Ready.Hub.HostName;

    [Fact]
    public async Task Both_keys_of_a_device_open_the_door()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("keys"));
        await AcceptedAsync(new { connectionString = ConnectionString(device.Id, device.PrimaryKey), actions = Send("1") });
        await AcceptedAsync(new { connectionString = ConnectionString(device.Id, device.SecondaryKey), actions = Send("2") });
        (await shared.Server.Reader.WaitAsync(device.Id, 2)).Select(m => m.Text).ShouldBe(["1", "2"]);
    }

    [Theory]
    [InlineData("mqtt")]
    [InlineData("mqttws")]
    public async Task A_wrong_key_is_refused_and_the_refusal_is_explained(string transport)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("wrong"));
        await RefusedAsync(new { transport, connectionString = ConnectionString(device.Id, SasToken.NewKey()) });
        await ExplainedAsync(device.Id, "signature", "key");
        shared.Server.Printed.ShouldNotContain(device.PrimaryKey);
    }

    [Fact]
    public async Task An_expired_token_is_refused_and_the_refusal_is_explained()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("expired"));
        await RefusedAsync(new { token = SasToken.ForDevice(Host, device.Id, device.PrimaryKey, TimeSpan.FromHours(-1)) });
        await ExplainedAsync(device.Id, "expired");
    }

    [Fact]
    public async Task A_token_for_another_device_is_refused()
    {
        var (device, other) = (await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("mine")), await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("other")));
        await using var wire = await MqttWire.OpenAsync(shared.Server);
        var token = SasToken.ForDevice(Host, other.Id, other.PrimaryKey);
        await wire.SendAsync(MqttWire.Connect(device.Id, MqttWire.UserName(Host, device.Id), token));
        (await wire.ReadAsync()).ShouldNotBeNull().Content.ShouldBe([0, 5]);
        await wire.ExpectCloseAsync();
    }

    [Fact]
    public async Task A_disabled_device_is_refused_and_the_refusal_is_explained()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("off"), status: "disabled");
        await RefusedAsync(new { connectionString = ConnectionString(device.Id, device.PrimaryKey) });
        await ExplainedAsync(device.Id, "disabled");
    }

    [Fact]
    public async Task An_unknown_device_is_refused_and_the_refusal_is_explained()
    {
        var id = SharedServer.NewId("nobody");
        await RefusedAsync(new { connectionString = ConnectionString(id, SasToken.NewKey()) });
        await ExplainedAsync(id, "not registered", "unknown", "no device", "does not exist", "not found");
    }

    [Fact]
    public async Task Disabling_a_device_ends_its_connection()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("cut"));
        await using var running = shared.Node.Start("device.mjs", new { connectionString = ConnectionString(device.Id, device.PrimaryKey), actions = new[] { new { untilDisconnected = 20000 } } });
        await running.WaitForEventAsync("connected");
        var read = (await shared.Server.Hub.SendAsync(HttpMethod.Get, $"devices/{device.Id}")).Json;
        read["status"] = "disabled";
        (await shared.Server.Hub.SendAsync(HttpMethod.Put, $"devices/{device.Id}", read, "*")).Status.ShouldBe(200);
        var result = await running.ResultAsync(TimeSpan.FromSeconds(40));
        ((bool?)result["results"]![0]!["ok"]).ShouldBe(true, result.ToJsonString());
    }

    [Fact]
    public async Task A_connection_ends_when_its_token_does()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("short"));
        var sign = new { resource = $"{Host}/devices/{device.Id}", key = device.PrimaryKey, seconds = 5 };
        var result = await AcceptedAsync(new { sign, actions = new object[] { new { send = new { body = "in time" } }, new { untilDisconnected = 30000 } } });
        (await shared.Server.Reader.SingleAsync(device.Id)).Text.ShouldBe("in time");
        var lived = (long)result["results"]![1]!["at"]! - (long)result["openedAt"]!;
        lived.ShouldBeGreaterThan(2000, "the connection may not end before the token");
    }

    [Fact]
    public async Task A_renewed_token_keeps_a_device_sending()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("renew"));
        var actions = Enumerable.Range(0, 24).SelectMany(i => new object[] { new { send = new { body = $"{i}" } }, new { sleep = 500 } });
        var result = await AcceptedAsync(new { connectionString = ConnectionString(device.Id, device.PrimaryKey), renewal = new { valid = 6, margin = 3 }, actions });
        result["events"]!.AsArray().Count(e => (string?)e!["event"] == "newToken").ShouldBeGreaterThanOrEqualTo(2, result.ToJsonString());
        result["events"]!.AsArray().ShouldNotContain(e => (string?)e!["event"] == "disconnect");
        var stored = (await shared.Server.Reader.WaitAsync(device.Id, 24)).Select(m => m.Text).ToList();
        stored.Distinct().ShouldBe(Enumerable.Range(0, 24).Select(i => $"{i}"));
    }

    [Theory]
    [InlineData("mqtt", "mqtt")]
    [InlineData("mqtt", "mqttws")]
    [InlineData("mqttws", "mqtt")]
    public async Task A_second_connection_of_a_device_ends_the_first(string firstTransport, string secondTransport)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("takeover"));
        var connectionString = ConnectionString(device.Id, device.PrimaryKey);
        await using var first = shared.Node.Start("device.mjs", new { transport = firstTransport, connectionString, actions = new[] { new { untilDisconnected = 20000 } } });
        await first.WaitForEventAsync("connected");
        await AcceptedAsync(new { transport = secondTransport, connectionString, actions = Send("second") });
        var result = await first.ResultAsync(TimeSpan.FromSeconds(40));
        ((bool?)result["results"]![0]!["ok"]).ShouldBe(true, result.ToJsonString());
        (await shared.Server.Reader.SingleAsync(device.Id)).Text.ShouldBe("second");
    }

    [Fact]
    public async Task A_device_and_its_module_do_not_disturb_each_other()
    {
        var id = SharedServer.NewId("pair");
        var device = await shared.Server.Hub.CreateDeviceAsync(id);
        var added = await shared.Server.Hub.SendAsync(HttpMethod.Put, $"devices/{id}/modules/m", new JsonObject { ["deviceId"] = id, ["moduleId"] = "m" });
        added.Status.ShouldBeInRange(200, 201, added.Body);
        var key = (string)added.Json["authentication"]!["symmetricKey"]!["primaryKey"]!;
        var actions = new object[] { new { sleep = 4000 }, new { send = new { body = "still here" } } };
        await using var running = shared.Node.Start("device.mjs", new { connectionString = ConnectionString(id, device.PrimaryKey), actions });
        await running.WaitForEventAsync("connected");
        await AcceptedAsync(new { module = true, connectionString = $"HostName={Host};DeviceId={id};ModuleId=m;SharedAccessKey={key}", actions = Send("module") });
        var result = await running.ResultAsync(TimeSpan.FromSeconds(40));
        result["events"]!.AsArray().Count.ShouldBe(0, result.ToJsonString());
        result["results"]!.AsArray().ShouldAllBe(r => (bool)r!["ok"]!);
    }

    [Fact]
    public async Task A_policy_of_the_hub_opens_the_door_for_any_existing_device()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("policy"));
        var policy = shared.Server.Hub.Credential;
        await AcceptedAsync(new { token = SasToken.Create($"{Host}/devices/{device.Id}", policy.Key, policy.Policy), actions = Send("by policy") });
        (await shared.Server.Reader.SingleAsync(device.Id)).Text.ShouldBe("by policy");

        var nobody = SharedServer.NewId("nobody");
        await RefusedAsync(new { token = SasToken.Create($"{Host}/devices/{nobody}", policy.Key, policy.Policy) });
        await RefusedAsync(new { token = SasToken.Create($"{Host}/devices/{device.Id}", SasToken.NewKey(), policy.Policy) });
        await RefusedAsync(new { token = SasToken.Create($"{Host}/devices/{device.Id}", policy.Key, "no-such-policy") });
    }

    [Fact]
    public async Task A_token_for_the_whole_hub_covers_each_device()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("wide"));
        await using var wire = await MqttWire.OpenAsync(shared.Server);
        await wire.SendAsync(MqttWire.Connect(device.Id, MqttWire.UserName(Host, device.Id), SasToken.ForService(shared.Server.Hub.Credential)));
        (await wire.ReadAsync()).ShouldNotBeNull().Content[1].ShouldBe((byte)0);
    }

    [Theory]
    [InlineData("mqtt", "SHA1", true)]
    [InlineData("mqtt", "SHA1", false)]
    [InlineData("mqtt", "SHA256", true)]
    [InlineData("mqtt", "SHA256", false)]
    [InlineData("mqttws", "SHA256", true)]
    public async Task A_certificate_with_an_enrolled_thumbprint_opens_the_door(string transport, string algorithm, bool primary)
    {
        var id = SharedServer.NewId("x509");
        using var mine = new DeviceCertificate(id);
        using var other = new DeviceCertificate(id);
        string Print(DeviceCertificate c) => algorithm == "SHA1" ? c.Sha1 : c.Sha256.ToLowerInvariant();
        await shared.Server.Hub.CreateX509DeviceAsync(id, Print(primary ? mine : other), Print(primary ? other : mine));
        await AcceptedAsync(new { transport, connectionString = $"HostName={Host};DeviceId={id};x509=true", x509 = new { cert = mine.CertificatePem, key = mine.KeyPem }, actions = Send("by certificate") });
        var stored = await shared.Server.Reader.SingleAsync(id);
        stored.Text.ShouldBe("by certificate");
        stored.AuthMethod.ToString().ShouldContain("x509");
    }

    [Fact]
    public async Task A_certificate_with_another_thumbprint_is_refused_and_the_refusal_is_explained()
    {
        var id = SharedServer.NewId("x509");
        using var mine = new DeviceCertificate(id);
        using var other = new DeviceCertificate(id);
        await shared.Server.Hub.CreateX509DeviceAsync(id, mine.Sha256);
        await RefusedAsync(new { connectionString = $"HostName={Host};DeviceId={id};x509=true", x509 = new { cert = other.CertificatePem, key = other.KeyPem } });
        await ExplainedAsync(id, "thumbprint");
    }

    [Fact]
    public async Task A_certificate_does_not_stand_in_for_a_key()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("sas-only"));
        using var certificate = new DeviceCertificate(device.Id);
        await RefusedAsync(new { connectionString = $"HostName={Host};DeviceId={device.Id};x509=true", x509 = new { cert = certificate.CertificatePem, key = certificate.KeyPem } });
    }

    private static object[] Send(string body) => [new { send = new { body } }];

    private string ConnectionString(string id, string key) => $"HostName={Host};DeviceId={id};SharedAccessKey={key}";

    private async Task<JsonNode> AcceptedAsync(object arguments)
    {
        var result = await shared.Node.RunAsync("device.mjs", arguments);
        ((bool?)result["opened"]).ShouldBe(true, result.ToJsonString());
        result["results"]!.AsArray().ShouldAllBe(r => (bool)r!["ok"]!, result.ToJsonString());
        return result;
    }

    // The SDK reports an unreachable server as UnauthorizedError too; only the text shows that the server spoke.
    private async Task RefusedAsync(object arguments)
    {
        var result = await shared.Node.RunAsync("device.mjs", arguments);
        ((bool?)result["opened"]).ShouldBe(false, result.ToJsonString());
        ((string?)result["error"]!["name"]).ShouldBe("UnauthorizedError");
        ((string?)result["error"]!["message"]).ShouldNotBeNull().ShouldContain("Connection refused: Not authorized");
    }

    private Task ExplainedAsync(string deviceId, params string[] words) =>
        shared.Server.WaitForPrintedAsync(
            line => line.Contains(deviceId, StringComparison.Ordinal) && words.Any(w => line.Contains(w, StringComparison.OrdinalIgnoreCase)),
            $"a line with '{deviceId}' and one of the words: {string.Join(", ", words)}");
}
