using System.Collections.Concurrent;
using Homeport.Tpm;

namespace Homeport.Device.Identity;

/// <summary>
/// Chooses the TPM of this machine: the configured one, else <c>/dev/tpmrm0</c>, else <c>/dev/tpm0</c>, else the TPM Base Services of Windows,
/// else a managed software TPM. A chip that is there but may not be opened is an error, not a reason to go on: the device would silently get
/// another identity.
/// </summary>
public static class TpmLocator
{
    /// <summary>Names the TPM when nothing else does, in the form of <see cref="TpmSource.Parse"/>.</summary>
    public const string EnvironmentVariable = "HOMEPORT_TPM";

    private static readonly string[] DeviceFiles = ["/dev/tpmrm0", "/dev/tpm0"];
    private static readonly ConcurrentDictionary<string, TpmSource> Software = new(StringComparer.Ordinal);

    /// <summary>The TPM of this machine.</summary>
    /// <param name="configured">What <see cref="TpmSource.Parse"/> takes, or null to choose.</param>
    /// <param name="softwareDirectory">Where a software TPM keeps its state; null: <c>/var/lib/homeport/tpm</c> for root, else below the user's state directory.</param>
    /// <exception cref="FormatException">The configured text names no TPM.</exception>
    public static TpmSource Choose(string? configured = null, string? softwareDirectory = null)
        => Choose(configured ?? Environment.GetEnvironmentVariable(EnvironmentVariable), File.Exists, OperatingSystem.IsWindows(), softwareDirectory);

    internal static TpmSource Choose(string? configured, Func<string, bool> exists, bool isWindows, string? softwareDirectory = null)
    {
        if (!string.IsNullOrEmpty(configured))
            return configured.StartsWith("software:", StringComparison.Ordinal) ? Shared(configured) : TpmSource.Parse(configured);
        if (DeviceFiles.FirstOrDefault(exists) is { } device)
            return TpmSource.Device(device);
        return isWindows ? TpmSource.Windows() : Shared("software:" + (softwareDirectory ?? DefaultSoftwareDirectory()));
    }

    /// <summary>Where the managed software TPM keeps its state: <c>/var/lib/homeport/tpm</c> for root, else below the user's state directory.</summary>
    internal static string DefaultSoftwareDirectory() => Path.Combine(DefaultStateDirectory(), "tpm");

    /// <summary>Where a device keeps its own state: <c>/var/lib/homeport</c> for root, else below the user's state directory.</summary>
    public static string DefaultStateDirectory()
    {
        if (Environment.IsPrivilegedProcess)
            return "/var/lib/homeport";
        var state = Environment.GetEnvironmentVariable("XDG_STATE_HOME");
        if (string.IsNullOrEmpty(state) || !Path.IsPathFullyQualified(state))
            state = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state");
        return Path.Combine(state, "homeport");
    }

    /// <summary>One object for each directory, since each would start a server of its own.</summary>
    private static TpmSource Shared(string text) => Software.GetOrAdd(text, TpmSource.Parse);
}
