using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Programs in other languages, with clients that others wrote, whose device key is in a TPM: the samples, as they are published.</summary>
[Collection(SharedServerTests.Name)]
public sealed class AgentTests(SharedServer shared) : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private AgentProcess _agent = null!;

    private string HostName => shared.Server.Ready.Hub.HostName;

    public ValueTask InitializeAsync()
    {
        _agent = new AgentProcess(_folder.File("device"), new JsonObject { ["caFile"] = shared.Server.Ready.CaFile, ["hubPort"] = shared.Server.Ready.Ports.Https });
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _agent.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Programs_in_Node_Python_and_C_send_with_the_key_in_the_tpm()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("agent"));
        await _agent.ImprintAsync(HostName, device);
        await _agent.StartAsync();
        await _agent.WaitForConnectionAsync("connected");

        var samples = Path.Combine(ServerProcess.Samples, "agent");
        var binary = _folder.File("send");
        (await ExternalProgram.RunAsync("gcc", ["-Wall", "-Wextra", "-Werror", "-O2", "-o", binary, Path.Combine(samples, "c", "send.c"), "-lmosquitto"])).ToString().ShouldStartWith("exit code 0");
        await SampleAsync("node", [Path.Combine(samples, "node", "send.js"), "2", "--renew-now"]);
        await SampleAsync("/usr/bin/python3", [Path.Combine(samples, "python", "send.py"), "2"]);
        await SampleAsync(binary, ["2"]);

        var stored = await shared.Server.Reader.WaitAsync(device.Id, 7);
        stored.Select(static m => m.Text).ShouldBe(
        [
            """{"from":"node","number":1}""", """{"from":"node","number":2}""", """{"from":"node","number":"after renewal"}""",
            """{"from": "python", "number": 1}""", """{"from": "python", "number": 2}""",
            """{"from":"c","number":1}""", """{"from":"c","number":2}""",
        ]);
        Directory.EnumerateFiles(_folder.Path, "*", SearchOption.AllDirectories).Where(static f => !f.EndsWith(".sock", StringComparison.Ordinal) && !f.EndsWith(".ctrl", StringComparison.Ordinal))
            .ShouldNotContain(f => File.ReadAllText(f).Contains(device.PrimaryKey, StringComparison.Ordinal));
        _agent.Printed.ShouldNotContain(device.PrimaryKey[..16]);
    }

    [Fact]
    public async Task A_registration_that_a_program_asks_for_gives_tokens_of_the_assigned_hub()
    {
        await _agent.StartAsync();
        var registrationId = await EnrollAsync();
        (await _agent.SendAsync(HttpMethod.Get, "token")).Status.ShouldBe(409);

        var (status, body) = await _agent.SendAsync(HttpMethod.Post, "registrations", new { endpoint = Endpoint, idScope = shared.Server.Ready.Dps.IdScope });
        status.ShouldBe(202, body.ToJsonString());
        await _agent.WaitAsync(async () => (string?)(await _agent.GetAsync("registrations/current"))["state"] == "assigned", "register");
        var token = await _agent.GetAsync("token");
        ((string?)token["hostName"]).ShouldBe(HostName);
        ((string?)token["deviceId"]).ShouldBe(registrationId);
        await _agent.WaitForConnectionAsync("connected");
        await SampleAsync("node", [Path.Combine(ServerProcess.Samples, "agent", "node", "send.js"), "1"]);
        (await shared.Server.Reader.SingleAsync(registrationId)).Text.ShouldBe("""{"from":"node","number":1}""");
    }

    [Fact]
    public async Task A_device_waits_for_its_enrollment_and_then_needs_nobody()
    {
        var settings = new JsonObject
        {
            ["caFile"] = shared.Server.Ready.CaFile,
            ["hubPort"] = shared.Server.Ready.Ports.Https,
            ["provisioning"] = new JsonObject { ["endpoint"] = Endpoint, ["idScope"] = shared.Server.Ready.Dps.IdScope },
        };
        await using var agent = new AgentProcess(_folder.File("waiting"), settings);
        await agent.StartAsync();
        await agent.WaitAsync(async () => (string?)(await agent.GetAsync("status"))["registration"]?["message"] is { Length: > 0 }, "say why it waits");
        await EnrollAsync(agent);

        // Somebody presses the button on the page instead of waiting for the next try.
        (await agent.SendAsync(HttpMethod.Post, "registrations")).Status.ShouldBe(202);
        await agent.WaitForConnectionAsync("connected");
        await agent.StopAsync();
    }

    [Fact]
    public async Task Users_who_are_not_in_the_group_get_no_token()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("agent-peer"));
        await using var agent = new AgentProcess(
            _folder.File("peers"), new JsonObject { ["loopbackPort"] = 18181, ["users"] = new JsonArray("daemon"), ["group"] = "no-such-group" });
        await agent.ImprintAsync(HostName, device);
        await agent.StartAsync();
        (await ExternalProgram.RunAsync("chmod", ["-R", "a+rX", _folder.Path])).ExitCode.ShouldBe(0);
        foreach (var place in (string[][])[["http://127.0.0.1:18181/token"], ["--unix-socket", agent.SocketPath, "http://localhost/token"]])
        {
            (await CurlAsync("root", place)).ShouldContain("SharedAccessSignature sr=");
            (await CurlAsync("daemon", place)).ShouldContain("SharedAccessSignature sr=");
            var refused = await CurlAsync("nobody", place);
            refused.ShouldContain("PeerRefused");
            refused.ShouldNotContain("SharedAccessSignature");
        }

        // A page in a browser of an allowed user, and a name that was made to lead here.
        (await CurlAsync("root", ["-H", "Origin: https://elsewhere.example", "http://127.0.0.1:18181/token"])).ShouldContain("WebPageRefused");
        (await CurlAsync("root", ["-H", "Host: elsewhere.example", "http://127.0.0.1:18181/token"])).ShouldContain("WebPageRefused");
    }

    [Fact]
    public async Task Kill_9_in_the_middle_of_an_imprint_leaves_the_old_identity_or_the_new_one()
    {
        var (old, next) = (await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("old")), await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("new")));
        var random = new Random(20_260_101);
        var finished = 0;
        for (var round = 0; round < 5; round++)
        {
            await _agent.ImprintAsync(HostName, old);
            using var process = _agent.Launch("imprint", "--host", HostName, "--device-id", next.Id);
            await process.StandardInput.WriteLineAsync(next.PrimaryKey);
            process.StandardInput.Close();
            await Task.Delay(random.Next(80, 700));
            process.Kill();
            await process.WaitForExitAsync();

            // The next command finishes what broke off; a token shows which key is there.
            await _agent.StartAsync();
            var token = await _agent.GetAsync("token");
            var deviceId = (string)token["deviceId"]!;
            new[] { old.Id, next.Id }.ShouldContain(deviceId);
            finished += deviceId == next.Id ? 1 : 0;
            await _agent.WaitForConnectionAsync("connected");
            await _agent.StopAsync();
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{finished} of 5 imprints were finished");
    }

    [Fact]
    public async Task An_imprint_on_a_full_disk_is_refused_and_leaves_the_old_identity()
    {
        var (old, next) = (await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("old")), await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("new")));
        await _agent.ImprintAsync(HostName, old);
        const string Script = """
            set -e
            mount -t tmpfs -o size=64k none "$1"
            dd if=/dev/zero of="$1/filler" bs=1k count=1000 2>/dev/null || true
            dotnet "$2" imprint --settings "$3" --state "$1" --host "$4" --device-id "$5" <"$6"
            """;
        await File.WriteAllTextAsync(_folder.File("key"), next.PrimaryKey + "\n", TestContext.Current.CancellationToken);
        var refused = await ExternalProgram.RunAsync(
            "unshare", ["--mount", "sh", "-c", Script, "sh", Directory.CreateDirectory(_folder.File("full")).FullName, ServerProcess.Agent, _agent.SettingsFile, HostName, next.Id, _folder.File("key")]);
        refused.ExitCode.ShouldBe(2, refused.ToString());
        refused.Error.ShouldContain("No space left on device");
        refused.ToString().ShouldNotContain("   at ");
        await _agent.StartAsync();
        ((string)(await _agent.GetAsync("token"))["deviceId"]!).ShouldBe(old.Id);
        await _agent.WaitForConnectionAsync("connected");
    }

    [Fact]
    public async Task The_agent_starts_without_a_server_and_finds_it_when_it_comes()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("agent-alone"));
        var free = new ServerSettings("").WithFreePorts().Https;
        await using var agent = new AgentProcess(_folder.File("alone"), new JsonObject { ["caFile"] = shared.Server.Ready.CaFile, ["hubPort"] = free });
        await agent.ImprintAsync(HostName, device);
        await agent.StartAsync();
        await agent.WaitForConnectionAsync("unreachable");
        ((string)(await agent.GetAsync("status"))["connection"]!["message"]!).ShouldContain($"No connection to {HostName}:{free}");
        (await agent.GetAsync("token"))["token"].ShouldNotBeNull("tokens need no server");

        var data = _folder.File("server");
        await using var server = await ServerProcess.StartAsync(new ServerSettings(data, Https: free));
        await agent.WaitForConnectionAsync("untrusted");
        var doctor = await agent.RunAsync("doctor", null);
        doctor.ExitCode.ShouldBe(1);
        doctor.Output.ShouldContain("HubUntrusted");
        doctor.Output.ShouldContain("SoftwareTpm: ");
    }

    private string Endpoint => $"{shared.Server.Settings.Host}:{shared.Server.Ready.Ports.Https}";

    private async Task<string> EnrollAsync(AgentProcess? agent = null)
    {
        var tpm = (await (agent ?? _agent).GetAsync("status"))["tpm"]!;
        var registrationId = (string)tpm["registrationId"]!;
        var enrollment = new { registrationId, attestation = new { type = "tpm", tpm = new { endorsementKey = (string)tpm["endorsementKey"]! } } };
        var answer = await shared.Server.Dps.SendAsync(HttpMethod.Put, $"enrollments/{registrationId}", JsonNode.Parse(System.Text.Json.JsonSerializer.Serialize(enrollment))!);
        answer.Status.ShouldBe(200, answer.Body);
        return registrationId;
    }

    private async Task SampleAsync(string program, string[] arguments)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["HOMEPORT_AGENT_SOCKET"] = _agent.SocketPath,
            ["HOMEPORT_CA"] = shared.Server.Ready.CaFile,
            ["NODE_EXTRA_CA_CERTS"] = shared.Server.Ready.CaFile,
            ["NODE_PATH"] = Path.Combine(ServerProcess.Clients, "node_modules"),
        };
        using var process = ExternalProgram.Start(program, arguments, environment);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        process.ExitCode.ShouldBe(0, await output + await error);
    }

    private static async Task<string> CurlAsync(string user, string[] arguments)
        => (await ExternalProgram.RunAsync("runuser", ["-u", user, "--", "curl", "-s", .. arguments])).Output;
}
