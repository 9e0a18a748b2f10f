using System.Security.Cryptography;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;

namespace Homeport.Provisioning.Enrollments;

/// <summary>Reads the attestation of an enrollment. Keys that the client leaves out are the stored ones, else new.</summary>
internal static class AttestationForm
{
    /// <summary>Length of a generated key, in bytes.</summary>
    public const int GeneratedKeySize = 64;

    private const int MinKeySize = 16;
    private const int MaxKeySize = 64;

    public static Outcome<AttestationMechanism> Read(EnrollmentKind kind, AttestationDescription? sent, AttestationMechanism? stored)
    {
        if (sent is null)
            return EnrollmentForm.Invalid("attestation", "it is missing", """Send for example {"type":"symmetricKey"}.""");
        return sent.Type?.ToLowerInvariant() switch
        {
            "symmetrickey" => ReadSymmetricKey(sent.SymmetricKey, stored?.Type == AttestationType.SymmetricKey ? stored : null),
            "tpm" => kind == EnrollmentKind.Individual ? TpmForm.ReadIndividual(sent.Tpm) : TpmForm.ReadGroup(sent.Tpm, stored),
            "x509" => CertificateForm.Read(kind, sent.X509, stored?.Certificates).Succeeded(out var certificates, out var refusal)
                ? new AttestationMechanism(AttestationType.X509, Certificates: certificates)
                : refusal,
            null or "" => EnrollmentForm.Invalid("attestation.type", "it is missing", "Send symmetricKey, x509 or tpm."),
            _ => EnrollmentForm.Invalid("attestation.type", $"'{Shown.Text(sent.Type)}' is not known", "Send symmetricKey, x509 or tpm."),
        };
    }

    private static Outcome<AttestationMechanism> ReadSymmetricKey(SymmetricKeyDescription? sent, AttestationMechanism? stored)
    {
        if (!TryReadKey(sent?.PrimaryKey, stored?.PrimaryKey, out var primary, out var reason))
            return EnrollmentForm.Invalid("attestation.symmetricKey.primaryKey", reason, $"Send the Base64 text of {MinKeySize} to {MaxKeySize} bytes, or leave the key out.");
        if (!TryReadKey(sent?.SecondaryKey, stored?.SecondaryKey, out var secondary, out reason))
            return EnrollmentForm.Invalid("attestation.symmetricKey.secondaryKey", reason, $"Send the Base64 text of {MinKeySize} to {MaxKeySize} bytes, or leave the key out.");
        return new AttestationMechanism(AttestationType.SymmetricKey, primary, secondary);
    }

    private static bool TryReadKey(string? sent, byte[]? stored, out byte[] key, out string reason)
    {
        reason = "";
        key = [];
        if (string.IsNullOrEmpty(sent))
        {
            key = stored ?? RandomNumberGenerator.GetBytes(GeneratedKeySize);
            return true;
        }
        if (!TryReadBase64(sent, MaxKeySize, out key))
            reason = $"it is not the Base64 text of at most {MaxKeySize} bytes";
        else if (key.Length < MinKeySize)
            reason = $"it has {key.Length} bytes";
        return reason.Length == 0;
    }

    internal static bool TryReadBase64(string text, int maxBytes, out byte[] bytes)
    {
        bytes = [];
        // Blanks may stand in Base64; a text with many of them is refused before it is decoded.
        if (text.Length > maxBytes * 2)
            return false;
        var buffer = new byte[text.Length];
        if (!Convert.TryFromBase64String(text, buffer, out var length) || length > maxBytes)
            return false;
        bytes = buffer[..length];
        return true;
    }
}
