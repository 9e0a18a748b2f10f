using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Tpm.Structures;

namespace Homeport.Tests.Provisioning;

/// <summary>A maker of TPMs, whose CA certifies endorsement keys as the TCG's profile has it.</summary>
internal sealed class TestManufacturer(DateTimeOffset now, string name = "Maker")
{
    private readonly ECDsa _rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa _issuerKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
    private X509Certificate2? _root;
    private X509Certificate2? _issuer;

    public X509Certificate2 Root => _root ??= Authority($"CN={name} Root", _rootKey).CreateSelfSigned(now.AddDays(-1), now.AddDays(100));

    public X509Certificate2 Issuer => _issuer ??= Authority($"CN={name} EK CA", _issuerKey)
        .Create(Root.SubjectName, X509SignatureGenerator.CreateForECDsa(_rootKey), now.AddDays(-1), now.AddDays(90), RandomNumberGenerator.GetBytes(12));

    /// <summary>The certificate of a chip.</summary>
    public X509Certificate2 Certify(SoftwareTpm tpm, string manufacturer = "id:49465800", string model = "SLB9670", string version = "id:0007003F", string purpose = "2.23.133.8.1")
    {
        using var key = RSA.Create();
        TpmPublic.TryParse(tpm.EndorsementKey, out var area, out _).ShouldBeTrue();
        key.ImportParameters(new RSAParameters { Modulus = area!.Unique.ToArray(), Exponent = [1, 0, 1] });
        var request = new CertificateRequest(new X500DistinguishedName("CN=chip"), key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509Extension("2.5.29.17", Names(manufacturer, model, version), critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], critical: false));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyEncipherment, critical: true));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        return request.Create(Issuer.SubjectName, X509SignatureGenerator.CreateForECDsa(_issuerKey), now.AddDays(-1), now.AddDays(80), RandomNumberGenerator.GetBytes(12));
    }

    private static CertificateRequest Authority(string subject, ECDsa key)
    {
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request;
    }

    private static byte[] Names(params string[] values)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 4)))
        using (writer.PushSequence())
        {
            for (var i = 0; i < values.Length; i++)
            {
                using (writer.PushSetOf())
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier($"2.23.133.2.{i + 1}");
                    writer.WriteCharacterString(UniversalTagNumber.UTF8String, values[i]);
                }
            }
        }
        return writer.Encode();
    }
}
