using System.Runtime.Versioning;
using Homeport.Agent.Install;
using Homeport.Agent.Settings;

namespace Homeport.Tests.Agent;

/// <summary>Installing into a root directory, as into an image, and removing again.</summary>
[SupportedOSPlatform("linux")]
public sealed class InstallationTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("install-test-").FullName;
    private readonly List<string> _said = [];

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task All_parts_are_there_and_go_again_but_settings_and_state_stay()
    {
        var paths = new InstallPaths(Path.Combine(_root, "sys"));
        var installation = Installation(paths);
        var settings = Write("agent.json", """{ "provisioning": { "endpoint": "hub.example.test", "idScope": "0ne1" } }""");
        var ca = Write("ca.pem", "-----BEGIN CERTIFICATE-----");
        await installation.InstallAsync(Program(), settings, ca);

        var unit = await File.ReadAllTextAsync(paths.Unit);
        unit.ShouldContain("ExecStart=/usr/local/bin/homeport-agent run --settings /etc/homeport/agent.json");
        unit.ShouldNotContain("@NATIVE@");
        unit.ShouldNotContain("@SETTINGS@");
        unit.ShouldContain("MemoryDenyWriteExecute=no", Case.Sensitive, "these tests run with a runtime that compiles");
        File.GetUnixFileMode(paths.Program).ShouldBe((UnixFileMode)0b111_101_101);
        new FileInfo(Path.Combine(paths.Root, "etc/systemd/system/multi-user.target.wants/homeport-agent.service")).LinkTarget.ShouldBe("/etc/systemd/system/homeport-agent.service");
        var read = AgentOptions.Read(paths.Settings, _root).Settings;
        read.CaFile.ShouldBe("/etc/homeport/ca.pem");
        read.Provisioning!.IdScope.ShouldBe("0ne1");
        read.Portal.Port.ShouldBe(8080, "what the file does not say has its default");

        // An update keeps the settings.
        await File.AppendAllTextAsync(paths.Settings, "\n");
        await installation.InstallAsync(Program(), null, null);
        AgentOptions.Read(paths.Settings, _root).Settings.Provisioning!.IdScope.ShouldBe("0ne1");

        await installation.UninstallAsync(purge: false);
        File.Exists(paths.Program).ShouldBeFalse();
        File.Exists(paths.Unit).ShouldBeFalse();
        File.Exists(paths.Settings).ShouldBeTrue();
        await installation.UninstallAsync(purge: true);
        File.Exists(paths.Settings).ShouldBeFalse();
    }

    [Fact]
    public async Task A_program_that_needs_a_runtime_is_not_installed()
        => (await Should.ThrowAsync<AgentSettingsException>(() => Installation(new InstallPaths(_root)).InstallAsync("/usr/bin/dotnet", null, null))).Message.ShouldContain("dotnet publish");

    [Theory]
    [InlineData("""{ "logicalDevice": 16 }""", "logicalDevice: 16")]
    [InlineData("""{ "portal": { "port": 99999 } }""", "portal.port")]
    [InlineData("""{ "provisioning": { "endpoint": "https://hub.example" , "idScope": "0ne1" } }""", "This is a URL")]
    [InlineData("""{ "provisionning": {} }""", "provisionning")]
    [InlineData("""{ "socket": "agent.sock" }""", "not an absolute path")]
    [InlineData("{", "agent.json")]
    public void Settings_that_cannot_work_are_refused_with_their_names(string text, string expected)
        => Should.Throw<AgentSettingsException>(() => AgentOptions.Read(Write("agent.json", text), _root)).Message.ShouldContain(expected);

    private SystemdInstallation Installation(InstallPaths paths) => new(paths, _said.Add, static (_, _) => throw new InvalidOperationException("nothing outside of the root is touched"));

    private string Program()
    {
        var path = Path.Combine(_root, "homeport-agent");
        File.WriteAllBytes(path, new byte[5_000_000]);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(_root, name);
        File.WriteAllText(path, text);
        return path;
    }
}
