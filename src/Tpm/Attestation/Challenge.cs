using System.Security.Cryptography;
using Homeport.Tpm.Structures;

namespace Homeport.Tpm.Attestation;

/// <summary>
/// All randomness of one challenge. <see cref="Generate"/> draws it from the system; a test gives fixed values to replay known answers.
/// </summary>
public sealed record ChallengeRandomness
{
    /// <summary>32 bytes, encrypted to the endorsement key.</summary>
    public required byte[] CredentialSeed { get; init; }

    /// <summary>32 bytes, the OAEP seed of that encryption.</summary>
    public required byte[] CredentialOaepSeed { get; init; }

    /// <summary>16 bytes, the AES key of the inner wrap, returned by TPM2_ActivateCredential.</summary>
    public required byte[] WrapKey { get; init; }

    /// <summary>32 bytes, encrypted to the storage root key.</summary>
    public required byte[] DuplicateSeed { get; init; }

    /// <summary>32 bytes, the OAEP seed of that encryption.</summary>
    public required byte[] DuplicateOaepSeed { get; init; }

    /// <summary>32 bytes, hides the HMAC key in its public digest.</summary>
    public required byte[] Obfuscation { get; init; }

    public static ChallengeRandomness Generate() => new()
    {
        CredentialSeed = RandomNumberGenerator.GetBytes(32),
        CredentialOaepSeed = RandomNumberGenerator.GetBytes(32),
        WrapKey = RandomNumberGenerator.GetBytes(16),
        DuplicateSeed = RandomNumberGenerator.GetBytes(32),
        DuplicateOaepSeed = RandomNumberGenerator.GetBytes(32),
        Obfuscation = RandomNumberGenerator.GetBytes(32),
    };

    internal void Check()
    {
        if (WrapKey.Length != 16)
            throw new ArgumentException($"The wrap key has {WrapKey.Length} bytes, the SDKs demand 16.");
        if (CredentialSeed.Length != 32 || CredentialOaepSeed.Length != 32 || DuplicateSeed.Length != 32 || DuplicateOaepSeed.Length != 32)
            throw new ArgumentException("Each seed of a challenge has 32 bytes.");
        if (Obfuscation.Length != 32)
            throw new ArgumentException($"The obfuscation has {Obfuscation.Length} bytes, a TPM demands 32 with SHA-256.");
    }
}

/// <summary>
/// The server side of TPM attestation: wraps an HMAC key so that only the TPM which holds both the endorsement key and the storage root key can load it,
/// and no software ever sees it. The same form carries the nonce of the challenge and, after it, the device key.
/// TPM 2.0 Library Part 1, 23 (duplication) and 24 (credentials).
/// </summary>
public static class Challenge
{
    /// <summary>The largest HMAC key in bytes that a TPM imports with SHA-256.</summary>
    public const int MaxKeyBytes = 64;

    /// <summary>Makes an <c>authenticationKey</c> with fresh randomness and an empty URI field.</summary>
    /// <param name="endorsementKey">The enrolled endorsement key.</param>
    /// <param name="storageRootKey">The storage root key that the device presents.</param>
    /// <param name="hmacKey">1 to 64 bytes.</param>
    /// <returns>The encoded blob: 766 bytes for a key of 32 bytes.</returns>
    /// <exception cref="ArgumentException">A key fails <see cref="TpmKeyCheck"/>, or the HMAC key has a wrong size.</exception>
    public static byte[] Create(TpmPublic endorsementKey, TpmPublic storageRootKey, ReadOnlySpan<byte> hmacKey)
        => Create(endorsementKey, storageRootKey, hmacKey, uri: default, ChallengeRandomness.Generate());

    /// <summary>As <see cref="Create(TpmPublic, TpmPublic, ReadOnlySpan{byte})"/> with the plain URI text (0 to 1,024 bytes) and all randomness given.</summary>
    public static byte[] Create(
        TpmPublic endorsementKey, TpmPublic storageRootKey, ReadOnlySpan<byte> hmacKey, ReadOnlySpan<byte> uri, ChallengeRandomness randomness)
        => Derive(endorsementKey, storageRootKey, hmacKey, uri, randomness).ToBlob().Encode();

    internal static ChallengeDerivation Derive(
        TpmPublic endorsementKey, TpmPublic storageRootKey, ReadOnlySpan<byte> hmacKey, ReadOnlySpan<byte> uri, ChallengeRandomness randomness)
    {
        ArgumentNullException.ThrowIfNull(randomness);
        if (TpmKeyCheck.CheckEndorsementKey(endorsementKey) is { } badEndorsementKey)
            throw new ArgumentException(badEndorsementKey, nameof(endorsementKey));
        if (TpmKeyCheck.CheckStorageRootKey(storageRootKey) is { } badStorageRootKey)
            throw new ArgumentException(badStorageRootKey, nameof(storageRootKey));
        if (hmacKey.Length is 0 or > MaxKeyBytes)
            throw new ArgumentException($"The HMAC key has {hmacKey.Length} bytes, a TPM takes 1 to {MaxKeyBytes}.", nameof(hmacKey));
        randomness.Check();

        var values = new ChallengeDerivation();
        values.DeriveKey(hmacKey, randomness.Obfuscation);
        values.WrapInner(randomness.WrapKey);
        values.WrapOuter(storageRootKey, randomness.DuplicateSeed, randomness.DuplicateOaepSeed);
        values.WrapCredential(endorsementKey, storageRootKey.Name, randomness);
        values.EncryptedUri = uri.IsEmpty ? [] : TpmCryptography.EncryptCfb(randomness.WrapKey, uri);
        return values;
    }
}

