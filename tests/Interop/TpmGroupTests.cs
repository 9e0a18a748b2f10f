using System.Text;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>
/// TPM groups with chips from swtpm_setup, whose endorsement keys swtpm_localca certified. The devices are npm
/// azure-iot-provisioning-device with azure-iot-security-tpm as they are.
/// </summary>
[Collection(SharedServerTests.Name)]
public sealed class TpmGroupTests(SharedServer shared)
{
    private const int Chips = 50;

    private ReadyDps Dps => shared.Server.Ready.Dps;

    [Fact]
    public async Task Fifty_chips_register_through_a_group_that_trusts_their_manufacturer_and_strangers_do_not()
    {
        await using var chips = await ManufacturedTpms.StartAsync(Chips);
        var group = SharedServer.NewId("maker");
        var root = await chips.RootAsync();
        await PutGroupAsync(group, new { signingCertificates = new { primary = new { certificate = root } }, filter = new { manufacturer = "id:00001014", model = "swtpm", version = "id:2019*" } });
        // The operator has the certificates of most chips; the others show theirs themselves, in the payload of the registration.
        var csv = new StringBuilder("endorsementCertificate\n");
        for (var chip = 10; chip < Chips; chip++)
            csv.AppendLine(chips.CertificateOf(chip));
        var refused = await ImportAsync(group, csv.ToString());
        ((int?)refused["invalid"]).ShouldBe(Chips - 10, "the CA between root and chips is not there yet: " + refused.ToJsonString());
        await UploadIssuerAsync(group, await chips.IssuerAsync());
        var imported = await ImportAsync(group, csv.ToString());
        ((int?)imported["added"]).ShouldBe(Chips - 10, imported.ToJsonString());

        var results = await RegisterAsync(Enumerable.Range(0, Chips).Select(chip => Device(group, chip, chip < 10 ? new { endorsementCertificate = chips.CertificateOf(chip) } : null)));
        results.Count.ShouldBe(Chips);
        for (var chip = 0; chip < Chips; chip++)
        {
            ((bool?)results[chip]!["registered"]).ShouldBe(true, results[chip]!.ToJsonString());
            ((string?)results[chip]!["registration"]!["deviceId"]).ShouldBe($"{group}-{chip}");
        }
        var records = await shared.Server.Dps.SendAsync(HttpMethod.Post, $"registrations/{group}/query?api-version=2021-10-01", new JsonObject { ["query"] = "SELECT *" });
        records.Json.AsArray().Count.ShouldBe(Chips);

        await ForgedAndOtherNamesAsync(chips, group);
    }

    /// <summary>A certificate of another chip is worth nothing, a name of another device cannot be taken, and one chip under two names holds both.</summary>
    private async Task ForgedAndOtherNamesAsync(ManufacturedTpms chips, string group)
    {
        await using var stranger = await SoftwareTpm.StartAsync();
        var tried = await RegisterAsync(
        [
            new { port = SoftwareTpm.Port, registrationId = group + "-forged", payload = new { endorsementCertificate = chips.CertificateOf(1) } },
            new { port = ManufacturedTpms.PortOf(2), registrationId = $"{group}-3", payload = new { endorsementCertificate = chips.CertificateOf(2) } },
        ]);
        tried[0]!.ToJsonString().ShouldContain("404201");
        await shared.Server.WaitForPrintedAsync(l => l.Contains(group + "-forged", StringComparison.Ordinal) && l.Contains("certificate is for another key", StringComparison.Ordinal), "the forged certificate");
        tried[1]!.ToJsonString().ShouldContain("401002");

        var second = await RegisterAsync([Device(group, 20, null) with { RegistrationId = group + "-twin" }]);
        ((bool?)second[0]!["registered"]).ShouldBe(false, second.ToJsonString());
        var held = await shared.Server.Dps.SendAsync(HttpMethod.Get, $"registrations/{group}-20?api-version=2021-10-01");
        ((int?)held.Json["errorCode"]).ShouldBe(409204, held.Body);
        ((string?)(await shared.Server.Hub.SendAsync(HttpMethod.Get, $"devices/{group}-20")).Json["status"]).ShouldBe("disabled");
        (await shared.Server.Dps.SendAsync(HttpMethod.Delete, $"registrations/{group}-twin?api-version=2021-10-01")).Status.ShouldBe(204);
        var released = await RegisterAsync([Device(group, 20, null)]);
        ((bool?)released[0]!["registered"]).ShouldBe(true, released.ToJsonString());
        ((string?)(await shared.Server.Hub.SendAsync(HttpMethod.Get, $"devices/{group}-20")).Json["status"]).ShouldBe("enabled");
    }

    private static Chip Device(string group, int chip, object? payload) => new(ManufacturedTpms.PortOf(chip), $"{group}-{chip}", payload);

    private async Task PutGroupAsync(string group, object tpm)
    {
        var steps = await shared.Node.StepsAsync("provisioning", Dps.ServiceConnectionString, ["createOrUpdateEnrollmentGroup", new { enrollmentGroupId = group, attestation = new { type = "tpm", tpm } }]);
        _ = steps[0].Success;
    }

    private async Task UploadIssuerAsync(string name, string pem)
    {
        var answer = await shared.Server.Dps.SendAsync(HttpMethod.Put, $"certificates/{name}?api-version=2022-02-05", new JsonObject { ["properties"] = new JsonObject { ["certificate"] = pem } });
        answer.Status.ShouldBe(200, answer.Body);
    }

    private async Task<JsonNode> ImportAsync(string group, string csv)
    {
        var result = await ExternalProgram.RunAsync("curl",
            ["-sS", "--cacert", shared.Server.Ready.CaFile, "-X", "POST", $"https://{shared.Server.Ready.Hub.HostName}/enrollmentGroups/{group}/endorsementKeys?api-version=2021-10-01",
             "-H", "Content-Type: text/csv", "-H", "Authorization: " + SasToken.ForService(shared.Server.Dps.Credential), "--data-binary", "@-"],
            input: csv);
        var last = JsonNode.Parse(result.Output.Trim().Split('\n')[^1])!;
        ((bool?)last["done"]).ShouldBe(true, result.ToString());
        return last;
    }

    private async Task<JsonArray> RegisterAsync(IEnumerable<object> tpms)
        => (await shared.Node.RunAsync("provision-tpms.mjs", new { host = Dps.Endpoint, idScope = Dps.IdScope, parallel = 10, tpms }, TimeSpan.FromSeconds(150), asFile: true)).AsArray();

    private sealed record Chip(int Port, string RegistrationId, object? Payload);
}
