using System.Text.Json;
using System.Text.Json.Serialization;
using Homeport.Tpm;
using Homeport.Tpm.Commands;

namespace Homeport.Device.Identity;

/// <summary>An imprint that broke off and was found again.</summary>
/// <param name="LogicalDevice">Where it goes.</param>
/// <param name="HostName">Host name of the hub.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="Failure">Null: it is finished now. Else why it could not be finished; the logical device is empty then.</param>
public sealed record RecoveredImprint(uint LogicalDevice, string HostName, string DeviceId, string? Failure);

/// <summary>
/// Imprints keys so that a power cut at any moment loses nothing: the TPM wraps the key first, the wrapped key goes to a file, and the file goes
/// when key and record are in the TPM. <see cref="Recover"/> finishes what broke off. The file holds no key that anybody but this TPM can use.
/// </summary>
public sealed class ImprintJournal(TpmSource source, string directory)
{
    private const string FileName = "imprint.pending";

    private string Path => System.IO.Path.Combine(directory, FileName);

    /// <summary>True while an imprint is neither done nor taken back.</summary>
    public bool IsPending => File.Exists(Path);

    /// <summary>As <see cref="TpmDevice.Provision"/>, but finished by <see cref="Recover"/> when it breaks off.</summary>
    /// <param name="logicalDevice">0 to 255.</param>
    /// <param name="key">1 to 64 bytes.</param>
    /// <param name="hostName">Host of the hub.</param>
    /// <param name="deviceId">The device.</param>
    /// <exception cref="TpmException">The TPM refuses; the logical device is as before, or empty.</exception>
    /// <exception cref="IOException">The file cannot be written; nothing changed.</exception>
    public void Imprint(uint logicalDevice, ReadOnlySpan<byte> key, string hostName, string deviceId)
    {
        var device = new TpmDevice(logicalDevice, source);
        var wrapped = device.Wrap(key);
        Write(new PendingImprint(logicalDevice, hostName, deviceId, wrapped.Private.ToArray(), wrapped.Public.ToArray()));
        try
        {
            device.Replace(wrapped, hostName, deviceId);
        }
        catch (Exception e) when (e is ArgumentException or TpmException { Failure: not (TpmFailure.Unreachable or TpmFailure.TimedOut) })
        {
            // Refused and undone. After any other failure nobody knows how far the TPM came: the file stays, and Recover finds out.
            File.Delete(Path);
            throw;
        }

        File.Delete(Path);
    }

    /// <summary>Finishes an imprint that broke off, or empties its logical device when that is impossible. Null: there was none.</summary>
    /// <exception cref="TpmException">The TPM cannot be reached now. Try again later.</exception>
    public RecoveredImprint? Recover()
    {
        if (!IsPending)
            return null;
        if (Read() is not { } pending)
        {
            // Torn while it was written: the TPM was not touched yet.
            File.Delete(Path);
            return null;
        }

        var device = new TpmDevice(pending.LogicalDevice, source);
        string? failure = null;
        try
        {
            device.Replace(new WrappedKey(pending.Private, pending.Public), pending.HostName, pending.DeviceId);
        }
        catch (TpmException e) when (e.Failure is not (TpmFailure.Unreachable or TpmFailure.TimedOut or TpmFailure.NotInstalled))
        {
            failure = e.Code is TpmResponseCode.Integrity or TpmResponseCode.Handle
                ? "The TPM was cleared or replaced since. Imprint the key again."
                : e.Message;
            device.Destroy();
        }

        File.Delete(Path);
        return new RecoveredImprint(pending.LogicalDevice, pending.HostName, pending.DeviceId, failure);
    }

    private PendingImprint? Read()
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(Path), PendingImprintJson.Default.PendingImprint);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private void Write(PendingImprint pending)
    {
        Directory.CreateDirectory(directory);
        var temporary = Path + ".new";
        File.Delete(temporary);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(temporary, options))
        {
            JsonSerializer.Serialize(file, pending, PendingImprintJson.Default.PendingImprint);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, Path, overwrite: true);
    }
}

/// <summary>The content of the file.</summary>
internal sealed record PendingImprint(uint LogicalDevice, string HostName, string DeviceId, byte[] Private, byte[] Public);

/// <summary>Source-generated serialization of the file.</summary>
[JsonSerializable(typeof(PendingImprint))]
internal sealed partial class PendingImprintJson : JsonSerializerContext;
