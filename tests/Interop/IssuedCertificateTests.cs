using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Devices with certificates of a CA that the hub knows. The PKI is openssl's, the clients are the Node SDK and mosquitto.</summary>
[Collection(SharedServerTests.Name)]
public sealed class IssuedCertificateTests(SharedServer shared) : IDisposable
{
    private readonly OpenSslPki _pki = new();

    private string Host => shared.Server.Ready.Hub.HostName;

    public void Dispose() => _pki.Dispose();

    [Theory]
    [InlineData("mqtt", "rsa:2048")]
    [InlineData("mqttws", "rsa:2048")]
    [InlineData("mqtt", "ec")]
    [InlineData("amqp", "rsa:2048")]
    public async Task The_Node_SDK_connects_with_a_chain_over_an_intermediate(string transport, string key)
    {
        var ca = SharedServer.NewId("ca");
        await _pki.RootAsync("root", key);
        await UploadAndVerifyAsync(ca, "root", key);
        await _pki.IssueAsync("line", "root", "Line CA", key, isAuthority: true);
        var id = await DeviceAsync();
        await _pki.IssueAsync("device", "line", id, key);
        var chain = await _pki.ReadAsync("device.pem") + await _pki.ReadAsync("line.pem");
        var result = await OpenAsync(transport, id, chain);
        ((bool?)result["opened"]).ShouldBe(true, result.ToJsonString());
        var stored = await shared.Server.Reader.SingleAsync(id);
        stored.Text.ShouldBe("by CA");
        stored.AuthMethod.ToString().ShouldContain("x509");

        var alone = await OpenAsync(transport, id, await _pki.ReadAsync("device.pem"));
        // Over AMQP the device is named by its first link, so that is what the hub refuses.
        var entered = transport.StartsWith("amqp", StringComparison.Ordinal) ? alone["results"]![0]!["ok"] : alone["opened"];
        ((bool?)entered).ShouldBe(false, alone.ToJsonString());
        await shared.Server.WaitForPrintedAsync(l => l.Contains(id, StringComparison.Ordinal) && l.Contains("CN=Line CA", StringComparison.Ordinal), "the issuer that is not known");
        (await shared.Server.Hub.SendAsync(HttpMethod.Delete, Path(ca))).Status.ShouldBe(204);
    }

    [Theory]
    [InlineData("tlsv1.2")]
    [InlineData("tlsv1.3")]
    public async Task Mosquitto_gets_in_while_the_CA_is_there_and_its_connection_ends_with_it(string tls)
    {
        var ca = SharedServer.NewId("ca");
        await _pki.RootAsync("root", "ec");
        var id = await DeviceAsync();
        await _pki.IssueAsync("device", "root", id, "ec");
        (await PublishAsync(id, tls)).ExitCode.ShouldNotBe(0, "the CA is not there");
        await UploadAsync(ca, "root");
        (await PublishAsync(id, tls)).ExitCode.ShouldNotBe(0, "the CA is not verified");
        await VerifyAsync(ca, "root", "ec");
        var published = await PublishAsync(id, tls);
        published.ExitCode.ShouldBe(0, published.ToString());
        (await shared.Server.Reader.SingleAsync(id)).Text.ShouldBe("x");

        await _pki.IssueAsync("other", "root", "somebody-else", "ec");
        (await PublishAsync(id, tls, "other")).ExitCode.ShouldNotBe(0, "the common name is another");
        await shared.Server.WaitForPrintedAsync(l => l.Contains(id, StringComparison.Ordinal) && l.Contains("somebody-else", StringComparison.Ordinal), "the name in the certificate");

        await using var running = shared.Node.Start("device.mjs", new
        {
            connectionString = $"HostName={Host};DeviceId={id};x509=true",
            x509 = new { cert = await _pki.ReadAsync("device.pem"), key = await _pki.ReadAsync("device.key") },
            actions = new[] { new { untilDisconnected = 20000 } },
        });
        await running.WaitForEventAsync("connected");
        (await shared.Server.Hub.SendAsync(HttpMethod.Delete, Path(ca))).Status.ShouldBe(204);
        var result = await running.ResultAsync(TimeSpan.FromSeconds(40));
        ((bool?)result["results"]![0]!["ok"]).ShouldBe(true, result.ToJsonString());
        (await PublishAsync(id, tls)).ExitCode.ShouldNotBe(0, "the CA is gone");
    }

