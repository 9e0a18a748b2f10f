using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Tests.Hub.Access;

/// <summary>A CA of a test, with RSA or ECDSA, that issues what it is asked for, right or wrong.</summary>
internal sealed class TestAuthority
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    private readonly AsymmetricAlgorithm _key;

    private TestAuthority(AsymmetricAlgorithm key, X509Certificate2 certificate) => (_key, Certificate) = (key, certificate);

    public X509Certificate2 Certificate { get; }

    public string Pem => Certificate.ExportCertificatePem();

    public static AsymmetricAlgorithm NewKey(bool rsa, int bits = 2048) => rsa ? RSA.Create(bits) : ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public static TestAuthority Root(
        string name, DateTimeOffset now, bool rsa = false, bool isAuthority = true, int days = 30, int bits = 2048, int? pathLength = null, X509KeyUsageFlags usage = X509KeyUsageFlags.KeyCertSign, int from = -1)
    {
        var key = NewKey(rsa, bits);
        var request = Request($"CN={name}", key);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, pathLength is not null, pathLength ?? 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(usage, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return new TestAuthority(key, request.CreateSelfSigned(now.AddDays(from), now.AddDays(days)));
    }

    /// <summary>A CA below this one.</summary>
    public TestAuthority Intermediate(string name, DateTimeOffset now, bool rsa = false, bool isAuthority = true, int days = 20)
    {
        var key = NewKey(rsa);
        var request = Request($"CN={name}", key);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return new TestAuthority(key, Sign(request, now.AddDays(-1), now.AddDays(days)));
    }

    /// <summary>A certificate of a device.</summary>
    public X509Certificate2 Issue(
        string subject, DateTimeOffset now, bool rsa = false, int from = -1, int days = 10, X509KeyUsageFlags? usage = null, string? purpose = ClientAuthentication, bool identified = true)
    {
        using var key = NewKey(rsa);
        var request = Request(subject, key);
        if (usage is { } flags)
            request.CertificateExtensions.Add(new X509KeyUsageExtension(flags, critical: true));
        if (purpose is not null)
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], critical: false));
        if (identified)
            request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(Certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        return Sign(request, now.AddDays(from), now.AddDays(days));
    }

    /// <summary>A certificate for the key and name of another CA, by this one.</summary>
    public X509Certificate2 Certify(TestAuthority other, DateTimeOffset now)
    {
        var request = Request(other.Certificate.Subject, other._key);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return Sign(request, now.AddDays(-1), now.AddDays(20));
    }

    /// <summary>A revocation list, DER.</summary>
    public byte[] Revoke(DateTimeOffset now, params X509Certificate2[] revoked)
    {
        var builder = new CertificateRevocationListBuilder();
        foreach (var certificate in revoked)
            builder.AddEntry(certificate);
        return builder.Build(
            Certificate.SubjectName, Generator, 1, now.AddDays(7), HashAlgorithmName.SHA256, X509AuthorityKeyIdentifierExtension.CreateFromCertificate(Certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false), now);
    }

    private X509SignatureGenerator Generator => _key is RSA rsa ? X509SignatureGenerator.CreateForRSA(rsa, RSASignaturePadding.Pkcs1) : X509SignatureGenerator.CreateForECDsa((ECDsa)_key);

    private X509Certificate2 Sign(CertificateRequest request, DateTimeOffset from, DateTimeOffset to)
    {
        // Without the checks of the class: tests need certificates that outlive their CA or come from what is none.
        return request.Create(Certificate.SubjectName, Generator, from, to, RandomNumberGenerator.GetBytes(12));
    }

    private static CertificateRequest Request(string subject, AsymmetricAlgorithm key) => key is RSA rsa
        ? new CertificateRequest(new X500DistinguishedName(subject), rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
        : new CertificateRequest(new X500DistinguishedName(subject), (ECDsa)key, HashAlgorithmName.SHA256);
}
