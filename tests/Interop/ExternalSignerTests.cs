using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>
/// A program of the operator signs certificates at registrations: here a shell script around openssl. mosquitto connects with what it signed, and
/// what it refuses is explained by the tool.
/// </summary>
public sealed class ExternalSignerTests : IAsyncLifetime
{
    private const string Script = """
        #!/bin/sh
        cd "$(dirname "$0")" || exit 1
        case "$HOMEPORT_REGISTRATION_ID" in
        stranger) echo "$HOMEPORT_REGISTRATION_ID is not on the list" >&2; exit 3 ;;
        liar) cat signer.pem; exit 0 ;;
        esac
        openssl x509 -req -CA signer.pem -CAkey signer.key -set_serial "0x$(openssl rand -hex 12)" -days 2 -extfile signer.ext 2>/dev/null && cat signer.pem
        """;

    private readonly TempFolder _folder = new();
    private readonly OpenSslPki _pki = new();
    private ServerProcess _server = null!;

    public async ValueTask InitializeAsync()
    {
        await _pki.RootAsync("signer", "ec");
        await File.WriteAllTextAsync(_pki.PathOf("signer.ext"), "extendedKeyUsage=clientAuth\nkeyUsage=digitalSignature\n");
        await File.WriteAllTextAsync(_pki.PathOf("sign.sh"), Script);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_pki.PathOf("sign.sh"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        _server = await ServerProcess.StartAsync(new ServerSettings(_folder.File("data"), Host: "localhost"), "--certificate-signer", _pki.PathOf("sign.sh"));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _pki.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task What_the_program_signs_opens_the_hub_and_what_it_refuses_is_explained()
    {
        var state = await RegisterAsync("press");
        var chain = state["issuedCertificateChain"].ShouldNotBeNull(state.ToJsonString()).AsArray();
        chain.Count.ShouldBe(2);
        await File.WriteAllTextAsync(_folder.File("press.pem"), System.Security.Cryptography.PemEncoding.WriteString("CERTIFICATE", Convert.FromBase64String((string)chain[0]!)) + "\n");
        var check = await ExternalProgram.RunAsync("openssl", ["verify", "-CAfile", _pki.PathOf("signer.pem"), "-purpose", "sslclient", _folder.File("press.pem")]);
        check.ExitCode.ShouldBe(0, check.ToString());
        var published = await ExternalProgram.RunAsync("mosquitto_pub", [
            "-h", "localhost", "-p", $"{_server.Ready.Ports.Mqtt}", "--cafile", _server.Ready.CaFile, "--cert", _folder.File("press.pem"), "--key", _folder.File("press.key"), "-V", "mqttv311",
            "-i", "press", "-u", "localhost/press/?api-version=2021-04-12", "-q", "1", "-t", "devices/press/messages/events/", "-m", "signed outside"]);
        published.ExitCode.ShouldBe(0, published.ToString());
        (await _server.Reader.SingleAsync("press")).Text.ShouldBe("signed outside");

        foreach (var (id, cause) in new[] { ("stranger", "'sign.sh' ended with 3: stranger is not on the list"), ("liar", "it is for another key than the request") })
        {
            var failed = await RegisterAsync(id);
            ((string?)failed["status"]).ShouldBe("failed");
            ((int?)failed["errorCode"]).ShouldBe(500001);
            (await WhyAsync(id)).ShouldContain(cause);
            (await _server.Hub.SendAsync(HttpMethod.Get, "devices/" + id)).Status.ShouldBe(404);
        }
        // What a device is refused since says more than its registration, which is failed for another reason.
        var scope = _server.Ready.Dps.IdScope;
        var token = SasToken.Create($"{scope}/registrations/liar", SasToken.NewKey(), "registration");
        (await _server.Dps.SendAsync(HttpMethod.Put, $"{scope}/registrations/liar/register?api-version=2021-06-01", new JsonObject(), token: token)).Status.ShouldBe(401);
        (await WhyAsync("liar")).ShouldContain("signed by neither key");
    }

    private async Task<string> WhyAsync(string id)
        => (await ExternalProgram.RunAsync("dotnet", [ServerProcess.Tool, "why", id, "--ready-file", _server.ReadyPath])).Output.Split('\n')[0];

    private async Task<JsonNode> RegisterAsync(string id)
    {
        var key = SasToken.NewKey();
        var enrollment = new JsonObject
        {
            ["attestation"] = new JsonObject { ["type"] = "symmetricKey", ["symmetricKey"] = new JsonObject { ["primaryKey"] = key, ["secondaryKey"] = key } },
            ["clientCertificateIssuancePolicy"] = new JsonObject { ["certificateAuthorityName"] = "external" },
        };
        var enrolled = await _server.Dps.SendAsync(HttpMethod.Put, $"enrollments/{id}?api-version=2021-10-01", enrollment);
        enrolled.Status.ShouldBe(200, enrolled.Body);
        var made = await ExternalProgram.RunAsync("openssl", ["req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", _folder.File(id + ".key"), "-subj", "/CN=" + id, "-outform", "DER", "-out", _folder.File(id + ".csr")]);
        made.ExitCode.ShouldBe(0, made.ToString());
        var scope = _server.Ready.Dps.IdScope;
        var token = SasToken.Create($"{scope}/registrations/{id}", key, "registration");
        var body = new JsonObject { ["csr"] = Convert.ToBase64String(await File.ReadAllBytesAsync(_folder.File(id + ".csr"))) };
        var started = await _server.Dps.SendAsync(HttpMethod.Put, $"{scope}/registrations/{id}/register?api-version=2025-07-01-preview", body, token: token);
        started.Status.ShouldBe(202, started.Body);
        var polled = await _server.Dps.SendAsync(HttpMethod.Get, $"{scope}/registrations/{id}/operations/{started.Json["operationId"]}?api-version=2025-07-01-preview", token: token);
        return polled.Json["registrationState"].ShouldNotBeNull(polled.Body);
    }
}
