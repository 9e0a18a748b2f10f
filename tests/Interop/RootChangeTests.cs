using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Device.Client;
using Homeport.Tests.Interop.Harness;
using TrustStore = Homeport.Device.TrustStore;

namespace Homeport.Tests.Interop;

/// <summary>
/// The root certificate of the server is changed under its devices by the tool: mosquitto trusts the old root, the new one, or both, curl
/// fetches the bundle as a device, Node checks its signature.
/// </summary>
public sealed class RootChangeTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private ServerProcess _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await ServerProcess.StartAsync(new ServerSettings(_folder.File("data"), Host: "localhost"));
        File.Copy(_server.Ready.CaFile, _folder.File("old.pem"));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Devices_are_brought_over_to_the_next_root_and_the_report_knows_who_is_not()
    {
        var fetcher = await _server.Hub.CreateDeviceAsync("fetcher");
        var reporter = await _server.Hub.CreateDeviceAsync("reporter");
        (await StepAsync("report", 0)).Output.ShouldContain("There is no next root");
        (await StepAsync("stage", 0)).Output.ShouldContain("Stage: staged");
        var next = (await _server.Hub.SendAsync(HttpMethod.Get, "homeport/v1/trust")).Json["roots"]![1]!;
        await File.WriteAllTextAsync(_folder.File("new.pem"), (string)next["certificate"]!);
        (await BreakingAsync()).ShouldBe(["fetcher", "reporter"]);
        (await PublishAsync(fetcher, "old.pem")).ExitCode.ShouldBe(0);
        (await PublishAsync(fetcher, "new.pem")).ExitCode.ShouldNotBe(0, "the doors are still as they were");

        await FetchAsync(fetcher);
        var verified = await ExternalProgram.RunAsync("node", ["-e", Verify, _folder.File("bundle.json"), _folder.File("old.pem")]);
        verified.ExitCode.ShouldBe(0, verified.ToString());
        verified.Output.ShouldContain((string)next["sha256"]!);
        (await BreakingAsync()).ShouldBe(["reporter"]);
        var report = await StepAsync("report", 0);
        report.Output.ShouldContain("1 of 2 devices are known to trust the next root.");
        report.Output.Split('\n').ShouldContain(l => l.StartsWith("reporter ", StringComparison.Ordinal));

        await StepAsync("cross", 0);
        foreach (var root in new[] { "old.pem", "new.pem" })
            (await PublishAsync(fetcher, root)).ExitCode.ShouldBe(0, root);
        var chain = await ExternalProgram.RunAsync("openssl", ["s_client", "-connect", $"localhost:{_server.Ready.Ports.Mqtt}", "-servername", "localhost", "-CAfile", _folder.File("old.pem"), "-verify_return_error", "-showcerts"], input: "");
        chain.Output.Split("BEGIN CERTIFICATE").Length.ShouldBe(3, "its own and the cross certificate");

        (await StepAsync("complete", 1)).Error.ShouldContain("reporter");
        await ReportAsync(reporter, (string)next["sha256"]!);
        (await BreakingAsync()).ShouldBeEmpty();
        await StepAsync("complete", 0);
        (await File.ReadAllTextAsync(_server.ReadyPath)).ShouldContain("ca-2.pem", customMessage: "who reads the ready file from now on trusts the next root");
        (await PublishAsync(fetcher, "old.pem")).ExitCode.ShouldNotBe(0);
        (await PublishAsync(fetcher, "new.pem")).ExitCode.ShouldBe(0);
        (await StepAsync("cancel", 1)).Error.ShouldContain("400");

        await _server.StopAsync();
        var again = await ServerProcess.StartAsync(_server.Settings);
        await _server.DisposeAsync();
        _server = again;
        (await File.ReadAllTextAsync(_server.Ready.CaFile)).ShouldBe(await File.ReadAllTextAsync(_folder.File("new.pem")));
        (await PublishAsync(fetcher, "new.pem")).ExitCode.ShouldBe(0, "it is kept");
    }

    [Fact]
    public async Task The_device_library_and_the_agent_go_over_to_the_next_root_by_themselves()
    {
        var library = await _server.Hub.CreateDeviceAsync("library");
        var imprinted = await _server.Hub.CreateDeviceAsync("imprinted");
        await using var agent = new AgentProcess(_folder.File("agent"), new JsonObject { ["caFile"] = _folder.File("old.pem"), ["hubPort"] = _server.Ready.Ports.Https });
        await agent.ImprintAsync("localhost", imprinted);
        await StepAsync("stage", 0);
        await File.WriteAllTextAsync(_folder.File("new.pem"), (string)(await _server.Hub.SendAsync(HttpMethod.Get, "homeport/v1/trust")).Json["roots"]![1]!["certificate"]!);
        await agent.StartAsync();
        await using (var client = Client(library))
        {
            await client.SendEventAsync(new Message("one"u8.ToArray()), TestContext.Current.CancellationToken);
            await agent.WaitAsync(async () => !(await BreakingAsync()).Any(), "fetch the roots, or the library did not");
        }

        await StepAsync("cross", 0);
        await StepAsync("complete", 0);
        foreach (var text in (string[])["two", "three"])
        {
            await using var client = Client(library);
            await client.SendEventAsync(new Message(Encoding.UTF8.GetBytes(text)), TestContext.Current.CancellationToken);
            await client.UpdateTrustAsync(TestContext.Current.CancellationToken);
        }

        using var hub = new HubService(new ServerTrust(_folder.File("new.pem"), "localhost"), _server.Ready.Ports.Https, _server.Hub.Credential);
        (await new HubReader(hub).WaitAsync("library", 3)).Select(m => m.Text).ShouldBe(["one", "two", "three"]);
        var store = Store();
        store.IsConfirmed.ShouldBeTrue();
        store.Thumbprints.Count.ShouldBe(1);
        using var next = X509CertificateLoader.LoadCertificateFromFile(_folder.File("new.pem"));
        store.Thumbprints.ShouldBe([next.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant()]);
        await agent.StopAsync();
        await agent.StartAsync();
        await agent.WaitForConnectionAsync("connected");
    }

    private TrustStore Store() => TrustStore.Open(_folder.File("trust.json"), _folder.File("old.pem"));

    private DeviceClient Client(TestDevice device)
    {
        var method = AuthenticationMethodFactory.CreateAuthenticationWithRegistrySymmetricKey(device.Id, device.PrimaryKey);
        var options = new DeviceClientOptions { MqttPort = _server.Ready.Ports.Mqtt, HttpsPort = _server.Ready.Ports.Https, Trust = Store().Trust };
        return DeviceClient.Create("localhost", method, TransportType.Mqtt_Tcp_Only, options);
    }

    private const string Verify = """
        const { readFileSync } = require('node:fs');
        const { X509Certificate, verify } = require('node:crypto');
        const bundle = JSON.parse(readFileSync(process.argv[1]));
        const trusted = new X509Certificate(readFileSync(process.argv[2]));
        const print = Buffer.from(trusted.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
        const signed = bundle.signatures.find((s) => JSON.parse(Buffer.from(s.protected, 'base64url'))['x5t#S256'] === print);
        const good = verify('sha256', Buffer.from(`${signed.protected}.${bundle.payload}`), { key: trusted.publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signed.signature, 'base64url'));
        if (!good) process.exit(1);
        for (const root of JSON.parse(Buffer.from(bundle.payload, 'base64url')).roots) console.log(root.sha256);
        """;

    private async Task<ProgramResult> StepAsync(string step, int exitCode)
    {
        var result = await ExternalProgram.RunAsync("dotnet", [ServerProcess.Tool, "trust", step, "--ready-file", _server.ReadyPath]);
        result.ExitCode.ShouldBe(exitCode, result.ToString());
        return result;
    }

    private async Task<IEnumerable<string?>> BreakingAsync()
        => (await _server.Hub.SendAsync(HttpMethod.Get, "homeport/v1/trust/report")).Json["breaking"]!.AsArray().Select(d => (string?)d!["deviceId"]).ToList();

    private async Task FetchAsync(TestDevice device)
    {
        var fetched = await ExternalProgram.RunAsync("curl", ["-sSf", "--cacert", _folder.File("old.pem"), "-H", "Authorization: " + SasToken.ForDevice("localhost", device.Id, device.PrimaryKey),
            "-o", _folder.File("bundle.json"), $"https://localhost:{_server.Ready.Ports.Https}/devices/{device.Id}/trustBundle?api-version=2021-04-12"]);
        fetched.ExitCode.ShouldBe(0, fetched.ToString());
    }

    private async Task ReportAsync(TestDevice device, string root)
    {
        var body = new JsonObject { ["trustedRoots"] = new JsonArray(root.ToLowerInvariant()) };
        var result = await MosquittoAsync(device, "new.pem", "$iothub/twin/PATCH/properties/reported/?$rid=1", body.ToJsonString());
        result.ExitCode.ShouldBe(0, result.ToString());
    }

    private Task<ProgramResult> PublishAsync(TestDevice device, string root) => MosquittoAsync(device, root, $"devices/{device.Id}/messages/events/", "hello");

    private Task<ProgramResult> MosquittoAsync(TestDevice device, string root, string topic, string body) => ExternalProgram.RunAsync("mosquitto_pub", [
        "-h", "localhost", "-p", $"{_server.Ready.Ports.Mqtt}", "--cafile", _folder.File(root), "-V", "mqttv311", "-i", device.Id, "-u", $"localhost/{device.Id}/?api-version=2021-04-12",
        "-P", SasToken.ForDevice("localhost", device.Id, device.PrimaryKey), "-q", "1", "-t", topic, "-m", body]);
}