    [Fact]
    public async Task Over_AMQP_too_the_end_of_a_CA_ends_the_connections_that_came_by_it_and_no_others()
    {
        var devices = new List<(string Ca, string Id, RunningScenario Running)>();
        foreach (var name in (string[])["gone", "kept"])
        {
            var ca = SharedServer.NewId("ca");
            await _pki.RootAsync(name, "ec");
            await UploadAndVerifyAsync(ca, name, "ec");
            var id = await DeviceAsync();
            await _pki.IssueAsync($"{name}-device", name, id, "ec");
            // A message first: over AMQP a device is connected with its first link.
            object[] actions = [new { send = new { body = "first" } }, new { report = new { @event = "sent" } }, name == "gone" ? new { untilDisconnected = 60_000 } : new { onLine = true }];
            devices.Add((ca, id, shared.Node.Start("device.mjs", new
            {
                transport = "amqp",
                connectionString = $"HostName={Host};DeviceId={id};x509=true",
                x509 = new { cert = await _pki.ReadAsync($"{name}-device.pem"), key = await _pki.ReadAsync($"{name}-device.key") },
                actions = (object[])[.. actions, new { send = new { body = "second" } }],
            })));
        }
        await using var gone = devices[0].Running;
        await using var kept = devices[1].Running;
        await gone.WaitForEventAsync("sent");
        await kept.WaitForEventAsync("sent");
        (await shared.Server.Hub.SendAsync(HttpMethod.Delete, Path(devices[0].Ca))).Status.ShouldBe(204);
        var ended = (await gone.ResultAsync(TimeSpan.FromSeconds(90)))["results"]!.AsArray();
        ((bool)ended[2]!["ok"]!, (bool)ended[3]!["ok"]!).ShouldBe((true, false), ended.ToJsonString());
        await kept.TellAsync("go on");
        var going = (await kept.ResultAsync(TimeSpan.FromSeconds(90)))["results"]!.AsArray();
        going.ShouldAllBe(r => (bool)r!["ok"]!, going.ToJsonString());
        (await shared.Server.Reader.WaitAsync(devices[1].Id, 2)).Select(m => m.Text).ShouldBe(["first", "second"]);
        (await shared.Server.Hub.SendAsync(HttpMethod.Delete, Path(devices[1].Ca))).Status.ShouldBe(204);
    }

