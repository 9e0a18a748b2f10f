using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>
/// Devices that register with a certificate: the PKI is openssl's, the enrollments are made by npm azure-iot-provisioning-service, the
/// devices are npm azure-iot-provisioning-device with azure-iot-security-x509. Each connects to its hub with the same certificate.
/// </summary>
[Collection(SharedServerTests.Name)]
public sealed class X509ProvisioningTests(SharedServer shared) : IDisposable
{
    private readonly OpenSslPki _pki = new();

    private ReadyDps Dps => shared.Server.Ready.Dps;

    public void Dispose() => _pki.Dispose();

    [Theory]
    [InlineData("http", "ec")]
    [InlineData("mqtt", "rsa:2048")]
    [InlineData("mqttws", "ec")]
    [InlineData("amqp", "ec")]
    public async Task A_device_with_an_enrolled_certificate_registers_and_sends(string transport, string key)
    {
        var id = SharedServer.NewId("x509");
        await _pki.SelfSignedAsync("first", id, key);
        await _pki.SelfSignedAsync("second", id, key);
        var pair = new { primary = new { certificate = await _pki.ReadAsync("first.pem") }, secondary = new { certificate = await _pki.ReadAsync("second.pem") } };
        var steps = await ServiceAsync(
            ["createOrUpdateIndividualEnrollment", new { registrationId = id, attestation = new { type = "x509", x509 = new { clientCertificates = pair } } }],
            ["getIndividualEnrollment", id]);
        ((string?)steps[0].Success["attestation"]!["x509"]!["clientCertificates"]!["primary"]!["info"]!["subjectName"]).ShouldBe("CN=" + id);
        ((string?)steps[1].Success["attestation"]!["x509"]!["clientCertificates"]!["secondary"]!["info"]!["sha256Thumbprint"]).ShouldNotBeNull().Length.ShouldBe(64);

        ShouldHaveSent(await ProvisionAsync(transport, id, "first", "first.pem", "by the first"), id);
        ShouldHaveSent(await ProvisionAsync(transport, id, "second", "second.pem", "by the second"), id);
        (await shared.Server.Reader.WaitAsync(id, 2)).Select(m => m.Text).ShouldBe(["by the first", "by the second"]);
        var record = await shared.Server.Dps.SendAsync(HttpMethod.Get, $"registrations/{id}");
        ((string?)record.Json["credentialUsed"]).ShouldBe("secondaryCertificate", record.Body);

        await _pki.SelfSignedAsync("stranger", id, key);
        var refused = await ProvisionAsync(transport, id, "stranger", "stranger.pem");
        ((bool?)refused["registered"]).ShouldBe(false, refused.ToJsonString());
        // Over AMQP the SDK hands an object on that has no text.
        if (transport != "amqp")
            refused.ToJsonString().ShouldContain("401002");
        await shared.Server.WaitForPrintedAsync(l => l.Contains("401002", StringComparison.Ordinal) && l.Contains(id, StringComparison.Ordinal), "the refusal");
    }

    [Theory]
    [InlineData("http", "rsa:2048")]
    [InlineData("mqtt", "ec")]
    [InlineData("mqttws", "rsa:2048")]
    [InlineData("amqpws", "ec")]
    public async Task A_device_of_a_group_registers_with_a_chain_over_an_intermediate_and_sends(string transport, string key)
    {
        var (group, id) = (SharedServer.NewId("group"), SharedServer.NewId("line"));
        await _pki.RootAsync("root", key);
        await _pki.IssueAsync("line", "root", "Line CA", key, isAuthority: true);
        await _pki.IssueAsync("device", "line", id, key);
        await File.WriteAllTextAsync(_pki.PathOf("chain.pem"), await _pki.ReadAsync("device.pem") + await _pki.ReadAsync("line.pem"));
        var signing = new { primary = new { certificate = await _pki.ReadAsync("root.pem") } };
        _ = (await ServiceAsync(["createOrUpdateEnrollmentGroup", new { enrollmentGroupId = group, attestation = new { type = "x509", x509 = new { signingCertificates = signing } } }]))[0].Success;
        var outcome = await ProvisionAsync(transport, id, "device", "chain.pem", "by a chain");
        ShouldHaveSent(outcome, id);
        (await shared.Server.Reader.SingleAsync(id)).AuthMethod.ToString().ShouldContain("x509");

        var alone = await ProvisionAsync(transport, id, "device", "device.pem");
        ((bool?)alone["registered"]).ShouldBe(false, alone.ToJsonString());
        await shared.Server.WaitForPrintedAsync(l => l.Contains(id, StringComparison.Ordinal) && l.Contains("CN=Line CA", StringComparison.Ordinal), "the issuer that is not known");
        _ = (await ServiceAsync(["deleteEnrollmentGroup", group]))[0].Success;
    }

