using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Provisioning.Certificates;
using Homeport.Tests.Hub.Access;

namespace Homeport.Tests.Provisioning;

/// <summary>CA certificates, revocation lists and lists of endorsement keys over REST, and what strangers send to them.</summary>
public sealed class AttestationEndpointTests : IAsyncLifetime
{
    private const string Factory = "/certificates/factory";
    private TestServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await TestServer.StartAsync();

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_CA_is_there_under_both_addresses_and_outlives_a_restart()
    {
        var root = TestAuthority.Root("Root", _server.Time.Now);
        const string Managed = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/provisioningServices/dps/certificates/factory";
        var created = (await _server.ServiceAsync("PUT", Managed, Upload(root.Pem))).Expect(200);
        created["properties"]!["isVerified"]!.GetValue<bool>().ShouldBeFalse();
        (await _server.ServiceAsync("PUT", Factory, Upload(root.Pem))).Expect(412);
        await _server.RestartAsync();
        (await _server.ServiceAsync("GET", Factory)).Expect(200)["properties"]!["subject"]!.GetValue<string>().ShouldBe("CN=Root");
        (await _server.SendAsync("GET", Factory, token: _server.ServiceToken("reader"))).Expect(403);
        (await _server.ServiceAsync("PUT", "/certificates/attested", UploadAttested(TestAuthority.Root("Other", _server.Time.Now).Pem))).Expect(200)["properties"]!["isVerified"]!.GetValue<bool>().ShouldBeTrue();
        (await _server.ServiceAsync("GET", "/certificates")).Expect(200)["value"]!.AsArray().Count.ShouldBe(2);
        (await _server.ServiceAsync("DELETE", Factory, null, ("If-Match", "*"))).Status.ShouldBe(204);
        (await _server.ServiceAsync("GET", Factory)).Expect(404);
    }

    [Theory]
    [InlineData("", "there is no certificate")]
    [InlineData("!nonsense!", "neither PEM nor Base64")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "no X.509 certificate")]
    public async Task What_is_no_certificate_is_refused(string text, string reason)
        => (await _server.ServiceAsync("PUT", Factory, Upload(text))).Expect(400)["message"]!.GetValue<string>().ShouldContain(reason, Case.Insensitive);

    [Fact]
    public async Task A_huge_certificate_is_refused_before_it_is_read()
        => (await _server.ServiceAsync("PUT", Factory, Upload(new string('A', 40_000)))).Expect(400)["message"]!.GetValue<string>().ShouldContain("characters, more than");

    [Fact]
    public async Task Mutated_revocation_lists_are_refused_and_none_is_taken_for_a_good_one()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Root", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        using var root = request.CreateSelfSigned(_server.Time.Now.AddDays(-1), _server.Time.Now.AddDays(9));
        var builder = new CertificateRevocationListBuilder();
        builder.AddEntry(RandomNumberGenerator.GetBytes(8));
        var list = builder.Build(root, 1, _server.Time.Now.AddDays(7), HashAlgorithmName.SHA256, thisUpdate: _server.Time.Now);
        RevocationList.TryParse(list, out var good).ShouldBeTrue();
        good!.IsSignedBy(root).ShouldBeTrue();
        foreach (var mutated in Mutation.Of([list], 3000))
        {
            if (RevocationList.TryParse(mutated, out var read) && !mutated.AsSpan().SequenceEqual(list) && read.IsSignedBy(root))
                read.Count.ShouldBe(1, "only bytes outside of what is signed may differ");
        }
    }

    [Fact]
    public async Task Mutated_TPM_keys_and_certificates_of_a_registration_are_refused_with_a_reason()
    {
        var tpm = SoftwareTpm.Known;
        var certificate = new TestManufacturer(_server.Time.Now).Certify(tpm).RawData;
        var seeds = new[] { tpm.EndorsementKey, tpm.StorageRootKey, certificate };
        var turn = 0;
        foreach (var mutated in Mutation.Of(seeds, 400))
        {
            var parts = seeds.Select(Convert.ToBase64String).ToArray();
            parts[turn++ % 3] = Convert.ToBase64String(mutated);
            var body = new JsonObject { ["tpm"] = new JsonObject { ["endorsementKey"] = parts[0], ["storageRootKey"] = parts[1], ["endorsementCertificate"] = parts[2] } }.ToJsonString();
            var answer = await _server.SendAsync("PUT", $"/{TestServer.IdScope}/registrations/d1/register", body);
            answer.Status.ShouldBeOneOf(400, 401, 413);
            if (answer.Status == 400)
                answer.Expect(400)["errorCode"]!.GetValue<int>().ShouldBeOneOf(400000, 400004);
        }
    }

    [Fact]
    public async Task A_list_of_endorsement_keys_is_imported_read_and_shortened()
    {
        (await _server.ServiceAsync("PUT", "/enrollmentGroups/g1", """{"attestation":{"type":"tpm","tpm":{"filter":{"manufacturer":"IFX"}}}}""")).Expect(200)["attestation"]!["tpm"]!["filter"]!["manufacturer"]!.GetValue<string>().ShouldBe("IFX");
        var tpm = SoftwareTpm.Known;
        var last = (await ImportAsync($"endorsementKey,registrationId\n{Convert.ToBase64String(tpm.EndorsementKey)},d1\nxx,\n"));
        last["added"]!.GetValue<int>().ShouldBe(1);
        last["invalid"]!.GetValue<int>().ShouldBe(1);
        last["done"]!.GetValue<bool>().ShouldBeTrue();
        var listed = (await _server.ServiceAsync("GET", "/enrollmentGroups/g1/endorsementKeys")).Expect(200);
        listed["count"]!.GetValue<int>().ShouldBe(1);
        listed["keys"]![0]!["registrationId"]!.GetValue<string>().ShouldBe("d1");
        var hash = listed["keys"]![0]!["hash"]!.GetValue<string>();
        (await _server.ServiceAsync("DELETE", $"/enrollmentGroups/g1/endorsementKeys/{hash}")).Status.ShouldBe(204);
        (await _server.ServiceAsync("DELETE", $"/enrollmentGroups/g1/endorsementKeys/{hash}")).Expect(404);
        (await _server.ServiceAsync("POST", "/enrollmentGroups/nobody/endorsementKeys", "x")).Expect(404);
        (await _server.SendAsync("POST", "/enrollmentGroups/g1/endorsementKeys", "x", _server.ServiceToken("reader"))).Expect(403);
    }

    [Fact]
    public async Task A_row_without_end_ends_the_import_and_what_came_before_stays()
    {
        (await _server.ServiceAsync("PUT", "/enrollmentGroups/g1", """{"attestation":{"type":"tpm"}}""")).Expect(200);
        var last = await ImportAsync("endorsementKey\n" + new string('A', 100_000));
        last["failure"]!.GetValue<string>().ShouldContain("Line 2 has more than");
    }

    private static string Upload(string text) => new JsonObject { ["properties"] = new JsonObject { ["certificate"] = text } }.ToJsonString();

    private static string UploadAttested(string text) => new JsonObject { ["properties"] = new JsonObject { ["certificate"] = text, ["isVerified"] = true } }.ToJsonString();

    private async Task<JsonNode> ImportAsync(string csv)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/enrollmentGroups/g1/endorsementKeys?api-version=2021-10-01") { Content = new StringContent(csv, Encoding.UTF8, "text/csv") };
        request.Headers.TryAddWithoutValidation("Authorization", _server.ServiceToken());
        using var response = await _server.Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return JsonNode.Parse(text.Trim().Split('\n')[^1])!;
    }
}
