using System.Text;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>From a server to an imprinted TPM with the command line tool: by options, at a terminal, and over the page of a device.</summary>
[Collection(SharedServerTests.Name)]
public sealed class ConnectTests(SharedServer shared) : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Tpm => $"software:{_folder.File("tpm")}";

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_script_imprints_the_tpm_of_this_machine_and_the_hub_accepts_it()
    {
        var id = SharedServer.NewId("connect");
        var result = await ToolAsync(null, "--device-id", id, "--tpm", Tpm, "--yes", "--json");
        result.ExitCode.ShouldBe(0, result.ToString());
        var report = JsonNode.Parse(result.Output)!;
        ((string)report["verified"]!).ShouldContain("connected over MQTT");
        ((string)report["deviceId"]!).ShouldBe(id);
        var key = (string)(await shared.Server.Hub.SendAsync(HttpMethod.Get, $"devices/{id}")).Json["authentication"]!["symmetricKey"]!["primaryKey"]!;
        result.ToString().ShouldNotContain(key[..12]);

        // What is there is not replaced without being asked.
        var refused = await ToolAsync(null, "--device-id", SharedServer.NewId("other"), "--tpm", Tpm, "--json");
        refused.ExitCode.ShouldBe(2, refused.ToString());
        refused.Error.ShouldContain($"holds {shared.Server.Ready.Hub.HostName}/{id}");
        refused.Error.ShouldContain("--yes");
    }

    [Theory]
    [InlineData("a/b", "is a module")]
    [InlineData("a b", "position 2")]
    public async Task A_device_id_with_bad_characters_is_explained(string id, string text)
    {
        var result = await ToolAsync(null, "--device-id", id, "--tpm", Tpm);
        result.ExitCode.ShouldBe(2);
        result.Error.ShouldContain(text);
    }

    [Fact]
    public async Task A_person_at_a_terminal_chooses_with_arrow_keys()
    {
        var id = SharedServer.NewId("chosen");
        await shared.Server.Hub.CreateDeviceAsync(id);
        var session = $"homeport-{Guid.NewGuid():N}"[..20];
        var log = _folder.File("screen");
        var command = $"HOMEPORT_TPM={Tpm} dotnet {ServerProcess.Tool} device connect --ready-file {shared.Server.ReadyPath}; echo exit code $?; sleep 60";
        (await ExternalProgram.RunAsync("tmux", ["-L", session, "-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "40", command])).ExitCode.ShouldBe(0);
        try
        {
            await ScreenAsync(session, "a new device");
            await KeysAsync(session, id);
            await ScreenAsync(session, $"> {id}");
            await KeysAsync(session, "Enter");
            await ScreenAsync(session, "(no security)");
            await KeysAsync(session, "Down");
            await KeysAsync(session, "Up");
            await KeysAsync(session, "Enter");
            var screen = await ScreenAsync(session, "exit code 0");
            screen.ShouldContain("connected over MQTT with a token of the TPM");
            screen.ShouldContain("gives no security");
        }
        finally
        {
            await ExternalProgram.RunAsync("tmux", ["-L", session, "kill-server"]);
        }
    }

    [Fact]
    public async Task The_tpm_of_a_device_on_the_network_is_imprinted_by_its_page()
    {
        var port = new ServerSettings("").WithFreePorts().Https;
        await using var agent = new AgentProcess(_folder.File("device"), new JsonObject
        {
            ["caFile"] = shared.Server.Ready.CaFile,
            ["hubPort"] = shared.Server.Ready.Ports.Https,
            ["portal"] = new JsonObject { ["port"] = port },
        });
        (await agent.RunAsync("password", "correct horse 7\n")).ExitCode.ShouldBe(0);
        await agent.StartAsync();
        await agent.WaitAsync(() => Task.FromResult(agent.Printed.Contains("SHA-256 ", StringComparison.Ordinal)), "print the fingerprint of its page");
        var fingerprint = agent.Printed.Split("SHA-256 ")[1].Split('\n')[0].Trim();
        var id = SharedServer.NewId("remote");
        string[] arguments = ["--device-id", id, "--portal", $"https://localhost:{port}", "--yes"];

        (await ToolAsync("correct horse 7", [.. arguments, "--portal-fingerprint", new string('0', 95)])).Error.ShouldContain("another certificate");
        (await ToolAsync("wrong", [.. arguments, "--portal-fingerprint", fingerprint])).Error.ShouldContain("password is missing or wrong");
        var result = await ToolAsync("correct horse 7", [.. arguments, "--portal-fingerprint", fingerprint, "--json"]);
        result.ExitCode.ShouldBe(0, result.ToString());
        result.Output.ShouldContain("the hub accepts it");
        ((string?)(await agent.GetAsync("token"))["deviceId"]).ShouldBe(id);
    }

    [Theory]
    [InlineData("user-data", "vendor-data")]
    [InlineData("cmdline.txt", "firstrun.sh")]
    public async Task An_image_gets_the_agent_into_its_boot_partition_and_no_other_byte_changes(string marker, string entry)
    {
        var image = await ImageAsync(marker);
        var before = await File.ReadAllBytesAsync(image);
        var program = await FakeAgentAsync();
        var id = SharedServer.NewId("image");
        var result = await ExternalProgram.RunAsync(
            "dotnet", [ServerProcess.Tool, "device", "image", image, "--agent", program, "--ready-file", shared.Server.ReadyPath, "--device-id", id]);
        result.ExitCode.ShouldBe(0, result.ToString());
        result.Output.ShouldContain(entry);
        result.Output.ShouldContain("x86-64");
        var after = await File.ReadAllBytesAsync(image);
        after.Length.ShouldBe(before.Length);
        after.AsSpan(0, 1 << 20).SequenceEqual(before.AsSpan(0, 1 << 20)).ShouldBeTrue("before the boot partition");
        after.AsSpan(33 << 20).SequenceEqual(before.AsSpan(33 << 20)).ShouldBeTrue("after the boot partition");

        // The first start, with a program that notes how it was called.
        var boot = Directory.CreateDirectory(_folder.File("boot")).FullName;
        (await ExternalProgram.RunAsync("env", ["MTOOLS_SKIP_CHECK=1", "mcopy", "-s", "-i", $"{image}@@1M", "::/", boot])).ExitCode.ShouldBe(0);
        var root = Directory.CreateDirectory(_folder.File("root")).FullName;
        (await ExternalProgram.RunAsync("env", [$"HOMEPORT_BOOT={boot}", $"HOMEPORT_ROOT={root}", $"FAKE_LOG={_folder.File("calls")}", "sh", Path.Combine(boot, entry)])).ToString().ShouldStartWith("exit code 0");
        var calls = await File.ReadAllTextAsync(_folder.File("calls"));
        calls.ShouldContain($"install --from {boot}/homeport/agent.json --ca {boot}/homeport/ca.pem --root {root}");
        calls.ShouldContain($"--host {shared.Server.Ready.Hub.HostName} --device-id {id}");
        var key = (string)(await shared.Server.Hub.SendAsync(HttpMethod.Get, $"devices/{id}")).Json["authentication"]!["symmetricKey"]!["primaryKey"]!;
        calls.ShouldContain($"stdin {key}");
        File.Exists(Path.Combine(boot, "homeport", "imprint.sh")).ShouldBeFalse("the key does not stay");
        if (marker == "cmdline.txt")
            (await File.ReadAllTextAsync(Path.Combine(boot, "cmdline.txt"))).ShouldBe("console=tty1 root=PARTUUID=1 rootwait\n");

        // Again is fine; what somebody else put there is not.
        string[] again = [ServerProcess.Tool, "device", "image", image, "--agent", program, "--ready-file", shared.Server.ReadyPath];
        (await ExternalProgram.RunAsync("dotnet", again)).Output.ShouldContain("registers with");
        await WriteAsync(image, entry, "#!/bin/sh\necho mine\n");
        var refused = await ExternalProgram.RunAsync("dotnet", again);
        refused.ExitCode.ShouldBe(1);
        refused.Error.ShouldContain("Nothing was changed");
    }

    [Fact]
    public async Task What_is_no_image_and_no_agent_is_refused_untouched()
    {
        var file = _folder.File("letter.txt");
        await File.WriteAllTextAsync(file, "dear friend");
        var program = await FakeAgentAsync();
        var noImage = await ExternalProgram.RunAsync("dotnet", [ServerProcess.Tool, "device", "image", file, "--agent", program, "--ready-file", shared.Server.ReadyPath]);
        noImage.Error.ShouldContain("no image of a disk");
        var noAgent = await ExternalProgram.RunAsync("dotnet", [ServerProcess.Tool, "device", "image", file, "--agent", file, "--ready-file", shared.Server.ReadyPath]);
        noAgent.Error.ShouldContain("no agent for Linux");
        (await File.ReadAllTextAsync(file)).ShouldBe("dear friend");
    }

    /// <summary>A disk of 40 MiB whose first partition, of 32 MiB, is FAT, as the images of small machines are.</summary>
    private async Task<string> ImageAsync(string marker)
    {
        var image = _folder.File("os.img");
        var bytes = new byte[40 << 20];
        Random.Shared.NextBytes(bytes.AsSpan(33 << 20));
        byte[] entry = [0x80, 0, 2, 0, 0x0C, 0, 0, 0, .. BitConverter.GetBytes(2048), .. BitConverter.GetBytes((32 << 20) / 512)];
        entry.CopyTo(bytes, 446);
        bytes[510] = 0x55;
        bytes[511] = 0xAA;
        await File.WriteAllBytesAsync(image, bytes);
        (await ExternalProgram.RunAsync("mformat", ["-i", $"{image}@@1M", "-T", $"{(32 << 20) / 512}", "-h", "16", "-s", "32", "::"])).ToString().ShouldStartWith("exit code 0");
        await WriteAsync(image, marker, marker == "cmdline.txt" ? "console=tty1 root=PARTUUID=1 rootwait\n" : "#cloud-config\n");
        return image;
    }

    private async Task WriteAsync(string image, string name, string text)
    {
        var file = _folder.File("part");
        await File.WriteAllTextAsync(file, text);
        (await ExternalProgram.RunAsync("env", ["MTOOLS_SKIP_CHECK=1", "mcopy", "-o", "-i", $"{image}@@1M", file, $"::/{name}"])).ToString().ShouldStartWith("exit code 0");
    }

    private async Task<string> FakeAgentAsync()
    {
        const string Source = """
            #include <stdio.h>
            #include <stdlib.h>
            #include <string.h>
            int main(int argc, char **argv)
            {
                FILE *log = fopen(getenv("FAKE_LOG"), "a");
                char line[512] = "";
                for (int i = 1; i < argc; i++)
                    fprintf(log, "%s ", argv[i]);
                if (strcmp(argv[1], "imprint") == 0 && fgets(line, sizeof line, stdin) != NULL)
                    fprintf(log, "stdin %s", line);
                fprintf(log, "\n");
                return fclose(log);
            }
            """;
        var (source, program) = (_folder.File("fake.c"), _folder.File("homeport-agent"));
        await File.WriteAllTextAsync(source, Source, new UTF8Encoding(false));
        (await ExternalProgram.RunAsync("gcc", ["-o", program, source])).ToString().ShouldStartWith("exit code 0");
        await using var file = new FileStream(program, FileMode.Append);
        await file.WriteAsync(new byte[5_000_000]);
        return program;
    }

    private async Task<ProgramResult> ToolAsync(string? password, params string[] arguments)
        => await ExternalProgram.RunAsync(
            "env", [$"HOMEPORT_PORTAL_PASSWORD={password}", "dotnet", ServerProcess.Tool, "device", "connect", "--ready-file", shared.Server.ReadyPath, .. arguments]);

    private static async Task KeysAsync(string session, string keys) => (await ExternalProgram.RunAsync("tmux", ["-L", session, "send-keys", keys])).ExitCode.ShouldBe(0);

    private static async Task<string> ScreenAsync(string session, string text)
    {
        for (var tries = 0; tries < 300; tries++)
        {
            var screen = (await ExternalProgram.RunAsync("tmux", ["-L", session, "capture-pane", "-p"])).Output;
            if (screen.Contains(text, StringComparison.Ordinal))
                return screen;
            await Task.Delay(100);
        }

        throw new TimeoutException($"'{text}' did not appear:\n{(await ExternalProgram.RunAsync("tmux", ["-L", session, "capture-pane", "-p"])).Output}");
    }
}
