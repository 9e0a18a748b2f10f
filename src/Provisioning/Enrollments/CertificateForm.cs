using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access.Certificates;

namespace Homeport.Provisioning.Enrollments;

/// <summary>Reads and shows the certificates of an enrollment.</summary>
internal static class CertificateForm
{
    /// <summary>Reads those of an X.509 attestation: of the device, or of CAs, or names of uploaded CAs.</summary>
    public static Outcome<EnrolledCertificates> Read(EnrollmentKind kind, X509AttestationDescription? sent, EnrolledCertificates? stored)
    {
        const string Member = "attestation.x509";
        if (kind == EnrollmentKind.Group && sent?.ClientCertificates is not null)
            return EnrollmentForm.Invalid($"{Member}.clientCertificates", "a group has no certificate of a device", "Send signingCertificates or caReferences.");
        if (kind == EnrollmentKind.Individual && sent?.SigningCertificates is not null)
            return EnrollmentForm.Invalid($"{Member}.signingCertificates", "an individual enrollment has the device's certificate, or names a CA", "Send clientCertificates or caReferences.");
        if (sent?.ClientCertificates is { } client)
            return ReadPair($"{Member}.clientCertificates", CertificateUse.Client, client, stored);
        return ReadAuthorities(Member, sent?.SigningCertificates, sent?.CaReferences, stored);
    }

    /// <summary>Reads the CAs of a group.</summary>
    public static Outcome<EnrolledCertificates> ReadAuthorities(string member, CertificatePairDescription? signing, CaReferencesDescription? references, EnrolledCertificates? stored)
    {
        if (signing is not null && references is not null)
            return EnrollmentForm.Invalid(member, "it has signingCertificates and caReferences", "Send one of them.");
        if (signing is not null)
            return ReadPair($"{member}.signingCertificates", CertificateUse.Signing, signing, stored);
        if (references is null)
            return EnrollmentForm.Invalid(member, "there is no certificate in it", "Send clientCertificates or signingCertificates with a certificate, or caReferences with the name of an uploaded CA.");
        return string.IsNullOrEmpty(references.Primary) && string.IsNullOrEmpty(references.Secondary)
            ? EnrollmentForm.Invalid($"{member}.caReferences", "there is no name in it", "Send the name of an uploaded CA certificate as primary.")
            : new EnrolledCertificates(CertificateUse.Reference, PrimaryName: NullIfEmpty(references.Primary), SecondaryName: NullIfEmpty(references.Secondary));
    }

    /// <summary>Shows those of an X.509 attestation.</summary>
    /// <param name="certificates">What is enrolled.</param>
    /// <param name="whole">With the certificates themselves, not only what they say.</param>
    public static X509AttestationDescription Show(EnrolledCertificates certificates, bool whole) => new()
    {
        ClientCertificates = certificates.Use == CertificateUse.Client ? ShowPair(certificates, whole) : null,
        SigningCertificates = certificates.Use == CertificateUse.Signing ? ShowPair(certificates, whole) : null,
        CaReferences = certificates.Use == CertificateUse.Reference ? new CaReferencesDescription(certificates.PrimaryName, certificates.SecondaryName) : null,
    };

    private static Outcome<EnrolledCertificates> ReadPair(string member, CertificateUse use, CertificatePairDescription sent, EnrolledCertificates? stored)
    {
        if (!ReadOne($"{member}.primary", use, sent.Primary, stored).Succeeded(out var primary, out var refusal))
            return refusal;
        if (!ReadOne($"{member}.secondary", use, sent.Secondary, stored).Succeeded(out var secondary, out refusal))
            return refusal;
        return primary.Length == 0 && secondary.Length == 0
            ? EnrollmentForm.Invalid(member, "there is no certificate in it", "Send a certificate as primary: PEM, or DER in Base64.")
            : new EnrolledCertificates(use, primary.Length == 0 ? null : primary, secondary.Length == 0 ? null : secondary);
    }

    /// <summary>An entry that was read shows what its certificates say and not them; sent back, it keeps them.</summary>
    private static Outcome<byte[]> ReadOne(string member, CertificateUse use, CertificateWithInfo? sent, EnrolledCertificates? stored)
    {
        if (string.IsNullOrEmpty(sent?.Certificate))
        {
            if (sent?.Info is not { } info)
                return Array.Empty<byte>();
            return ((byte[]?[])[stored?.Primary, stored?.Secondary]).FirstOrDefault(c => c is not null && IsMeant(info, c)) is { } kept
                ? kept
                : EnrollmentForm.Invalid(member, "it has info, but no certificate that is enrolled", "Send the certificate itself.");
        }
        if (!CertificateText.Read(sent.Certificate).Succeeded(out var certificate, out var refusal))
            return EnrollmentForm.Invalid(member, refusal.Seen, refusal.Fix);
        using (certificate)
        {
            return use == CertificateUse.Signing && CertificateAuthorities.AuthorityFailure(certificate) is { } unfit
                ? EnrollmentForm.Invalid(member, $"'{Shown.Text(certificate.Subject, 200)}' cannot be the certificate of a CA: {unfit}", "Send the certificate of the CA that issues those of the devices.")
                : certificate.RawData;
        }
    }

    private static bool IsMeant(CertificateInfoDescription info, byte[] certificate)
        => Same(info.Sha256Thumbprint, SHA256.HashData(certificate))
#pragma warning disable CA5350 // A name that clients use, not a protection.
            || Same(info.Sha1Thumbprint, SHA1.HashData(certificate));
#pragma warning restore CA5350

    private static bool Same(string? thumbprint, byte[] hash) => Convert.ToHexString(hash).Equals(thumbprint, StringComparison.OrdinalIgnoreCase);

    private static CertificatePairDescription ShowPair(EnrolledCertificates certificates, bool whole)
        => new(ShowOne(certificates.Primary, whole), ShowOne(certificates.Secondary, whole));

    private static CertificateWithInfo? ShowOne(byte[]? der, bool whole)
    {
        if (der is null)
            return null;
        using var certificate = X509CertificateLoader.LoadCertificate(der);
        return new CertificateWithInfo(whole ? Convert.ToBase64String(der) : null, new CertificateInfoDescription
        {
            SubjectName = certificate.Subject,
            Sha1Thumbprint = certificate.GetCertHashString(HashAlgorithmName.SHA1),
            Sha256Thumbprint = certificate.GetCertHashString(HashAlgorithmName.SHA256),
            IssuerName = certificate.Issuer,
            NotBeforeUtc = new ServiceTime(new DateTimeOffset(certificate.NotBefore)),
            NotAfterUtc = new ServiceTime(new DateTimeOffset(certificate.NotAfter)),
            SerialNumber = certificate.SerialNumber,
            Version = certificate.Version,
        });
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
