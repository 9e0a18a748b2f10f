using System.Text;
using System.Text.Json;
using Homeport.Contract.Naming;
using Homeport.Contract.Rest;
using Homeport.Device;
using Homeport.Device.Identity;
using Homeport.Tpm;

namespace Homeport.Agent.Settings;

/// <summary>Where the agent finds and keeps things, and how it was set.</summary>
/// <param name="Settings">The settings file.</param>
/// <param name="SettingsPath">Its place; the file may be missing.</param>
/// <param name="StateDirectory">Certificate, password and journal of the agent, and the software TPM.</param>
/// <param name="SocketPath">The Unix socket for local programs.</param>
internal sealed record AgentOptions(AgentSettings Settings, string SettingsPath, string StateDirectory, string SocketPath)
{
    public const string DefaultSettingsPath = "/etc/homeport/agent.json";

    private const uint LastLogicalDevice = 15;

    /// <summary>The TPM, with its passwords.</summary>
    /// <exception cref="AgentSettingsException">A password file cannot be read.</exception>
    public TpmSource OpenTpm()
    {
        TpmSource source;
        try
        {
            source = TpmLocator.Choose(Settings.Tpm, Path.Combine(StateDirectory, "tpm"));
        }
        catch (FormatException e)
        {
            throw new AgentSettingsException($"tpm: {e.Message}", e);
        }

        return Settings is { OwnerPasswordFile: null, EndorsementPasswordFile: null, LockoutPasswordFile: null }
            ? source
            : source.WithPasswords(new TpmPasswords
            {
                Owner = ReadPassword(Settings.OwnerPasswordFile),
                Endorsement = ReadPassword(Settings.EndorsementPasswordFile),
                Lockout = ReadPassword(Settings.LockoutPasswordFile),
            });
    }

    /// <summary>Which servers are believed: those of the system's store, and with a CA file those of a store that begins with it and is kept up to date.</summary>
    /// <exception cref="AgentSettingsException">The CA file cannot be used.</exception>
    public ServerTrust OpenTrust()
    {
        try
        {
            return Settings.CaFile is { } file ? TrustStore.Open(Path.Combine(StateDirectory, "trust.json"), file, useSystem: true).Trust : ServerTrust.System;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new AgentSettingsException($"caFile: {e.Message}", e);
        }
    }

    /// <summary>Reads the file; a missing one means defaults.</summary>
    /// <exception cref="AgentSettingsException">All that is wrong with it.</exception>
    public static AgentOptions Read(string? path, string? stateDirectory)
    {
        var file = path ?? DefaultSettingsPath;
        var settings = new AgentSettings();
        try
        {
            if (path is not null || File.Exists(file))
                settings = JsonSerializer.Deserialize(File.ReadAllBytes(file), AgentJson.Default.AgentSettings) ?? settings;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new AgentSettingsException($"{file}: {e.Message}", e);
        }

        var errors = Check(settings).ToList();
        if (errors.Count > 0)
            throw new AgentSettingsException($"{file}:{string.Concat(errors.Select(e => $"\n  {e}"))}");
        var state = Path.GetFullPath(stateDirectory ?? Environment.GetEnvironmentVariable("STATE_DIRECTORY") ?? DefaultStateDirectory());
        var runtime = Environment.GetEnvironmentVariable("RUNTIME_DIRECTORY") ?? state;
        return new AgentOptions(settings, file, state, settings.Socket ?? Path.Combine(runtime, "agent.sock"));
    }

    private static IEnumerable<string> Check(AgentSettings settings)
    {
        if (settings.LogicalDevice > LastLogicalDevice)
            yield return $"logicalDevice: {settings.LogicalDevice} is not 0 to {LastLogicalDevice}.";
        foreach (var (name, port) in new[] { ("loopbackPort", settings.LoopbackPort), ("portal.port", settings.Portal.Port) })
        {
            if (port is < 0 or > 65535)
                yield return $"{name}: {port} is no port; 0 turns it off.";
        }

        if (settings.HubPort is < 1 or > 65535)
            yield return $"hubPort: {settings.HubPort} is no port.";
        if (settings.Socket is { } socket && !Path.IsPathFullyQualified(socket))
            yield return $"socket: '{socket}' is not an absolute path.";
        foreach (var queue in settings.Queues.Where(static q => !Path.IsPathFullyQualified(q)))
            yield return $"queues: '{queue}' is not an absolute path.";
        if (settings.Portal.CertificateFile is null != settings.Portal.KeyFile is null)
            yield return "portal: certificateFile and keyFile belong together.";
        if (settings.Provisioning is not { } provisioning)
            yield break;
        if (ImprintRules.CheckEndpoint(provisioning.Endpoint) is { } reason)
            yield return $"provisioning.endpoint: {reason}";
        if (provisioning.IdScope.Length == 0)
            yield return "provisioning.idScope: write the ID scope of the server.";
        if (provisioning.RegistrationId is { } id && RegistrationIdRules.Check(id) is { } bad)
            yield return $"provisioning.registrationId: {bad}.";
    }

    private static string DefaultStateDirectory()
    {
        if (OperatingSystem.IsWindows())
            return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.CommonApplicationData), "Homeport");
        return Environment.IsPrivilegedProcess
            ? "/var/lib/homeport"
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state", "homeport");
    }

    private static byte[] ReadPassword(string? file)
    {
        try
        {
            return file is null ? [] : Encoding.UTF8.GetBytes(File.ReadAllText(file).TrimEnd('\r', '\n'));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AgentSettingsException($"The password file of the TPM cannot be read: {e.Message}", e);
        }
    }
}

/// <summary>The settings cannot be used; the message says why.</summary>
internal sealed class AgentSettingsException(string message, Exception? inner = null) : Exception(message, inner);
