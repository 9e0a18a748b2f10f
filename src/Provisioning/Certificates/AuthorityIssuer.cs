using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;

namespace Homeport.Provisioning.Certificates;

/// <summary>A CA of this server that signs certificates of devices.</summary>
/// <param name="authority">Its certificate, with the private key.</param>
/// <param name="lifetime">Of the certificates; never longer than the CA's own.</param>
/// <param name="time">The clock.</param>
public sealed class AuthorityIssuer(X509Certificate2 authority, TimeSpan lifetime, TimeProvider time) : ICertificateIssuer
{
    // Clocks of devices may be a little behind.
    private static readonly TimeSpan Backdate = TimeSpan.FromMinutes(5);
    private static readonly Oid ClientAuthentication = new("1.3.6.1.5.5.7.3.2");

    /// <inheritdoc/>
    public Task<Outcome<X509Certificate2Collection>> IssueAsync(SigningOrder order, CancellationToken token)
    {
        var now = time.GetUtcNow();
        var end = new DateTimeOffset(authority.NotAfter.ToUniversalTime(), TimeSpan.Zero);
        if (end <= now)
        {
            return Task.FromResult<Outcome<X509Certificate2Collection>>(new Refusal(ProvisioningErrors.SignerFailed, $"The CA '{authority.Subject}' expired at {end:u}",
                "Replace it in the data directory, or name another one in the enrollment."));
        }
        var name = new X500DistinguishedNameBuilder();
        name.AddCommonName(order.CommonName);
        var request = new CertificateRequest(name.Build(), order.Key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([ClientAuthentication], critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        using var key = authority.GetECDsaPrivateKey()!;
        var generator = X509SignatureGenerator.CreateForECDsa(key);
        var issued = request.Create(authority.SubjectName, generator, now - Backdate, now + lifetime < end ? now + lifetime : end, NewSerialNumber());
        return Task.FromResult<Outcome<X509Certificate2Collection>>(new X509Certificate2Collection { issued, X509CertificateLoader.LoadCertificate(authority.RawData) });
    }

    private static byte[] NewSerialNumber()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)((serial[0] & 0x7F) | 0x01);
        return serial;
    }
}
