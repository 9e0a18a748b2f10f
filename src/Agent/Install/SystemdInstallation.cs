using System.Runtime.CompilerServices;
using System.Text.Json;
using Homeport.Agent.Settings;
using Homeport.Contract.Rest;

namespace Homeport.Agent.Install;

/// <summary>Where the parts go, below a root directory: <c>/</c>, or a mounted image.</summary>
internal sealed record InstallPaths(string Root)
{
    public string Program => Path.Combine(Root, "usr/local/bin/homeport-agent");

    public string Unit => Path.Combine(Root, "etc/systemd/system/homeport-agent.service");

    public string Accounts => Path.Combine(Root, "usr/lib/sysusers.d/homeport-agent.conf");

    public string Settings => Path.Combine(Root, "etc/homeport/agent.json");

    public string CaFile => Path.Combine(Root, "etc/homeport/ca.pem");

    public string State => Path.Combine(Root, "var/lib/homeport");

    public bool IsThisMachine => Root == "/";

    /// <summary>A path as the installed system sees it.</summary>
    public static string Inside(string path, string root) => root == "/" ? path : "/" + Path.GetRelativePath(root, path);
}

/// <summary>Installs the agent as a service of systemd and removes it again. What was there of settings and state stays.</summary>
internal sealed class SystemdInstallation(InstallPaths paths, Action<string> say, Func<string, IReadOnlyList<string>, Task<int>> run)
{
    private const string User = "homeport-agent";
    private const string Group = "homeport";

    private static readonly string Users = $"""
        # The agent, and the group whose members may ask it for tokens.
        g {Group} -
        g tss -
        u {User} - "Homeport device agent" /var/lib/homeport
        m {User} {Group}
        m {User} tss

        """;

