using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Storage;

namespace Homeport.Server.Certificates;

/// <summary>
/// The server's private CA: made at the first start, kept in the data directory, its private key sealed. It issues the server
/// certificate and an empty revocation list, which one SDK insists on.
/// </summary>
internal sealed class CertificateAuthority
{
    /// <summary>The CA of server certificates: <c>ca.pem</c>.</summary>
    public const string Server = "ca";

    /// <summary>The CA of certificates that devices get at their registration: <c>device-ca.pem</c>.</summary>
    public const string Devices = "device-ca";

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(3650);
    private static readonly TimeSpan ServerLifetime = TimeSpan.FromDays(365);
    private static readonly TimeSpan RevocationListLifetime = TimeSpan.FromDays(7);

    // Clocks of devices may be a little behind.
    private static readonly TimeSpan Backdate = TimeSpan.FromHours(1);

    private readonly X509Certificate2 _certificate;
    private readonly TimeProvider _time;

    private CertificateAuthority(string name, X509Certificate2 certificate, string file, TimeProvider time)
    {
        Name = name;
        _certificate = certificate;
        File = file;
        _time = time;
    }

    /// <summary>Its name in the data directory.</summary>
    public string Name { get; }

    /// <summary>Path of its revocation list on the plain port.</summary>
    public string CrlPath => $"/{Name}.crl";

    /// <summary>PEM file that clients have to trust.</summary>
    public string File { get; }

    /// <summary>SHA-256 of the certificate, upper-case hex.</summary>
    public string Thumbprint => _certificate.GetCertHashString(HashAlgorithmName.SHA256);

    private DateTimeOffset AuthorityEnd => new(_certificate.NotAfter.ToUniversalTime(), TimeSpan.Zero);

    /// <summary>Its certificate, with the private key.</summary>
    public X509Certificate2 Certificate => _certificate;

    /// <summary>Opens a CA of a data directory, or makes it.</summary>
    public static CertificateAuthority Open(string directory, SecretSeal seal, TimeProvider time, string name = Server)
    {
        var certificateFile = Path.Combine(directory, name + ".pem");
        var keyFile = Path.Combine(directory, name + ".key.sealed");
        if (!System.IO.File.Exists(certificateFile) || !System.IO.File.Exists(keyFile))
            Create(certificateFile, keyFile, seal, time, name);
        try
        {
            using var key = ECDsa.Create();
            key.ImportPkcs8PrivateKey(seal.Unseal(System.IO.File.ReadAllBytes(keyFile), ContextOf(name)), out _);
            using var certificate = X509CertificateLoader.LoadCertificateFromFile(certificateFile);
            return new CertificateAuthority(name, certificate.CopyWithPrivateKey(key), certificateFile, time);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new ServerStartException($"The CA certificate and key in '{certificateFile}' and '{keyFile}' cannot be used: {e.Message} Restore both, and secrets.key, from a backup.", e);
        }
    }

    /// <summary>Issues a server certificate for names and addresses; all of them become subject alternative names.</summary>
    public X509Certificate2 IssueServerCertificate(IReadOnlyList<string> names, Uri revocationList)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={Escape(names[0])}", key, HashAlgorithmName.SHA256);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address))
                alternatives.AddIpAddress(address);
            else
                alternatives.AddDnsName(name);
        }
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        request.CertificateExtensions.Add(alternatives.Build());
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([revocationList.AbsoluteUri]));
        var now = _time.GetUtcNow();
        var end = now + ServerLifetime;
        using var issued = request.Create(_certificate, now - Backdate, end < AuthorityEnd ? end : AuthorityEnd, Serial());
        return issued.CopyWithPrivateKey(key);
    }

    /// <summary>True when it may certify another CA: those of early versions may not.</summary>
    public bool CanCrossSign => _certificate.Extensions.OfType<X509BasicConstraintsExtension>().Single() is not { HasPathLengthConstraint: true, PathLengthConstraint: 0 };

    /// <summary>Certifies another root, so that who trusts this one trusts what that one issues.</summary>
    public X509Certificate2 CrossSign(CertificateAuthority other, Uri revocationList)
    {
        var request = new CertificateRequest(other._certificate.SubjectName, other._certificate.PublicKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        request.CertificateExtensions.Add(CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([revocationList.AbsoluteUri]));
        var end = other.AuthorityEnd < AuthorityEnd ? other.AuthorityEnd : AuthorityEnd;
        using var key = _certificate.GetECDsaPrivateKey()!;
        return request.Create(_certificate.SubjectName, X509SignatureGenerator.CreateForECDsa(key), _time.GetUtcNow() - Backdate, end, Serial());
    }

    /// <summary>Signs as ES256 of RFC 7518 does.</summary>
    public byte[] Sign(byte[] data)
    {
        using var key = _certificate.GetECDsaPrivateKey()!;
        return key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    /// <summary>A revocation list, DER. Server certificates are replaced, not revoked, so it is empty.</summary>
    public byte[] RevocationList()
    {
        var now = _time.GetUtcNow();
        return new CertificateRevocationListBuilder().Build(_certificate, now.ToUnixTimeSeconds(), now + RevocationListLifetime, HashAlgorithmName.SHA256, thisUpdate: now - Backdate);
    }

    /// <summary>True when the certificate is this CA's.</summary>
    public bool Issued(X509Certificate2 certificate) => certificate.IssuerName.RawData.AsSpan().SequenceEqual(_certificate.SubjectName.RawData);

    private static string ContextOf(string name) => $"file/{name}.key";

    private static void Create(string certificateFile, string keyFile, SecretSeal seal, TimeProvider time, string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        // The name holds a piece of the key's hash, so that two installations are told apart in a trust store.
        var mark = Convert.ToHexString(SHA256.HashData(key.ExportSubjectPublicKeyInfo()).AsSpan(0, 4));
        var request = new CertificateRequest($"CN={(name == Devices ? "Homeport device CA" : "Homeport CA")} {mark}, O=Homeport", key, HashAlgorithmName.SHA256);
        // A root of the doors may vouch for the one that comes after it.
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, name == Devices ? 0 : 1, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        var now = time.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now - Backdate, now + Lifetime);
        // The key first: a certificate without its key would be trusted by somebody and of no use.
        PrivateFile.Write(keyFile, seal.Seal(key.ExportPkcs8PrivateKey(), ContextOf(name))!);
        System.IO.File.WriteAllText(certificateFile, certificate.ExportCertificatePem() + "\n");
    }

    private static byte[] Serial()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)((serial[0] & 0x7F) | 0x01);
        return serial;
    }

    private static string Escape(string name) => string.Create(CultureInfo.InvariantCulture, $"\"{name}\"");
}
