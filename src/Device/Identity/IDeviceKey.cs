using System.Security.Cryptography;
using Homeport.Contract.Access;
using Homeport.Tpm;
using Homeport.Tpm.Commands;

namespace Homeport.Device.Identity;

/// <summary>The key of a device identity: signs, wherever the key is.</summary>
public interface IDeviceKey
{
    /// <summary>HMAC-SHA256, 32 bytes. A TPM needs some milliseconds, and longer while another program uses it.</summary>
    byte[] Sign(byte[] message);
}

/// <summary>A key that sits in a TPM and never leaves it.</summary>
public sealed class TpmDeviceKey(TpmSource source, uint logicalDeviceId = 0) : IDeviceKey
{
    /// <inheritdoc/>
    /// <exception cref="TpmException">No key at this logical device, or the TPM cannot be reached.</exception>
    public byte[] Sign(byte[] message) => source.Use(tpm => new TpmKeys(tpm).Sign(message, TpmHandle.IdentityKey + logicalDeviceId));
}

/// <summary>A key in the memory of this process.</summary>
public sealed class SymmetricDeviceKey : IDeviceKey
{
    private readonly byte[] _key;

    public SymmetricDeviceKey(ReadOnlySpan<byte> key) => _key = key.ToArray();

    /// <summary>The device key that an enrollment group gives to a registration id.</summary>
    public static SymmetricDeviceKey FromGroupKey(ReadOnlySpan<byte> groupKey, string registrationId)
        => new(DerivedKey.FromGroupKey(groupKey, registrationId));

    /// <inheritdoc/>
    public byte[] Sign(byte[] message) => HMACSHA256.HashData(_key, message);
}