    [Fact]
    public async Task The_rest_api_shows_what_the_resource_provider_shows()
    {
        var ca = SharedServer.NewId("ca");
        await _pki.RootAsync("root", "ec");
        await UploadAsync(ca, "root");
        var hub = shared.Server.Hub;
        var one = (await hub.SendAsync(HttpMethod.Get, Path(ca))).Json;
        ((string?)one["name"]).ShouldBe(ca);
        ((string?)one["properties"]!["subject"]).ShouldBe("CN=root");
        ((bool?)one["properties"]!["isVerified"]).ShouldBe(false);
        using var pem = X509Certificate2.CreateFromPem(await _pki.ReadAsync("root.pem"));
        ((string?)one["properties"]!["thumbprint"]).ShouldBe(pem.Thumbprint);
        ((string?)one["properties"]!["certificate"]).ShouldBe(Convert.ToBase64String(pem.RawData));
        ((string?)one["properties"]!["expiry"]).ShouldBe(pem.NotAfter.ToUniversalTime().ToString("R"));
        (await hub.SendAsync(HttpMethod.Get, "homeport/v1/certificates")).Json["value"]!.AsArray().ShouldContain(c => (string?)c!["name"] == ca);

        (await hub.SendAsync(HttpMethod.Put, Path(ca), Body(await _pki.ReadAsync("root.pem")))).Status.ShouldBe(412);
        (await hub.SendAsync(HttpMethod.Post, Path(ca) + "/generateVerificationCode", ifMatch: "\"stale\"")).Status.ShouldBe(412);
        var made = await hub.SendAsync(HttpMethod.Post, Path(ca) + "/generateVerificationCode", ifMatch: (string)one["etag"]!);
        made.Status.ShouldBe(200, made.Body);
        ((string?)made.Json["properties"]!["verificationCode"]).ShouldNotBeNull().Length.ShouldBe(48);
        ((string?)(await hub.SendAsync(HttpMethod.Get, Path(ca))).Json["properties"]!["verificationCode"]).ShouldBeNull();
        (await hub.SendAsync(HttpMethod.Post, Path(ca) + "/verify", new JsonObject { ["certificate"] = await _pki.ReadAsync("root.pem") })).Status.ShouldBe(400);
        (await hub.SendAsync(HttpMethod.Put, Path(SharedServer.NewId("ca")), Body("nonsense"))).Status.ShouldBe(400);
        (await hub.SendAsync(HttpMethod.Get, Path("nobody"), token: "none")).Status.ShouldBe(401);
        (await hub.SendAsync(HttpMethod.Get, Path("nobody"))).Status.ShouldBe(404);
        (await hub.SendAsync(HttpMethod.Delete, Path(ca))).Status.ShouldBe(204);
    }

    private static string Path(string ca) => $"homeport/v1/certificates/{ca}";

    private static JsonObject Body(string certificate) => new() { ["properties"] = new JsonObject { ["certificate"] = certificate } };

    private async Task<string> DeviceAsync()
    {
        var id = SharedServer.NewId("issued");
        await shared.Server.Hub.CreateDeviceAsync(id, new JsonObject { ["type"] = "certificateAuthority" });
        return id;
    }

    private async Task<JsonNode> OpenAsync(string transport, string id, string chain)
        => await shared.Node.RunAsync("device.mjs", new
        {
            transport,
            connectionString = $"HostName={Host};DeviceId={id};x509=true",
            x509 = new { cert = chain, key = await _pki.ReadAsync("device.key") },
            actions = new[] { new { send = new { body = "by CA" } } },
        });

    private Task<ProgramResult> PublishAsync(string id, string tls, string certificate = "device")
        => ExternalProgram.RunAsync("mosquitto_pub",
            ["-h", Host, "-p", $"{SharedServer.MqttPort}", "--cafile", shared.Server.Ready.CaFile, "--cert", _pki.PathOf($"{certificate}.pem"), "--key", _pki.PathOf($"{certificate}.key"),
             "--tls-version", tls, "-V", "mqttv311", "-i", id, "-u", $"{Host}/{id}/?api-version=2021-04-12", "-q", "1", "-t", $"devices/{id}/messages/events/", "-m", "x"],
            TimeSpan.FromSeconds(30));

    private async Task UploadAndVerifyAsync(string ca, string name, string key)
    {
        await UploadAsync(ca, name);
        await VerifyAsync(ca, name, key);
    }

    private async Task UploadAsync(string ca, string name)
    {
        var answer = await shared.Server.Hub.SendAsync(HttpMethod.Put, Path(ca), Body(await _pki.ReadAsync($"{name}.pem")));
        answer.Status.ShouldBe(200, answer.Body);
    }

    private async Task VerifyAsync(string ca, string name, string key)
    {
        var code = (await shared.Server.Hub.SendAsync(HttpMethod.Post, Path(ca) + "/generateVerificationCode")).Json["properties"]!["verificationCode"]!;
        await _pki.IssueAsync("proof", name, (string)code!, key);
        var answer = await shared.Server.Hub.SendAsync(HttpMethod.Post, Path(ca) + "/verify", new JsonObject { ["certificate"] = await _pki.ReadAsync("proof.pem") });
        answer.Status.ShouldBe(200, answer.Body);
        ((bool?)answer.Json["properties"]!["isVerified"]).ShouldBe(true);
    }
}
