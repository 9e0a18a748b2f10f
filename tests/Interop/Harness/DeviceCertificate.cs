using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Tests.Interop.Harness;

/// <summary>A self-signed certificate as a device makes it for itself.</summary>
public sealed class DeviceCertificate : IDisposable
{
    public DeviceCertificate(string commonName)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={commonName}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
        var now = DateTimeOffset.UtcNow;
        Certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        CertificatePem = Certificate.ExportCertificatePem();
        KeyPem = key.ExportPkcs8PrivateKeyPem();
    }

    public X509Certificate2 Certificate { get; }

    public string CertificatePem { get; }

    public string KeyPem { get; }

    public string Sha1 => Certificate.GetCertHashString(HashAlgorithmName.SHA1);

    public string Sha256 => Certificate.GetCertHashString(HashAlgorithmName.SHA256);

    public void Dispose() => Certificate.Dispose();
}