    /// <summary>Puts the parts in their places and starts the service.</summary>
    /// <param name="program">The executable to copy: a single file.</param>
    /// <param name="settings">A settings file to take over, or null: that of the machine, or a new one.</param>
    /// <param name="caFile">The server's CA, or null.</param>
    public async Task InstallAsync(string program, string? settings, string? caFile)
    {
        if (!program.EndsWith("homeport-agent", StringComparison.Ordinal) || !IsExecutable(program))
        {
            throw new AgentSettingsException(
                $"'{program}' is no program of its own. Build one file for this machine first: dotnet publish src/Agent -c Release -r linux-x64");
        }

        Write(paths.Accounts, Users, executable: false);
        if (paths.IsThisMachine)
            await MakeAccountsAsync();
        Copy(program, paths.Program);
        if (caFile is not null)
            Copy(caFile, paths.CaFile, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        if (settings is not null || !File.Exists(paths.Settings))
            WriteSettings(settings, caFile is not null);
        Write(
            paths.Unit,
            InstallAssets.Unit.Replace("@PROGRAM@", InstallPaths.Inside(paths.Program, paths.Root), StringComparison.Ordinal)
                .Replace("@NATIVE@", RuntimeFeature.IsDynamicCodeCompiled ? "no" : "yes", StringComparison.Ordinal)
                .Replace("@SETTINGS@", InstallPaths.Inside(paths.Settings, paths.Root), StringComparison.Ordinal),
            executable: false);
        await EnableAsync();
        say($"Installed. Settings: {InstallPaths.Inside(paths.Settings, paths.Root)}. Users who may ask for tokens: usermod -aG {Group} NAME");
    }

    /// <summary>Stops the service and removes its parts.</summary>
    /// <param name="purge">Also removes settings and state. With a software TPM, the identity of the device goes with them.</param>
    public async Task UninstallAsync(bool purge)
    {
        if (paths.IsThisMachine && HasSystemd())
            await run("systemctl", ["disable", "--now", "homeport-agent"]);
        foreach (var file in new[] { paths.Unit, paths.Accounts, paths.Program, EnabledLink() })
            Remove(file);
        if (purge)
        {
            Remove(paths.Settings);
            Remove(paths.CaFile);
            if (Directory.Exists(paths.State))
                Directory.Delete(paths.State, recursive: true);
        }

        if (paths.IsThisMachine && HasSystemd())
            await run("systemctl", ["daemon-reload"]);
        say(purge
            ? "Removed, with settings and state. What is in a TPM chip stays there: tpm2_clear, or homeport-agent before it went."
            : $"Removed. Settings and state stay: {paths.Settings}, {paths.State} (with --purge they go)");
    }

    private async Task MakeAccountsAsync()
    {
        if (await run("systemd-sysusers", [paths.Accounts]) == 0)
            return;
        foreach (var group in new[] { Group, "tss" })
            await run("groupadd", ["--system", "--force", group]);
        await run("useradd", ["--system", "--user-group", "--home-dir", "/var/lib/homeport", "--shell", "/usr/sbin/nologin", "--groups", $"{Group},tss", User]);
    }

    private async Task EnableAsync()
    {
        if (paths.IsThisMachine && HasSystemd())
        {
            await run("systemctl", ["daemon-reload"]);
            if (await run("systemctl", ["enable", "--now", "homeport-agent"]) != 0)
                throw new AgentSettingsException("systemd did not start the agent: journalctl -u homeport-agent says why.");
            return;
        }

        // An image, or a machine whose systemd does not run now: enabled for its next start.
        Directory.CreateDirectory(Path.GetDirectoryName(EnabledLink())!);
        Remove(EnabledLink());
        File.CreateSymbolicLink(EnabledLink(), "/etc/systemd/system/homeport-agent.service");
    }

    private string EnabledLink() => Path.Combine(paths.Root, "etc/systemd/system/multi-user.target.wants/homeport-agent.service");

    private static bool HasSystemd() => Directory.Exists("/run/systemd/system");

    private void WriteSettings(string? from, bool hasCaFile)
    {
        var settings = from is null ? new AgentSettings() : AgentOptions.Read(from, null).Settings;
        if (hasCaFile)
            settings = settings with { CaFile = InstallPaths.Inside(paths.CaFile, paths.Root) };
        Write(paths.Settings, JsonSerializer.Serialize(settings, AgentJson.Default.AgentSettings) + "\n", executable: false);
    }

    private void Write(string path, string text, bool executable)
    {
        Guard(path, () =>
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
            SetMode(path, executable);
        });
        say($"wrote {path}");
    }

    private void Copy(string from, string to, UnixFileMode? mode = null)
    {
        Guard(to, () =>
        {
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            if (Path.GetFullPath(from) == Path.GetFullPath(to))
                return;

            // A running program cannot be written over, but its name can be given to another file.
            File.Copy(from, to + ".new", overwrite: true);
            if (mode is { } wanted && !OperatingSystem.IsWindows())
                File.SetUnixFileMode(to + ".new", wanted);
            else
                SetMode(to + ".new", executable: true);
            File.Move(to + ".new", to, overwrite: true);
        });
        say($"wrote {to}");
    }

    private static void Guard(string path, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AgentSettingsException($"{path} cannot be written: {e.Message} Installing needs root.", e);
        }
    }

    private static void Remove(string path)
        => Guard(path, () =>
        {
            if (new FileInfo(path) is { Exists: true } or { LinkTarget: not null })
                File.Delete(path);
        });

    private static void SetMode(string path, bool executable)
    {
        if (OperatingSystem.IsWindows())
            return;
        var mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        File.SetUnixFileMode(path, executable ? mode | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute : mode);
    }

    private static bool IsExecutable(string path)
        => File.Exists(path) && (OperatingSystem.IsWindows() || File.GetUnixFileMode(path).HasFlag(UnixFileMode.UserExecute)) && new FileInfo(path).Length > 4_000_000;
}

/// <summary>Files inside the program.</summary>
internal static class InstallAssets
{
    public static string Unit
    {
        get
        {
            using var reader = new StreamReader(typeof(InstallAssets).Assembly.GetManifestResourceStream("install/homeport-agent.service")!);
            return reader.ReadToEnd();
        }
    }
}
