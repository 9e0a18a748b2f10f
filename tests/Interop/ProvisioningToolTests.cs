using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The commands around provisioning, in processes of their own; openssl and the Node SDK look at what they make.</summary>
[Collection(SharedServerTests.Name)]
public sealed class ProvisioningToolTests(SharedServer shared) : IDisposable
{
    private const string GroupKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("sn-007", "eBQCYqcJKj5lFjEHJr7sJbOlFmyh8XQnNTIRcal6X44=")]
    [InlineData("SN-007", "euELc87riZslts3ZMA0aQH1ytcubZC/NlLZ4BTzyoZU=")]
    [InlineData("ie_dev1", "UFg7R05d8z8cwR99agXQinZSzHodZmqlZb2Gb3JZkjQ=")]
    public async Task Keygen_gives_the_keys_that_dps_keygen_gives(string id, string key)
    {
        (await ToolAsync("keygen", "--group-key", GroupKey, "--device-id", id)).Output.Trim().ShouldBe(key);
        (await ToolAsync("keygen", $"-mk:{GroupKey}", $"-di:{id}")).Output.Trim().ShouldBe(key);
    }

    [Fact]
    public async Task Keygen_reads_a_file_and_names_the_line_that_is_wrong()
    {
        await File.WriteAllTextAsync(_folder.File("ids.csv"), "IOTC_DEVICEID,IOTC_DEVICENAME\r\nsn-007,Pump\r\n\"ie_dev1\",\r\n");
        var made = await ToolAsync("keygen", "--group-key", GroupKey, "--file", _folder.File("ids.csv"));
        made.Output.ReplaceLineEndings("\n").ShouldBe("registrationId,key\nsn-007,eBQCYqcJKj5lFjEHJr7sJbOlFmyh8XQnNTIRcal6X44=\nie_dev1,UFg7R05d8z8cwR99agXQinZSzHodZmqlZb2Gb3JZkjQ=\n");
        await File.WriteAllTextAsync(_folder.File("ids.csv"), "sn-007\nbad id\n");
        var refused = await ToolAsync("keygen", "--group-key", GroupKey, "--file", _folder.File("ids.csv"));
        refused.ExitCode.ShouldBe(2);
        refused.Error.ShouldContain("line 2 of ids.csv");
    }

    [Theory]
    [InlineData("ec")]
    [InlineData("rsa")]
    public async Task The_certificates_make_chains_that_openssl_accepts(string key)
    {
        await GoodAsync("cert", "ca", "root", "--out", _folder.Path, "--key", key);
        await GoodAsync("cert", "intermediate", "line 1", "--issuer", _folder.File("root.pem"), "--out", _folder.Path, "--key", key);
        await GoodAsync("cert", "device", "pump-1", "--issuer", _folder.File("line_1.pem"), "--out", _folder.Path, "--key", key);
        await GoodAsync("cert", "verification", "0123CODE", "--issuer", _folder.File("root.pem"), "--out", _folder.Path, "--key", key);
        foreach (var name in new[] { "pump-1", "0123CODE" })
        {
            var checkedBy = await ExternalProgram.RunAsync("openssl", ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", _folder.File("root.pem"), "-untrusted", _folder.File("line_1.pem"), _folder.File(name + ".pem")]);
            checkedBy.ExitCode.ShouldBe(0, checkedBy.ToString());
        }
        (await ExternalProgram.RunAsync("openssl", ["x509", "-noout", "-subject", "-in", _folder.File("pump-1.chain.pem")])).Output.ShouldContain("CN = pump-1");
        (await File.ReadAllTextAsync(_folder.File("pump-1.chain.pem"))).Split("BEGIN CERTIFICATE").Length.ShouldBe(4);
        if (!OperatingSystem.IsWindows())
            File.GetUnixFileMode(_folder.File("pump-1.key")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        (await ToolAsync("cert", "ca", "root", "--out", _folder.Path)).ExitCode.ShouldBe(2, "no key is overwritten");
    }

    [Fact]
    public async Task Devices_of_a_file_are_enrolled_and_one_of_them_registers()
    {
        var (first, key) = (SharedServer.NewId("csv"), SasToken.NewKey());
        await File.WriteAllTextAsync(_folder.File("devices.csv"), $"registrationId;deviceId;primaryKey;secondaryKey\n{first};press-{first};{key};{key}\nbad id;;;\n{first}-2;;;\n");
        var enrolled = await ServerAsync("enroll", "csv", _folder.File("devices.csv"));
        enrolled.ExitCode.ShouldBe(1, enrolled.ToString());
        enrolled.Output.ShouldContain("Enrolled 2 devices, 1 were refused.");
        enrolled.Error.ShouldContain("line 3, bad id");
        var outcome = await shared.Node.RunAsync("provision.mjs", new { host = shared.Server.Ready.Dps.Endpoint, idScope = shared.Server.Ready.Dps.IdScope, registrationId = first, key });
        ((string?)outcome["registration"]!["deviceId"]).ShouldBe("press-" + first);
    }

    [Fact]
    public async Task A_device_is_enrolled_by_a_certificate_that_the_tool_made()
    {
        var id = SharedServer.NewId("cert");
        await GoodAsync("cert", "ca", "root", "--out", _folder.Path);
        await GoodAsync("cert", "device", id, "--issuer", _folder.File("root.pem"), "--out", _folder.Path);
        var enrolled = await GoodServerAsync("enroll", "cert", id, "--certificate", _folder.File(id + ".pem"), "--device-id", "d-" + id);
        enrolled.Output.ShouldContain($"Enrolled '{id}'.");
        var dps = shared.Server.Ready.Dps;
        var outcome = await shared.Node.RunAsync("provision.mjs", new
        {
            host = dps.Endpoint,
            idScope = dps.IdScope,
            attestation = "x509",
            registrationId = id,
            certificate = await File.ReadAllTextAsync(_folder.File(id + ".pem")),
            key = await File.ReadAllTextAsync(_folder.File(id + ".key")),
            send = "by the tool's certificate",
        });
        ((bool?)outcome["sent"]).ShouldBe(true, outcome.ToJsonString());
        ((string?)outcome["registration"]!["deviceId"]).ShouldBe("d-" + id);
        (await ServerAsync("enroll", "cert", id, "--certificate", _folder.File(id + ".key"))).ExitCode.ShouldBe(1, "a key is no certificate");
    }

    [Fact]
    public async Task A_device_is_enrolled_by_the_tpm_where_the_tool_runs()
    {
        await using var tpm = await SoftwareTpm.StartAsync();
        var identity = await shared.Node.RunAsync("tpm-identity.mjs", new { });
        var enrolled = await ServerAsync("enroll", "tpm", "--tpm", $"tcp:127.0.0.1:{SoftwareTpm.Port}", "--device-id", "tooled");
        enrolled.ExitCode.ShouldBe(0, enrolled.ToString());
        var id = (string)identity["registrationId"]!;
        enrolled.Output.ShouldContain($"Enrolled '{id}'.", Case.Insensitive);
        var outcome = await shared.Node.RunAsync("provision.mjs", new { host = shared.Server.Ready.Dps.Endpoint, idScope = shared.Server.Ready.Dps.IdScope, attestation = "tpm", registrationId = id });
        ((string?)outcome["registration"]!["deviceId"]).ShouldBe("tooled", outcome.ToJsonString());
    }

    [Fact]
    public async Task Why_answers_for_a_device_a_registration_and_a_tracking_id()
    {
        var id = SharedServer.NewId("why");
        await GoodServerAsync("enroll", "key", id);
        var outcome = await shared.Node.RunAsync("provision.mjs", new { host = shared.Server.Ready.Dps.Endpoint, idScope = shared.Server.Ready.Dps.IdScope, registrationId = id, key = SasToken.NewKey() });
        ((bool?)outcome["registered"]).ShouldBe(false);
        var why = await GoodServerAsync("why", id);
        why.Output.Split('\n')[0].ShouldContain("signed by neither key", Case.Insensitive);
        var tracking = (string)(await shared.Server.Hub.SendAsync(HttpMethod.Get, "homeport/v1/explanations?deviceId=" + id)).Json[0]!["trackingId"]!;
        (await GoodServerAsync("why", tracking)).Output.Split('\n')[0].ShouldBe(why.Output.Split('\n')[0].Replace("It was refused. ", "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_hubs_and_the_roots_are_shown_and_changed()
    {
        (await GoodServerAsync("hubs", "list")).Output.ShouldContain("(this server)");
        await GoodServerAsync("hubs", "set", shared.Server.Ready.Hub.HostName, "--location", "plant-1");
        (await GoodServerAsync("hubs", "list")).Output.ShouldContain("plant-1");
        (await GoodServerAsync("trust", "show")).Output.ShouldContain("Stage: single");
        File.Copy(shared.Server.Ready.CaFile, _folder.File("roots.pem"));
        await GoodServerAsync("trust", "stage");
        (await GoodServerAsync("trust", "update", _folder.File("roots.pem"))).Output.ShouldContain("has 2 root(s) now");
        (await File.ReadAllTextAsync(_folder.File("roots.pem"))).Split("BEGIN CERTIFICATE").Length.ShouldBe(3);
        await GoodServerAsync("trust", "cancel");
        await GoodAsync("cert", "ca", "stranger", "--out", _folder.Path);
        (await ServerAsync("trust", "update", _folder.File("stranger.pem"))).Error.ShouldContain("None of the roots that are trusted signed the bundle");
    }

    private Task<ProgramResult> ServerAsync(params string[] arguments) => ToolAsync([.. arguments, "--ready-file", shared.Server.ReadyPath]);

    private async Task<ProgramResult> GoodServerAsync(params string[] arguments)
    {
        var result = await ServerAsync(arguments);
        result.ExitCode.ShouldBe(0, result.ToString());
        return result;
    }

    private static async Task GoodAsync(params string[] arguments)
    {
        var result = await ToolAsync(arguments);
        result.ExitCode.ShouldBe(0, result.ToString());
    }

    private static Task<ProgramResult> ToolAsync(params string[] arguments) => ExternalProgram.RunAsync("dotnet", [ServerProcess.Tool, .. arguments], TimeSpan.FromSeconds(60));
}
