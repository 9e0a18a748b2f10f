using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Tpm.Structures;

namespace Homeport.Tpm.Attestation;

/// <summary>
/// The forms in which an endorsement key is handed over: TPM2B_PUBLIC, the bare TPMT_PUBLIC without its size, the SubjectPublicKeyInfo
/// that OpenSSL reads, or a certificate. They meet in the TPM2B_PUBLIC that a device shows.
/// </summary>
public static class EndorsementKeyForm
{
    private const int ModulusBytes = 256;

    /// <summary>What tells keys apart whatever their form: SHA-256 of the RSA modulus, 32 bytes.</summary>
    public static byte[] HashOf(TpmPublic key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return SHA256.HashData(key.Unique.Span);
    }

    /// <summary>The same for a certificate; null when its key is not RSA.</summary>
    public static byte[]? HashOf(X509Certificate2 certificate)
    {
        using var rsa = certificate.GetRSAPublicKey();
        return rsa is null ? null : SHA256.HashData(rsa.ExportParameters(includePrivateParameters: false).Modulus!);
    }

    /// <summary>Reads a key from TPM2B_PUBLIC, TPMT_PUBLIC or SubjectPublicKeyInfo.</summary>
    /// <param name="bytes">Untrusted.</param>
    /// <param name="key">The key, checked to be one of an endorsement key's kind.</param>
    /// <param name="error">What is wrong, in words for the person who sent it.</param>
    public static bool TryRead(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out TpmPublic? key, [NotNullWhen(false)] out string? error)
    {
        if (bytes.Length > 0 && bytes[0] == 0x30)
            return TryReadKeyInfo(bytes, out key, out error);
        // A bare public area begins with its type, RSA (1); the size in front of one is never that small.
        byte[] sized = bytes.Length is > 2 and <= TpmPublic.MaxEncodedBytes && bytes[0] == 0 && bytes[1] == 1
            ? [(byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes]
            : bytes.ToArray();
        if (!TpmPublic.TryParse(sized, out key, out error))
            return false;
        error = TpmKeyCheck.CheckEndorsementKey(key);
        return error is null;
    }

    /// <summary>The public area of the key that a certificate is for, made by the TCG's template; false with a reason when it is no RSA-2048 key.</summary>
    public static bool TryRead(X509Certificate2 certificate, [NotNullWhen(true)] out TpmPublic? key, [NotNullWhen(false)] out string? error)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        using var rsa = certificate.GetRSAPublicKey();
        return TryRead(rsa, out key, out error);
    }

    private static bool TryReadKeyInfo(ReadOnlySpan<byte> bytes, out TpmPublic? key, out string? error)
    {
        using var rsa = RSA.Create();
        try
        {
            rsa.ImportSubjectPublicKeyInfo(bytes, out _);
        }
        catch (CryptographicException)
        {
            key = null;
            error = "The bytes are no RSA public key (SubjectPublicKeyInfo).";
            return false;
        }
        return TryRead(rsa, out key, out error);
    }

    private static bool TryRead(RSA? rsa, [NotNullWhen(true)] out TpmPublic? key, [NotNullWhen(false)] out string? error)
    {
        key = null;
        if (rsa?.ExportParameters(includePrivateParameters: false) is not { Modulus: { Length: ModulusBytes } modulus })
        {
            error = "The key is not RSA-2048; this service wraps secrets for RSA-2048 endorsement keys (handle 0x81010001).";
            return false;
        }
        var made = new TpmPublic
        {
            Type = TpmAlgorithm.Rsa,
            Attributes = TpmTemplates.EndorsementKey(TemplateForm.Tcg).Attributes,
            AuthPolicy = TpmTemplates.EndorsementKey(TemplateForm.Tcg).AuthPolicy,
            Symmetric = TpmSymmetric.Aes128Cfb,
            RsaKeyBits = ModulusBytes * 8,
            Unique = modulus,
        };
        error = TpmKeyCheck.CheckEndorsementKey(made);
        key = error is null ? made : null;
        return error is null;
    }
}
