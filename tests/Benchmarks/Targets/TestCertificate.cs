using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Tests.Benchmarks.Targets;

/// <summary>A self-signed server certificate for localhost, as PEM files.</summary>
internal sealed record TestCertificate(string CertificateFile, string KeyFile, X509Certificate2 Certificate)
{
    public const string P256 = "p256";
    public const string Rsa2048 = "rsa2048";

    public static async Task<TestCertificate> CreateAsync(string directory, string keyKind, CancellationToken cancellationToken)
    {
        using AsymmetricAlgorithm key = keyKind is Rsa2048 ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = key is RSA rsa
            ? new CertificateRequest("CN=localhost", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest("CN=localhost", (ECDsa)key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));

        var now = TimeProvider.System.GetUtcNow();
        var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(7));
        var files = new TestCertificate(Path.Combine(directory, "server.crt"), Path.Combine(directory, "server.key"), certificate);
        await File.WriteAllTextAsync(files.CertificateFile, certificate.ExportCertificatePem(), cancellationToken);
        await File.WriteAllTextAsync(files.KeyFile, key.ExportPkcs8PrivateKeyPem(), cancellationToken);
        return files;
    }
}
