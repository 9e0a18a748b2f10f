using System.Security.Cryptography;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access.Certificates;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Structures;

namespace Homeport.Provisioning.Enrollments;

/// <summary>Reads and shows the TPM of an enrollment, or the TPMs of a group.</summary>
internal static class TpmForm
{
    private const int MaxOtherKeys = 4;
    private const int MaxFilter = 128;
    private const string Member = "attestation.tpm";
    private const string KeyFix = "Send the endorsement key that the device shows: the Base64 text of its TPM2B_PUBLIC (316 bytes for RSA-2048), or its certificate.";

    /// <summary>Reads the TPM of one device: an endorsement key in any form, its certificate, or both.</summary>
    public static Outcome<AttestationMechanism> ReadIndividual(TpmAttestationDescription? sent)
    {
        byte[]? certificate = null, certified = null;
        if (!string.IsNullOrEmpty(sent?.EndorsementCertificate))
        {
            if (!ReadCertificate(sent.EndorsementCertificate).Succeeded(out var read, out var refusal))
                return refusal;
            (certificate, certified) = (read.Certificate, read.Key);
        }
        byte[]? endorsementKey = null;
        if (!string.IsNullOrEmpty(sent?.EndorsementKey))
        {
            if (!ReadKey("endorsementKey", sent.EndorsementKey).Succeeded(out endorsementKey, out var refusal))
                return refusal;
        }
        var others = new List<byte[]>();
        if (sent?.OtherEndorsementKeys is { Count: > MaxOtherKeys })
            return EnrollmentForm.Invalid($"{Member}.otherEndorsementKeys", $"there are more than {MaxOtherKeys}", "Send the keys of this one chip.");
        foreach (var text in sent?.OtherEndorsementKeys ?? [])
        {
            if (!ReadKey("otherEndorsementKeys", text).Succeeded(out var other, out var refusal))
                return refusal;
            others.Add(other);
        }
        if ((endorsementKey ?? certified) is not { } main)
            return EnrollmentForm.Invalid($"{Member}.endorsementKey", "it is missing", KeyFix);
        if (certified is not null && endorsementKey is not null && !others.Any(o => o.AsSpan().SequenceEqual(certified)))
            others.Add(certified);
        byte[]? storageRootKey = null;
        if (!string.IsNullOrEmpty(sent!.StorageRootKey) && !AttestationForm.TryReadBase64(sent.StorageRootKey, TpmPublic.MaxEncodedBytes, out storageRootKey))
            return EnrollmentForm.Invalid($"{Member}.storageRootKey", $"it is not the Base64 text of at most {TpmPublic.MaxEncodedBytes} bytes", "Leave it out: the device shows it at each registration.");
        var more = others.Count > 0 || certificate is not null ? new EnrolledTpm { OtherEndorsementKeys = others, Certificate = certificate } : null;
        return new AttestationMechanism(AttestationType.Tpm, EndorsementKey: main, StorageRootKey: storageRootKey, Tpm: more);
    }

    /// <summary>Reads which TPMs belong to a group: those of a manufacturer's CA, or only those of its list.</summary>
    public static Outcome<AttestationMechanism> ReadGroup(TpmAttestationDescription? sent, AttestationMechanism? stored)
    {
        if (!string.IsNullOrEmpty(sent?.EndorsementKey) || sent?.OtherEndorsementKeys is { Count: > 0 } || !string.IsNullOrEmpty(sent?.EndorsementCertificate))
            return EnrollmentForm.Invalid(Member, "a group has no endorsement key of its own", "Send signingCertificates or caReferences of the manufacturer, and add single keys to the group's list.");
        EnrolledCertificates? authorities = null;
        if (sent is not null && (sent.SigningCertificates is not null || sent.CaReferences is not null))
        {
            if (!CertificateForm.ReadAuthorities(Member, sent.SigningCertificates, sent.CaReferences, stored?.Certificates).Succeeded(out authorities, out var refusal))
                return refusal;
        }
        var filter = sent?.Filter is { } f ? new TpmFilter(NullIfEmpty(f.Manufacturer), NullIfEmpty(f.Model), NullIfEmpty(f.Version)) : null;
        if (((string?[])[filter?.Manufacturer, filter?.Model, filter?.Version]).Any(t => t?.Length > MaxFilter))
            return EnrollmentForm.Invalid($"{Member}.filter", $"a member has more than {MaxFilter} characters", "Shorten it with * at its end.");
        return new AttestationMechanism(AttestationType.Tpm, Certificates: authorities, Tpm: filter is null ? null : new EnrolledTpm { Filter = filter });
    }

    /// <summary>Shows it.</summary>
    public static TpmAttestationDescription Show(AttestationMechanism attestation, bool whole)
    {
        var authorities = attestation.Certificates is { } certificates ? CertificateForm.Show(certificates, whole) : null;
        var tpm = attestation.Tpm;
        return new TpmAttestationDescription(Base64(attestation.EndorsementKey), Base64(attestation.StorageRootKey))
        {
            OtherEndorsementKeys = tpm is { OtherEndorsementKeys.Count: > 0 } ? [.. tpm.OtherEndorsementKeys.Select(Convert.ToBase64String)] : null,
            EndorsementCertificate = Base64(tpm?.Certificate),
            SigningCertificates = authorities?.SigningCertificates,
            CaReferences = authorities?.CaReferences,
            Filter = tpm?.Filter is { } filter ? new TpmFilterDescription(filter.Manufacturer, filter.Model, filter.Version) : null,
        };
    }

    /// <summary>Reads an endorsement key in any of its forms; gives its TPM2B_PUBLIC.</summary>
    public static Outcome<byte[]> ReadKey(string member, string text)
    {
        if (text.StartsWith("-----BEGIN CERT", StringComparison.Ordinal))
            return ReadCertificate(text).Succeeded(out var read, out var bad) ? read.Key : bad;
        byte[] bytes;
        if (text.StartsWith("-----BEGIN PUBLIC KEY", StringComparison.Ordinal))
        {
            if (text.Length > TpmPublic.MaxEncodedBytes * 2 || !PemEncoding.TryFind(text, out var fields))
                return EnrollmentForm.Invalid($"{Member}.{member}", "it is no PEM text of a public key", KeyFix);
            bytes = Convert.FromBase64String(text[fields.Base64Data]);
        }
        else if (!AttestationForm.TryReadBase64(text, TpmPublic.MaxEncodedBytes, out bytes))
        {
            return EnrollmentForm.Invalid($"{Member}.{member}", $"it is not the Base64 text of at most {TpmPublic.MaxEncodedBytes} bytes", KeyFix);
        }
        return EndorsementKeyForm.TryRead(bytes, out var key, out var error)
            ? key.Encode()
            : EnrollmentForm.Invalid($"{Member}.{member}", error.TrimEnd('.'), KeyFix);
    }

    private static Outcome<CertifiedKey> ReadCertificate(string text)
    {
        if (!CertificateText.Read(text).Succeeded(out var certificate, out var refusal))
            return EnrollmentForm.Invalid($"{Member}.endorsementCertificate", refusal.Seen, refusal.Fix);
        using (certificate)
        {
            return EndorsementKeyForm.TryRead(certificate, out var key, out var error)
                ? new CertifiedKey(certificate.RawData, key.Encode())
                : EnrollmentForm.Invalid($"{Member}.endorsementCertificate", error.TrimEnd('.'), KeyFix);
        }
    }

    private static string? Base64(byte[]? bytes) => bytes is null ? null : Convert.ToBase64String(bytes);

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private sealed record CertifiedKey(byte[] Certificate, byte[] Key);
}
