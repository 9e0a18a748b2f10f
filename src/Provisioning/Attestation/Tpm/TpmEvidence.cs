using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Provisioning.Enrollments;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Structures;

namespace Homeport.Provisioning.Attestation.Tpm;

/// <summary>The public keys that a device shows of its TPM. They prove nothing until a challenge for them was answered.</summary>
public sealed class TpmEvidence
{
    private readonly byte[] _endorsementKey;
    private readonly byte[] _storageRootKey;
    private readonly TpmPublic _endorsement;
    private readonly TpmPublic _storage;

    private TpmEvidence(byte[] endorsementKey, byte[] storageRootKey, TpmPublic endorsement, TpmPublic storage)
    {
        _endorsementKey = endorsementKey;
        _storageRootKey = storageRootKey;
        _endorsement = endorsement;
        _storage = storage;
    }

    /// <summary>The endorsement key's TPM2B_PUBLIC: the identity of the TPM.</summary>
    public ReadOnlySpan<byte> EndorsementKey => _endorsementKey;

    /// <summary>The storage root key's TPM2B_PUBLIC.</summary>
    public ReadOnlySpan<byte> StorageRootKey => _storageRootKey;

    /// <summary>Reads the Base64 form of HTTPS bodies.</summary>
    public static Outcome<TpmEvidence> Read(TpmAttestationDescription sent)
    {
        if (!AttestationForm.TryReadBase64(sent.EndorsementKey ?? "", TpmPublic.MaxEncodedBytes, out var endorsementKey))
            return Refuse("tpm.endorsementKey is not the Base64 text of a TPM2B_PUBLIC");
        if (!AttestationForm.TryReadBase64(sent.StorageRootKey ?? "", TpmPublic.MaxEncodedBytes, out var storageRootKey))
            return Refuse("tpm.storageRootKey is not the Base64 text of a TPM2B_PUBLIC");
        return Read(endorsementKey, storageRootKey);
    }

    /// <summary>Reads TPM2B_PUBLIC bytes, as AMQP carries them. Keys that cannot keep a secret in their TPM are refused.</summary>
    public static Outcome<TpmEvidence> Read(ReadOnlySpan<byte> endorsementKey, ReadOnlySpan<byte> storageRootKey)
    {
        if (!TpmPublic.TryParse(endorsementKey, out var endorsement, out var reason))
            return Refuse($"tpm.endorsementKey: {reason.TrimEnd('.')}");
        if (!TpmPublic.TryParse(storageRootKey, out var storage, out reason))
            return Refuse($"tpm.storageRootKey: {reason.TrimEnd('.')}");
        if ((TpmKeyCheck.CheckEndorsementKey(endorsement) ?? TpmKeyCheck.CheckStorageRootKey(storage)) is { } unsafeKey)
            return Refuse(unsafeKey.TrimEnd('.'));
        return new TpmEvidence(endorsementKey.ToArray(), storageRootKey.ToArray(), endorsement, storage);
    }

    /// <summary>Wraps a key so that only this TPM can load it.</summary>
    /// <param name="key">1 to 64 bytes.</param>
    public byte[] Wrap(ReadOnlySpan<byte> key) => Challenge.Create(_endorsement, _storage, key);

    /// <summary>The endorsement key's hash in base32, which can be told over the phone.</summary>
    public override string ToString() => EndorsementKeyId.DefaultRegistrationId(_endorsementKey);

    private static Refusal Refuse(string seen)
        => new(ProvisioningErrors.InvalidAttestation, seen, "Send the public areas of the RSA-2048 endorsement key (0x81010001) and storage root key (0x81000001).");
}
