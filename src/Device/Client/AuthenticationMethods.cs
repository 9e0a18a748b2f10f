using System.Security.Cryptography.X509Certificates;
using Homeport.Device.Identity;

namespace Homeport.Device.Client;

/// <summary>How a device shows its hub who it is.</summary>
public interface IAuthenticationMethod
{
    string DeviceId { get; }
}

/// <summary>A ready token. It cannot be renewed: when it is over, calls fail with <see cref="Errors.UnauthorizedException"/>.</summary>
public sealed class DeviceAuthenticationWithToken(string deviceId, string token) : IAuthenticationMethod
{
    /// <inheritdoc/>
    public string DeviceId { get; } = deviceId;

    internal string Token { get; } = token;
}

/// <summary>A key that signs tokens, renewed before they end: a TPM's, or one in memory.</summary>
public sealed class DeviceAuthenticationWithKey(string deviceId, IDeviceKey key) : IAuthenticationMethod
{
    /// <inheritdoc/>
    public string DeviceId { get; } = deviceId;

    internal IDeviceKey Key { get; } = key;
}

/// <summary>A certificate in place of a token.</summary>
public sealed class DeviceAuthenticationWithX509Certificate(
    string deviceId, X509Certificate2 certificate, X509Certificate2Collection? chainCertificates = null) : IAuthenticationMethod
{
    /// <inheritdoc/>
    public string DeviceId { get; } = deviceId;

    internal X509Certificate2 Certificate { get; } = certificate;

    /// <summary>Between the device's certificate and the one that the hub knows.</summary>
    internal X509Certificate2Collection? Chain { get; } = chainCertificates;
}

/// <summary>Makes authentication methods, with the names of the Azure IoT device client.</summary>
public static class AuthenticationMethodFactory
{
    /// <summary>A ready token, such as <see cref="TpmDevice.GetSASToken"/> gives.</summary>
    /// <exception cref="ArgumentException">The token or the id is empty: is the TPM provisioned?</exception>
    public static IAuthenticationMethod CreateAuthenticationWithToken(string deviceId, string token)
    {
        ArgumentException.ThrowIfNullOrEmpty(deviceId);
        ArgumentNullException.ThrowIfNull(token);
        return token.Length > 0
            ? new DeviceAuthenticationWithToken(deviceId, token)
            : throw new ArgumentException("The token is empty. If it comes from a TPM: is the logical device provisioned? TryGetSASToken says.", nameof(token));
    }

    /// <summary>The device's symmetric key, in Base64.</summary>
    /// <exception cref="FormatException">The key is not Base64.</exception>
    public static IAuthenticationMethod CreateAuthenticationWithRegistrySymmetricKey(string deviceId, string key)
    {
        ArgumentException.ThrowIfNullOrEmpty(deviceId);
        return new DeviceAuthenticationWithKey(deviceId, new SymmetricDeviceKey(Convert.FromBase64String(key)));
    }

    /// <summary>The key of a logical device in a TPM, with the id that its record has.</summary>
    public static IAuthenticationMethod CreateAuthenticationWithTpm(TpmDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return new DeviceAuthenticationWithKey(device.GetDeviceId(), device.Key);
    }
}
