using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Structures;

namespace Homeport.Provisioning.Attestation.Tpm;

/// <summary>The public keys that a device shows of its TPM. They prove nothing until a challenge for them was answered.</summary>
public sealed class TpmEvidence
{
    /// <summary>Certificates between that of a key and the manufacturer's CA; chips have one or two.</summary>
    private const int MaxChain = 5;

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
        Hash = EndorsementKeyForm.HashOf(endorsement);
    }

    /// <summary>SHA-256 of the endorsement key's modulus: the same for every form in which the key is written.</summary>
    public byte[] Hash { get; }

    /// <summary>The certificate of the endorsement key, DER, if the device shows one. It proves nothing until it was checked.</summary>
    public byte[]? Certificate { get; init; }

    /// <summary>Certificates that lead from <see cref="Certificate"/> to the manufacturer's CA, DER.</summary>
    public IReadOnlyList<byte[]> Chain { get; init; } = [];

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
        return Read(endorsementKey, storageRootKey).Succeeded(out var evidence, out var refusal)
            ? evidence.WithCertificate(sent.EndorsementCertificate, sent.EndorsementCertificateChain)
            : refusal;
    }

    /// <summary>Adds the certificate of the endorsement key, PEM or DER in Base64.</summary>
    public Outcome<TpmEvidence> WithCertificate(string? certificate, IReadOnlyList<string>? chain)
    {
        if (string.IsNullOrEmpty(certificate))
            return this;
        if (chain is { Count: > MaxChain })
            return Refuse($"tpm.endorsementCertificateChain has more than {MaxChain} certificates");
        var read = new List<byte[]>();
        foreach (var text in (string?[])[certificate, .. chain ?? []])
        {
            if (!CertificateText.Read(text).Succeeded(out var one, out var bad))
                return Refuse($"tpm.endorsementCertificate or its chain: {bad.Seen}");
            read.Add(one.RawData);
            one.Dispose();
        }
        return new TpmEvidence(_endorsementKey, _storageRootKey, _endorsement, _storage) { Certificate = read[0], Chain = read[1..] };
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