    [Fact]
    public async Task A_CA_is_uploaded_verified_and_named_by_a_group_and_a_revoked_device_is_out()
    {
        var (ca, group, id) = (SharedServer.NewId("ca"), SharedServer.NewId("group"), SharedServer.NewId("lost"));
        await _pki.RootAsync("root", "ec");
        await _pki.IssueAsync("device", "root", id, "ec");
        var upload = new JsonObject { ["properties"] = new JsonObject { ["certificate"] = await _pki.ReadAsync("root.pem") } };
        var created = await SendAsync(HttpMethod.Put, ca, upload);
        created.Status.ShouldBe(200, created.Body);
        ((bool?)created.Json["properties"]!["isVerified"]).ShouldBe(false);
        _ = (await ServiceAsync(["createOrUpdateEnrollmentGroup", new { enrollmentGroupId = group, attestation = new { type = "x509", x509 = new { caReferences = new { primary = ca } } } }]))[0].Success;
        ((bool?)(await ProvisionAsync("mqtt", id, "device", "device.pem"))["registered"]).ShouldBe(false);

        // As the Azure CLI does it: by ETag, with the certificate for the code.
        var made = await SendAsync(HttpMethod.Post, $"{ca}/generateVerificationCode", ifMatch: (string)created.Json["etag"]!);
        await _pki.IssueAsync("proof", "root", (string)made.Json["properties"]!["verificationCode"]!, "ec");
        var proof = new JsonObject { ["certificate"] = Convert.ToBase64String(await File.ReadAllBytesAsync(_pki.PathOf("proof.pem"))) };
        var verified = await SendAsync(HttpMethod.Post, $"{ca}/verify", proof, (string)made.Json["etag"]!);
        verified.Status.ShouldBe(200, verified.Body);
        ((bool?)verified.Json["properties"]!["isVerified"]).ShouldBe(true);
        ShouldHaveSent(await ProvisionAsync("mqtt", id, "device", "device.pem", "let in"), id);

        await _pki.RevokeAsync("root", "device");
        var list = await ExternalProgram.RunAsync("curl",
            ["-sS", "--cacert", shared.Server.Ready.CaFile, "-X", "PUT", $"https://{shared.Server.Ready.Hub.HostName}/certificates/{ca}/crl?api-version=2022-02-05",
             "-H", "Authorization: " + SasToken.ForService(shared.Server.Dps.Credential), "--data-binary", "@" + _pki.PathOf("root.crl")]);
        ((int?)JsonNode.Parse(list.Output)!["revoked"]).ShouldBe(1, list.ToString());
        var revoked = await ProvisionAsync("mqtt", id, "device", "device.pem");
        revoked.ToJsonString().ShouldContain("401002");
        await shared.Server.WaitForPrintedAsync(l => l.Contains(id, StringComparison.Ordinal) && l.Contains("revoked by its issuer", StringComparison.Ordinal), "the revocation");

        var shown = await SendAsync(HttpMethod.Get, "");
        shown.Json["value"]!.AsArray().ShouldContain(c => (string?)c!["name"] == ca);
        (await SendAsync(HttpMethod.Delete, ca, ifMatch: (string)verified.Json["etag"]!)).Status.ShouldBe(204);
        _ = (await ServiceAsync(["deleteEnrollmentGroup", group]))[0].Success;
    }

    private static void ShouldHaveSent(JsonNode outcome, string deviceId)
    {
        ((bool?)outcome["registered"]).ShouldBe(true, outcome.ToJsonString());
        ((string?)outcome["registration"]!["deviceId"]).ShouldBe(deviceId);
        ((bool?)outcome["sent"]).ShouldBe(true, outcome.ToJsonString());
    }

    private Task<RestAnswer> SendAsync(HttpMethod method, string path, JsonNode? body = null, string? ifMatch = null)
        => shared.Server.Dps.SendAsync(method, $"certificates{(path.Length == 0 ? "" : "/" + path)}?api-version=2022-02-05", body, ifMatch: ifMatch);

    private Task<IReadOnlyList<StepResult>> ServiceAsync(params object[][] steps) => shared.Node.StepsAsync("provisioning", Dps.ServiceConnectionString, steps);

    private async Task<JsonNode> ProvisionAsync(string transport, string id, string key, string certificate, string? send = null)
    {
        var arguments = new JsonObject
        {
            ["host"] = Dps.Endpoint,
            ["idScope"] = Dps.IdScope,
            ["transport"] = transport,
            ["attestation"] = "x509",
            ["registrationId"] = id,
            ["key"] = await _pki.ReadAsync($"{key}.key"),
            ["certificate"] = await _pki.ReadAsync(certificate),
        };
        if (send is not null)
            arguments["send"] = send;
        return await shared.Node.RunAsync("provision.mjs", arguments);
    }
}
