using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Device.Client;

namespace Homeport.Device.Provisioning;

/// <summary>
/// Asks the provisioning service for a certificate for the hub. The key stays where it is; the service signs its public half. Source: DPS device API,
/// member <c>csr</c> (preview).
/// </summary>
public sealed class CertificateSigningRequest : IDisposable
{
    private readonly string _registrationId;
    private readonly ECDsa _key;

    /// <summary>With a key that exists; it is not disposed.</summary>
    public CertificateSigningRequest(string registrationId, ECDsa key)
    {
        RegistrationIds.Check(registrationId);
        ArgumentNullException.ThrowIfNull(key);
        _registrationId = registrationId;
        _key = key;
    }

    /// <summary>With a new key on the curve P-256.</summary>
    public static CertificateSigningRequest Create(string registrationId) => new(registrationId, ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <summary>The key in PKCS#8 PEM, to keep it with the certificate.</summary>
    public string ExportKey() => _key.ExportPkcs8PrivateKeyPem();

    public void Dispose() => _key.Dispose();

    internal string Encode()
        => Convert.ToBase64String(new CertificateRequest($"CN={_registrationId}", _key, HashAlgorithmName.SHA256).CreateSigningRequest());

    /// <summary>The certificate with its key, for the hub.</summary>
    /// <exception cref="ProvisioningException">The service issued none, or one for another key.</exception>
    internal IAuthenticationMethod Complete(string deviceId, IReadOnlyList<byte[]> chain)
    {
        if (chain.Count == 0)
            throw new ProvisioningException(ProvisioningFailure.Protocol, "The service assigned a hub but issued no certificate. Has the enrollment an issuing CA?");
        try
        {
            using var leaf = X509CertificateLoader.LoadCertificate(chain[0]);
            using var withKey = leaf.CopyWithPrivateKey(_key);
            var certificate = X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pfx), null);
            return new DeviceAuthenticationWithX509Certificate(deviceId, certificate, [.. chain.Skip(1).Select(X509CertificateLoader.LoadCertificate)]);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new ProvisioningException(ProvisioningFailure.Protocol, "The certificate that the service issued is not for the key of the request.", e);
        }
    }
}
