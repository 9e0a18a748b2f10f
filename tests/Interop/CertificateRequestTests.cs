using System.Diagnostics;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>
/// A device registers with its symmetric key and a certificate request of openssl, and is at its hub with the certificate that was issued:
/// the Node SDK and mosquitto. It renews it, and a revocation ends the connection.
/// </summary>
[Collection(SharedServerTests.Name)]
public sealed class CertificateRequestTests(SharedServer shared) : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Host => shared.Server.Ready.Hub.HostName;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_certificate_of_a_registration_opens_the_hub_until_it_is_revoked()
    {
        var (id, key) = (SharedServer.NewId("csr"), SasToken.NewKey());
        await EnrollAsync(id, key);
        await RequestAsync("first", id, "ec");
        await IssueAsync(id, key, "first");
        var check = await ExternalProgram.RunAsync("openssl", ["verify", "-CAfile", _folder.File("first-ca.pem"), "-purpose", "sslclient", _folder.File("first.pem")]);
        check.ExitCode.ShouldBe(0, check.ToString());
        var opened = await shared.Node.RunAsync("device.mjs", new
        {
            connectionString = $"HostName={Host};DeviceId={id};x509=true",
            x509 = new { cert = await File.ReadAllTextAsync(_folder.File("first.pem")), key = await File.ReadAllTextAsync(_folder.File("first.key")) },
            actions = new object[] { new { send = new { body = "by certificate" } } },
        });
        ((bool?)opened["opened"]).ShouldBe(true, opened.ToJsonString());
        (await shared.Server.Reader.SingleAsync(id)).AuthMethod.ToString().ShouldContain("x509");

        await RequestAsync("second", id, "rsa");
        await IssueAsync(id, key, "second");
        (await PublishAsync(id, "first")).ExitCode.ShouldBe(0, "the one before is good until the device has changed over");
        (await PublishAsync(id, "second")).ExitCode.ShouldBe(0);

        using var watcher = ExternalProgram.Start("mosquitto_sub", [.. Connection(id, "second"), "-t", $"devices/{id}/messages/devicebound/#"], null);
        await WaitAsync(async () => (string?)(await shared.Server.Hub.SendAsync(HttpMethod.Get, "devices/" + id)).Json["connectionState"] == "Connected", "the connection");
        var listed = (await shared.Server.Dps.SendAsync(HttpMethod.Get, "homeport/v1/issuedCertificates?registrationId=" + id)).Json.AsArray();
        listed.Select(c => (string?)c!["status"]).ShouldBe(["valid", "valid"]);
        var serial = (string)listed[0]!["serialNumber"]!;
        var revoked = await shared.Server.Dps.SendAsync(HttpMethod.Post, $"homeport/v1/issuedCertificates/{serial}/revoke", new JsonObject { ["reason"] = "stolen" });
        ((string?)revoked.Json["status"]).ShouldBe("revoked", revoked.Body);
        // It connects again by itself, and is refused: mosquitto then ends.
        await watcher.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        (await PublishAsync(id, "second")).ExitCode.ShouldNotBe(0);
        (await PublishAsync(id, "first")).ExitCode.ShouldBe(0);
    }

    [Theory]
    [InlineData("https")]
    [InlineData("mqtt")]
    public async Task A_device_renews_with_the_certificate_that_it_has_and_needs_its_key_no_more(string transport)
    {
        var (id, key) = (SharedServer.NewId("renew"), SasToken.NewKey());
        await EnrollAsync(id, key);
        await RequestAsync("first", id, "ec");
        await IssueAsync(id, key, "first");
        await RequestAsync("second", id, "rsa");
        var state = transport == "https" ? await RenewOverHttpsAsync(id, "first", "second") : await RenewOverMqttAsync(id, "first", "second");
        await KeepAsync(state, "second");
        var published = await PublishAsync(id, "second");
        published.ExitCode.ShouldBe(0, published.ToString());
        var record = await shared.Server.Dps.SendAsync(HttpMethod.Get, "registrations/" + id);
        ((string?)record.Json["credentialUsed"]).ShouldBe("issuedCertificate", record.Body);

        var serial = (string)(await shared.Server.Dps.SendAsync(HttpMethod.Get, "homeport/v1/issuedCertificates?registrationId=" + id)).Json[1]!["serialNumber"]!;
        (await shared.Server.Dps.SendAsync(HttpMethod.Post, $"homeport/v1/issuedCertificates/{serial}/revoke", new JsonObject())).Status.ShouldBe(200);
        (await CurlAsync(id, "first", "PUT", "register", await BodyAsync(id, "second")))["errorCode"]!.GetValue<int>().ShouldBe(401002);
        await shared.Server.WaitForPrintedAsync(l => l.Contains(id, StringComparison.Ordinal) && l.Contains("issued to it at a registration, but is revoked", StringComparison.Ordinal), "why");
    }

    [Fact]
    public async Task A_request_for_another_device_is_refused()
    {
        var (id, key) = (SharedServer.NewId("csr"), SasToken.NewKey());
        await EnrollAsync(id, key);
        await RequestAsync("other", id + "x", "ec");
        var answer = await RegisterAsync(id, key, "other");
        answer.Status.ShouldBe(400);
        ((int?)answer.Json["errorCode"]).ShouldBe(400010);
        answer.Body.ShouldContain("Make the request for CN=" + id);
    }

    private async Task EnrollAsync(string id, string key)
    {
        var body = new JsonObject
        {
            ["attestation"] = new JsonObject { ["type"] = "symmetricKey", ["symmetricKey"] = new JsonObject { ["primaryKey"] = key, ["secondaryKey"] = key } },
            ["clientCertificateIssuancePolicy"] = new JsonObject { ["certificateAuthorityName"] = "default" },
        };
        var answer = await shared.Server.Dps.SendAsync(HttpMethod.Put, $"enrollments/{id}?api-version=2021-11-01-preview", body);
        answer.Status.ShouldBe(200, answer.Body);
    }

    private async Task RequestAsync(string name, string commonName, string kind)
    {
        string[] key = kind == "ec" ? ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] : ["-newkey", "rsa:2048"];
        var made = await ExternalProgram.RunAsync("openssl", ["req", "-new", "-nodes", .. key, "-keyout", _folder.File(name + ".key"), "-subj", "/CN=" + commonName, "-outform", "DER", "-out", _folder.File(name + ".csr")]);
        made.ExitCode.ShouldBe(0, made.ToString());
    }

    private async Task<RestAnswer> RegisterAsync(string id, string key, string name)
    {
        var scope = shared.Server.Ready.Dps.IdScope;
        var body = new JsonObject { ["registrationId"] = id, ["csr"] = Convert.ToBase64String(await File.ReadAllBytesAsync(_folder.File(name + ".csr"))) };
        return await shared.Server.Dps.SendAsync(HttpMethod.Put, $"{scope}/registrations/{id}/register?api-version=2025-07-01-preview", body, token: SasToken.Create($"{scope}/registrations/{id}", key, "registration"));
    }

    private async Task<JsonNode> RenewOverHttpsAsync(string id, string certificate, string request)
    {
        var started = await CurlAsync(id, certificate, "PUT", "register", await BodyAsync(id, request));
        return (await CurlAsync(id, certificate, "GET", $"operations/{started["operationId"]}"))["registrationState"].ShouldNotBeNull();
    }

    private async Task<JsonNode> CurlAsync(string id, string certificate, string method, string call, string? body = null)
    {
        string[] sent = body is null ? [] : ["-H", "Content-Type: application/json", "-d", body];
        var result = await ExternalProgram.RunAsync("curl", ["-sS", "--cacert", shared.Server.Ready.CaFile, "--cert", _folder.File(certificate + ".pem"), "--key", _folder.File(certificate + ".key"),
            "-X", method, $"https://{Host}/{shared.Server.Ready.Dps.IdScope}/registrations/{id}/{call}?api-version=2025-07-01-preview", .. sent]);
        return JsonNode.Parse(result.Output).ShouldNotBeNull(result.ToString());
    }

    private async Task<JsonNode> RenewOverMqttAsync(string id, string certificate, string request)
    {
        var result = await ExternalProgram.PythonAsync("renew.py", new JsonObject
        {
            ["host"] = Host,
            ["port"] = SharedServer.MqttPort,
            ["ca"] = shared.Server.Ready.CaFile,
            ["certificate"] = _folder.File(certificate + ".pem"),
            ["key"] = _folder.File(certificate + ".key"),
            ["idScope"] = shared.Server.Ready.Dps.IdScope,
            ["registrationId"] = id,
            ["request"] = Convert.ToBase64String(await File.ReadAllBytesAsync(_folder.File(request + ".csr"))),
        }.ToJsonString());
        return result["state"].ShouldNotBeNull(result.ToJsonString());
    }

    private async Task<string> BodyAsync(string id, string request)
        => new JsonObject { ["registrationId"] = id, ["csr"] = Convert.ToBase64String(await File.ReadAllBytesAsync(_folder.File(request + ".csr"))) }.ToJsonString();

    private async Task IssueAsync(string id, string key, string name)
    {
        var scope = shared.Server.Ready.Dps.IdScope;
        var started = await RegisterAsync(id, key, name);
        started.Status.ShouldBe(202, started.Body);
        var polled = await shared.Server.Dps.SendAsync(HttpMethod.Get, $"{scope}/registrations/{id}/operations/{started.Json["operationId"]}?api-version=2025-07-01-preview", token: SasToken.Create($"{scope}/registrations/{id}", key, "registration"));
        await KeepAsync(polled.Json["registrationState"].ShouldNotBeNull(polled.Body), name);
    }

    private async Task KeepAsync(JsonNode state, string name)
    {
        var chain = state["issuedCertificateChain"].ShouldNotBeNull(state.ToJsonString()).AsArray();
        string Pem(JsonNode? der) => System.Security.Cryptography.PemEncoding.WriteString("CERTIFICATE", Convert.FromBase64String((string)der!)) + "\n";
        await File.WriteAllTextAsync(_folder.File(name + ".pem"), Pem(chain[0]));
        await File.WriteAllTextAsync(_folder.File(name + "-ca.pem"), Pem(chain[1]));
    }

    private string[] Connection(string id, string name) =>
    [
        "-h", Host, "-p", $"{SharedServer.MqttPort}", "--cafile", shared.Server.Ready.CaFile, "--cert", _folder.File(name + ".pem"), "--key", _folder.File(name + ".key"),
        "-V", "mqttv311", "-i", id, "-u", $"{Host}/{id}/?api-version=2021-04-12", "-q", "1",
    ];

    private Task<ProgramResult> PublishAsync(string id, string name) => ExternalProgram.RunAsync("mosquitto_pub", [.. Connection(id, name), "-t", $"devices/{id}/messages/events/", "-m", "hello"]);

    private static async Task WaitAsync(Func<Task<bool>> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20), what);
            await Task.Delay(50);
        }
    }
}