/// <summary>Every value on the way from the inputs to the blob, in the order of their derivation, so that a test can name the first one that differs.</summary>
internal sealed class ChallengeDerivation
{
    public byte[] KeyUnique { get; private set; } = [];

    public byte[] KeyPublic { get; private set; } = [];

    public byte[] KeyName { get; private set; } = [];

    public byte[] KeySensitive { get; private set; } = [];

    public byte[] InnerIntegrity { get; private set; } = [];

    public byte[] InnerPlain { get; private set; } = [];

    public byte[] InnerEncrypted { get; private set; } = [];

    public byte[] OuterSymmetricKey { get; private set; } = [];

    public byte[] OuterHmacKey { get; private set; } = [];

    public byte[] OuterSensitive { get; private set; } = [];

    public byte[] OuterHmac { get; private set; } = [];

    public byte[] Duplicate { get; private set; } = [];

    public byte[] DuplicateSecret { get; private set; } = [];

    public byte[] CredentialSymmetricKey { get; private set; } = [];

    public byte[] CredentialEncIdentity { get; private set; } = [];

    public byte[] CredentialHmacKey { get; private set; } = [];

    public byte[] CredentialHmac { get; private set; } = [];

    public byte[] IdObject { get; private set; } = [];

    public byte[] CredentialSecret { get; private set; } = [];

    public byte[] EncryptedUri { get; set; } = [];

    public void DeriveKey(ReadOnlySpan<byte> hmacKey, ReadOnlySpan<byte> obfuscation)
    {
        KeyUnique = SHA256.HashData(TpmWriter.Concat(obfuscation, hmacKey));
        var key = new TpmPublic
        {
            Type = TpmAlgorithm.KeyedHash,
            Attributes = TpmObjectAttributes.UserWithAuth | TpmObjectAttributes.NoDictionaryAttack | TpmObjectAttributes.Sign,
            Scheme = TpmScheme.HmacSha256,
            Unique = KeyUnique,
        };
        KeyPublic = key.Encode()[2..];
        KeyName = key.Name;
        var sensitive = new TpmWriter().U16(TpmAlgorithm.KeyedHash).U16(0).Sized(obfuscation).Sized(hmacKey);
        KeySensitive = new TpmWriter().Sized(sensitive.Written).ToArray();
    }

    public void WrapInner(ReadOnlySpan<byte> wrapKey)
    {
        InnerIntegrity = SHA256.HashData(TpmWriter.Concat(KeySensitive, KeyName));
        InnerPlain = new TpmWriter().Sized(InnerIntegrity).Bytes(KeySensitive).ToArray();
        InnerEncrypted = TpmCryptography.EncryptCfb(wrapKey, InnerPlain);
    }

    /// <summary>The wrap for the new parent carries the name of the <em>new key</em>, unlike the credential.</summary>
    public void WrapOuter(TpmPublic storageRootKey, ReadOnlySpan<byte> seed, ReadOnlySpan<byte> oaepSeed)
    {
        OuterSymmetricKey = TpmCryptography.Kdfa(seed, "STORAGE", KeyName, default, 128);
        OuterHmacKey = TpmCryptography.Kdfa(seed, "INTEGRITY", default, default, 256);
        OuterSensitive = TpmCryptography.EncryptCfb(OuterSymmetricKey, InnerEncrypted);
        OuterHmac = HMACSHA256.HashData(OuterHmacKey, TpmWriter.Concat(OuterSensitive, KeyName));
        Duplicate = new TpmWriter().Sized(OuterHmac).Bytes(OuterSensitive).ToArray();
        DuplicateSecret = TpmCryptography.EncryptOaep(storageRootKey, seed, "DUPLICATE", oaepSeed);
    }

    /// <summary>The credential carries the name of the <em>storage root key</em>: it proves that this key lives in the TPM of the endorsement key.</summary>
    public void WrapCredential(TpmPublic endorsementKey, ReadOnlySpan<byte> storageRootKeyName, ChallengeRandomness randomness)
    {
        var seed = randomness.CredentialSeed;
        CredentialSymmetricKey = TpmCryptography.Kdfa(seed, "STORAGE", storageRootKeyName, default, 128);
        CredentialHmacKey = TpmCryptography.Kdfa(seed, "INTEGRITY", default, default, 256);
        var identity = new TpmWriter().Sized(randomness.WrapKey);
        CredentialEncIdentity = TpmCryptography.EncryptCfb(CredentialSymmetricKey, identity.Written);
        CredentialHmac = HMACSHA256.HashData(CredentialHmacKey, TpmWriter.Concat(CredentialEncIdentity, storageRootKeyName));
        IdObject = new TpmWriter().Sized(CredentialHmac).Bytes(CredentialEncIdentity).ToArray();
        CredentialSecret = TpmCryptography.EncryptOaep(endorsementKey, seed, "IDENTITY", randomness.CredentialOaepSeed);
    }

    public AuthenticationKeyBlob ToBlob() => new()
    {
        IdObject = IdObject,
        CredentialSecret = CredentialSecret,
        Duplicate = Duplicate,
        DuplicateSecret = DuplicateSecret,
        KeyPublic = KeyPublic,
        EncryptedUri = EncryptedUri,
    };
}
