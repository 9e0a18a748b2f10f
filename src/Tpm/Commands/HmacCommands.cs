using Homeport.Tpm.Structures;

namespace Homeport.Tpm.Commands;

/// <summary>TPM2_HMAC with SHA-256 over at most 1,024 bytes (Part 3, 15.4).</summary>
internal sealed record HmacCommand(uint Key, TpmAuthorization Authorization, ReadOnlyMemory<byte> Buffer) : ITpmCommand<byte[]>
{
    public TpmCommandCode Code => TpmCommandCode.Hmac;

    public IReadOnlyList<uint> Handles => [Key];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Authorization];

    public void WriteParameters(TpmWriter writer) => writer.Sized(Buffer.Span).U16(TpmAlgorithm.Sha256);

    public byte[] ReadResponse(uint handle, ref TpmReader reader) => reader.Sized().ToArray();
}

/// <summary>TPM2_HMAC_Start with SHA-256 and an empty sequence authorization (Part 3, 17.2). Returns the sequence handle.</summary>
internal sealed record HmacStartCommand(uint Key, TpmAuthorization Authorization) : ITpmCommand<uint>
{
    public TpmCommandCode Code => TpmCommandCode.HmacStart;

    public IReadOnlyList<uint> Handles => [Key];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Authorization];

    public bool ReturnsHandle => true;

    public void WriteParameters(TpmWriter writer) => writer.U16(0).U16(TpmAlgorithm.Sha256);

    public uint ReadResponse(uint handle, ref TpmReader reader) => handle;
}

/// <summary>TPM2_SequenceUpdate (Part 3, 17.4).</summary>
internal sealed record SequenceUpdateCommand(uint Sequence, ReadOnlyMemory<byte> Buffer) : ITpmCommand<NoParameters>
{
    public TpmCommandCode Code => TpmCommandCode.SequenceUpdate;

    public IReadOnlyList<uint> Handles => [Sequence];

    public IReadOnlyList<TpmAuthorization> Authorizations => [TpmAuthorization.Empty];

    public void WriteParameters(TpmWriter writer) => writer.Sized(Buffer.Span);

    public NoParameters ReadResponse(uint handle, ref TpmReader reader) => default;
}

/// <summary>TPM2_SequenceComplete (Part 3, 17.5). The sequence is gone afterwards.</summary>
internal sealed record SequenceCompleteCommand(uint Sequence, ReadOnlyMemory<byte> Buffer) : ITpmCommand<byte[]>
{
    public TpmCommandCode Code => TpmCommandCode.SequenceComplete;

    public IReadOnlyList<uint> Handles => [Sequence];

    public IReadOnlyList<TpmAuthorization> Authorizations => [TpmAuthorization.Empty];

    public void WriteParameters(TpmWriter writer) => writer.Sized(Buffer.Span).U32(TpmHandle.Null);

    public byte[] ReadResponse(uint handle, ref TpmReader reader)
    {
        var result = reader.Sized().ToArray();
        _ = reader.U16();
        _ = reader.U32();
        _ = reader.Sized();
        return result;
    }
}
