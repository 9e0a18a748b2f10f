using Homeport.Tpm.Structures;

namespace Homeport.Tpm.Commands;

/// <summary>TPM2_StartAuthSession for an unbound, unsalted policy session with SHA-256 (Part 3, 11.1). Returns the session handle.</summary>
internal sealed record StartPolicySessionCommand(ReadOnlyMemory<byte> Nonce) : ITpmCommand<uint>
{
    private const byte PolicySession = 1;

    public TpmCommandCode Code => TpmCommandCode.StartAuthSession;

    public IReadOnlyList<uint> Handles => [TpmHandle.Null, TpmHandle.Null];

    public bool ReturnsHandle => true;

    public void WriteParameters(TpmWriter writer)
        => writer.Sized(Nonce.Span).U16(0).U8(PolicySession).U16(TpmAlgorithm.Null).U16(TpmAlgorithm.Sha256);

    public uint ReadResponse(uint handle, ref TpmReader reader)
    {
        _ = reader.Sized();
        return handle;
    }
}

/// <summary>TPM2_PolicySecret without nonce, command binding, policy reference and expiry (Part 3, 23.4).</summary>
internal sealed record PolicySecretCommand(uint Entity, TpmAuthorization Authorization, uint Session) : ITpmCommand<NoParameters>
{
    public TpmCommandCode Code => TpmCommandCode.PolicySecret;

    public IReadOnlyList<uint> Handles => [Entity, Session];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Authorization];

    public void WriteParameters(TpmWriter writer) => writer.U16(0).U16(0).U16(0).U32(0);

    public NoParameters ReadResponse(uint handle, ref TpmReader reader)
    {
        _ = reader.Sized();
        _ = reader.U16();
        _ = reader.U32();
        _ = reader.Sized();
        return default;
    }
}

/// <summary>
/// TPM2_ActivateCredential (Part 3, 12.5): the object whose name the credential carries comes first and is authorised first,
/// the endorsement key second.
/// </summary>
internal sealed record ActivateCredentialCommand(
    uint Object, TpmAuthorization ObjectAuthorization, uint EndorsementKey, TpmAuthorization EndorsementAuthorization,
    ReadOnlyMemory<byte> IdObject, ReadOnlyMemory<byte> Secret) : ITpmCommand<byte[]>
{
    public TpmCommandCode Code => TpmCommandCode.ActivateCredential;

    public IReadOnlyList<uint> Handles => [Object, EndorsementKey];

    public IReadOnlyList<TpmAuthorization> Authorizations => [ObjectAuthorization, EndorsementAuthorization];

    public void WriteParameters(TpmWriter writer) => writer.Sized(IdObject.Span).Sized(Secret.Span);

    public byte[] ReadResponse(uint handle, ref TpmReader reader) => reader.Sized().ToArray();
}

/// <summary>A credential and its encrypted seed, without their sizes.</summary>
internal sealed record MadeCredential(byte[] IdObject, byte[] Secret);

/// <summary>TPM2_MakeCredential (Part 3, 12.6): what <see cref="Attestation.Challenge"/> computes in software.</summary>
internal sealed record MakeCredentialCommand(uint Key, ReadOnlyMemory<byte> Credential, ReadOnlyMemory<byte> ObjectName) : ITpmCommand<MadeCredential>
{
    public TpmCommandCode Code => TpmCommandCode.MakeCredential;

    public IReadOnlyList<uint> Handles => [Key];

    public void WriteParameters(TpmWriter writer) => writer.Sized(Credential.Span).Sized(ObjectName.Span);

    public MadeCredential ReadResponse(uint handle, ref TpmReader reader) => new(reader.Sized().ToArray(), reader.Sized().ToArray());
}

/// <summary>TPM2_Import of a doubly wrapped object, AES-128-CFB inside (Part 3, 13.3). All fields without their sizes; returns the private area.</summary>
internal sealed record ImportCommand(uint Parent, TpmAuthorization Authorization) : ITpmCommand<byte[]>
{
    public required ReadOnlyMemory<byte> EncryptionKey { get; init; }

    public required ReadOnlyMemory<byte> Public { get; init; }

    public required ReadOnlyMemory<byte> Duplicate { get; init; }

    public required ReadOnlyMemory<byte> Secret { get; init; }

    public TpmCommandCode Code => TpmCommandCode.Import;

    public IReadOnlyList<uint> Handles => [Parent];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Authorization];

    public void WriteParameters(TpmWriter writer) => writer
        .Sized(EncryptionKey.Span).Sized(Public.Span).Sized(Duplicate.Span).Sized(Secret.Span)
        .U16(TpmAlgorithm.Aes).U16(EncryptionKey.Length * 8).U16(TpmAlgorithm.Cfb);

    public byte[] ReadResponse(uint handle, ref TpmReader reader) => reader.Sized().ToArray();
}

/// <summary>TPMS_ATTEST and TPMT_SIGNATURE as the TPM returned them.</summary>
internal sealed record QuoteEvidence(byte[] Attest, byte[] Signature);

/// <summary>TPM2_Quote with the key's own scheme (Part 3, 18.4).</summary>
internal sealed record QuoteCommand(uint Key, TpmAuthorization Authorization, ReadOnlyMemory<byte> Qualifying, PcrSelection Selection)
    : ITpmCommand<QuoteEvidence>
{
    public TpmCommandCode Code => TpmCommandCode.Quote;

    public IReadOnlyList<uint> Handles => [Key];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Authorization];

    public void WriteParameters(TpmWriter writer) => Selection.Write(writer.Sized(Qualifying.Span).U16(TpmAlgorithm.Null));

    public QuoteEvidence ReadResponse(uint handle, ref TpmReader reader) => new(reader.Sized().ToArray(), reader.All().ToArray());
}
