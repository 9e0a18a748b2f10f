using Homeport.Tpm.Structures;

namespace Homeport.Tpm.Attestation;

/// <summary>
/// What a server demands of the keys that a device shows before it wraps a secret for them. Each method returns null, or the reason of the refusal
/// and the fix.
/// </summary>
public static class TpmKeyCheck
{
    private const TpmObjectAttributes RequiredOfBoth
        = TpmObjectAttributes.FixedTpm | TpmObjectAttributes.FixedParent | TpmObjectAttributes.Restricted | TpmObjectAttributes.Decrypt;

    /// <summary>
    /// An endorsement key: RSA-2048, SHA-256, AES-128-CFB, a restricted decryption key fixed to its TPM (TCG EK Credential Profile, template L-1).
    /// </summary>
    public static string? CheckEndorsementKey(TpmPublic key)
        => Check(key, "endorsement key", RequiredOfBoth);

    /// <summary>
    /// A storage root key: as the endorsement key, and made inside the TPM. Without this check the owner of a device could present an importable
    /// software key as storage root key and read the device key: activating a credential proves only that an object of this name is in the TPM,
    /// and the name covers these attributes.
    /// </summary>
    public static string? CheckStorageRootKey(TpmPublic key)
        => Check(key, "storage root key", RequiredOfBoth | TpmObjectAttributes.SensitiveDataOrigin);

    private static string? Check(TpmPublic key, string what, TpmObjectAttributes required)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (key.Type != TpmAlgorithm.Rsa)
            return $"The {what} is not an RSA key; use an RSA-2048 key.";
        if (key.NameAlgorithm != TpmAlgorithm.Sha256)
            return $"The {what} has the name algorithm 0x{(ushort)key.NameAlgorithm:x4}; only SHA-256 (0x000b) is supported.";
        if (key.Symmetric != TpmSymmetric.Aes128Cfb)
        {
            return $"The {what} protects its children with algorithm 0x{(ushort)key.Symmetric.Algorithm:x4}, {key.Symmetric.KeyBits} bits, "
                + $"mode 0x{(ushort)key.Symmetric.Mode:x4}; only AES-128-CFB is supported.";
        }

        if (key.Scheme != TpmScheme.None)
            return $"The {what} has a scheme of its own; a storage key has none.";
        if (key.RsaKeyBits != 2048 || key.Unique.Length != 256 || key.Unique.Span[0] < 0x80)
            return $"The {what} has {key.RsaKeyBits} bits and a modulus of {key.Unique.Length} bytes; only RSA-2048 is supported.";
        if ((key.Unique.Span[^1] & 1) == 0)
            return $"The {what} has an even modulus; it is not an RSA key.";
        if (key.RsaExponent != 65537)
            return $"The {what} has the exponent {key.RsaExponent}; only 65537 is supported.";
        return CheckAttributes(key, what, required);
    }

    private static string? CheckAttributes(TpmPublic key, string what, TpmObjectAttributes required)
    {
        var missing = required & ~key.Attributes;
        if (missing != TpmObjectAttributes.None)
        {
            return $"The {what} lacks the attributes {missing}; it must be a restricted decryption key fixed to its TPM, "
                + "otherwise a device secret could be read outside of it.";
        }

        if (key.Attributes.HasFlag(TpmObjectAttributes.Sign))
            return $"The {what} may also sign; a TPM refuses such a key for activation. Create it without --allow-signing.";
        return null;
    }
}
