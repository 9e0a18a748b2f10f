using System.CommandLine;
using System.Diagnostics;
using Homeport.Agent.Settings;
using Homeport.Tpm.Software;

namespace Homeport.Agent.Install;

/// <summary><c>homeport-agent install</c> and <c>uninstall</c>.</summary>
internal static class InstallCommands
{
    private const string Task = "Homeport agent";

    public static Command Install()
    {
        var settings = new Option<FileInfo?>("--from") { Description = "A settings file to take over" };
        var caFile = new Option<FileInfo?>("--ca") { Description = "The CA file of the server" };
        var software = new Option<bool>("--software-tpm") { Description = "Also installs swtpm, for machines without a chip. Gives no security" };
        var root = Root();
        var command = new Command("install", "Installs this program as a service and starts it") { settings, caFile, software, root };
        command.SetAction((parsed, _) => AgentCommands.GuardAsync(async () =>
        {
            if (parsed.GetValue(software))
                await InstallSoftwareTpmAsync();
            if (OperatingSystem.IsWindows())
                return await InstallOnWindowsAsync(parsed.GetValue(settings)?.FullName);
            await new SystemdInstallation(new InstallPaths(Path.GetFullPath(parsed.GetValue(root)!)), Console.WriteLine, RunAsync)
                .InstallAsync(Environment.ProcessPath!, parsed.GetValue(settings)?.FullName, parsed.GetValue(caFile)?.FullName);
            return 0;
        }));
        return command;
    }

    public static Command Uninstall()
    {
        var purge = new Option<bool>("--purge") { Description = "Also removes settings and state" };
        var root = Root();
        var command = new Command("uninstall", "Stops and removes the service") { purge, root };
        command.SetAction((parsed, _) => AgentCommands.GuardAsync(async () =>
        {
            if (OperatingSystem.IsWindows())
                return await RunAsync("schtasks", ["/Delete", "/F", "/TN", Task]);
            await new SystemdInstallation(new InstallPaths(Path.GetFullPath(parsed.GetValue(root)!)), Console.WriteLine, RunAsync).UninstallAsync(parsed.GetValue(purge));
            return 0;
        }));
        return command;
    }

    private static Option<string> Root() => new("--root") { Description = "Another root directory: a mounted image", DefaultValueFactory = _ => "/" };

    /// <summary>As a task at the start of the machine, with the rights that the TPM Base Services ask for.</summary>
    private static Task<int> InstallOnWindowsAsync(string? settings)
    {
        var arguments = settings is null ? "run" : $"run --settings \\\"{settings}\\\"";
        return RunAsync("schtasks", ["/Create", "/F", "/TN", Task, "/SC", "ONSTART", "/RU", "SYSTEM", "/TR", $"\\\"{Environment.ProcessPath}\\\" {arguments}"]);
    }

    private static async Task InstallSoftwareTpmAsync()
    {
        if (SoftwareTpm.FindProgram() is not null)
            return;
        Console.WriteLine("Installing swtpm. A software TPM gives no security: it is for trying, and for machines without a chip.");
        if (await RunAsync("apt-get", ["install", "-y", "swtpm"]) != 0)
            throw new AgentSettingsException("swtpm could not be installed. Install it with the package manager of this system.");
    }

    private static async Task<int> RunAsync(string program, IReadOnlyList<string> arguments)
    {
        try
        {
            using var process = Process.Start(program, arguments);
            await process.WaitForExitAsync();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return 127;
        }
    }
}
