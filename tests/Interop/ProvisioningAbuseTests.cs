using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>What strangers send to the provisioning service, with openssl and curl, while good devices register.</summary>
public sealed class ProvisioningAbuseTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly OpenSslPki _pki = new();
    private ServerProcess _server = null!;

    public async ValueTask InitializeAsync() => _server = await ServerProcess.StartAsync(new ServerSettings(_folder.File("data"), Host: "localhost"));

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _pki.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Certificates_with_thousands_of_names_and_chains_without_end_are_refused_and_disturb_nobody()
    {
        await _pki.RootAsync("root", "ec");
        await _pki.IssueAsync("good", "root", "good", "ec");
        var signing = new JsonObject { ["primary"] = new JsonObject { ["certificate"] = await _pki.ReadAsync("root.pem") } };
        var group = new JsonObject { ["attestation"] = new JsonObject { ["type"] = "x509", ["x509"] = new JsonObject { ["signingCertificates"] = signing } } };
        (await _server.Dps.SendAsync(HttpMethod.Put, "enrollmentGroups/plant?api-version=2021-10-01", group)).Status.ShouldBe(200);

        var names = string.Join(',', Enumerable.Range(0, 3000).Select(i => $"DNS:name-{i}.example"));
        var made = await ExternalProgram.RunAsync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", _pki.PathOf("names.key"), "-out", _pki.PathOf("names.pem"),
            "-days", "3", "-subj", "/CN=names", "-addext", "subjectAltName=" + names]);
        made.ExitCode.ShouldBe(0, made.ToString());
        (await RegisterAsync("names", "names.key", "names.pem")).ShouldBeOneOf("401002", "no answer");
        await File.WriteAllTextAsync(_pki.PathOf("endless.pem"), await _pki.ReadAsync("good.pem") + string.Concat(Enumerable.Repeat(await _pki.ReadAsync("root.pem"), 400)));
        (await RegisterAsync("good", "good.key", "endless.pem")).ShouldBe("no answer", "TLS takes no such chain");
        (await RegisterAsync("good", "good.key", "good.pem")).ShouldBe("assigning");
    }

    [Fact]
    public async Task Who_guesses_keys_is_told_to_wait_and_a_good_device_behind_the_same_address_registers_after_that()
    {
        var key = SasToken.NewKey();
        var enrollment = new JsonObject { ["attestation"] = new JsonObject { ["type"] = "symmetricKey", ["symmetricKey"] = new JsonObject { ["primaryKey"] = key, ["secondaryKey"] = key } } };
        (await _server.Dps.SendAsync(HttpMethod.Put, "enrollments/good?api-version=2021-10-01", enrollment)).Status.ShouldBe(200);
        var (refused, last) = (0, new HashSet<string>(StringComparer.Ordinal));
        RestAnswer answer;
        do
        {
            var id = refused % 2 == 0 ? "good" : $"guess-{refused}";
            answer = await RegisterAsync(id, SasToken.NewKey());
            if (answer.Status == 401)
                last.Add((string)answer.Json["message"]!);
        }
        while (answer.Status == 401 && ++refused < 2000);
        refused.ShouldBeGreaterThanOrEqualTo(100);
        last.ShouldHaveSingleItem("whether an id is enrolled is not said");
        answer.Status.ShouldBe(429, answer.Body);
        ((int?)answer.Json["errorCode"]).ShouldBe(429001);
        int.Parse(answer.Header("Retry-After")!).ShouldBeInRange(1, 10);
        await _server.WaitForPrintedAsync(l => l.Contains("Too many attempts of the address", StringComparison.Ordinal), "the explanation");
        for (var tries = 0; (answer = await RegisterAsync("good", key)).Status == 429; tries++)
        {
            tries.ShouldBeLessThan(60, answer.Body);
            await Task.Delay(TimeSpan.FromSeconds(1));
        }
        answer.Status.ShouldBe(202, answer.Body);
    }

    private Task<RestAnswer> RegisterAsync(string id, string key)
    {
        var scope = _server.Ready.Dps.IdScope;
        return _server.Dps.SendAsync(HttpMethod.Put, $"{scope}/registrations/{id}/register?api-version=2021-06-01", new JsonObject(), token: SasToken.Create($"{scope}/registrations/{id}", key, "registration"));
    }

    /// <summary>Registers with a client certificate. Gives the status or error number of the answer.</summary>
    private async Task<string> RegisterAsync(string id, string key, string certificates)
    {
        var result = await ExternalProgram.RunAsync("curl", ["-sS", "--cacert", _server.Ready.CaFile, "--cert", _pki.PathOf(certificates), "--key", _pki.PathOf(key), "-X", "PUT", "-H", "Content-Type: application/json", "-d", "{}",
            $"https://localhost:{_server.Ready.Ports.Https}/{_server.Ready.Dps.IdScope}/registrations/{id}/register?api-version=2021-06-01"]);
        if (result.ExitCode != 0)
            return "no answer";
        var answer = JsonNode.Parse(result.Output).ShouldNotBeNull(result.ToString());
        return (string?)answer["status"] ?? $"{answer["errorCode"]}";
    }
}
