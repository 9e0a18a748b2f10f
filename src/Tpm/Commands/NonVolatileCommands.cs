using Homeport.Tpm.Structures;

namespace Homeport.Tpm.Commands;

/// <summary>Attributes of an NV index, TPM 2.0 Library Part 2, 13.4 (TPMA_NV).</summary>
[Flags]
public enum TpmNvAttributes : uint
{
    None = 0,
    PlatformWrite = 0x0000_0001,
    OwnerWrite = 0x0000_0002,
    AuthWrite = 0x0000_0004,
    PlatformRead = 0x0001_0000,
    OwnerRead = 0x0002_0000,
    AuthRead = 0x0004_0000,
    NoDictionaryAttack = 0x0200_0000,
    Written = 0x2000_0000,
    PlatformCreate = 0x4000_0000,
}

/// <summary>The public area of an NV index; <see cref="Size"/> in bytes.</summary>
public sealed record TpmNvPublic(uint Index, TpmNvAttributes Attributes, int Size);

/// <summary>TPM2_NV_DefineSpace with SHA-256, an empty policy and an empty authorization value (Part 3, 31.3).</summary>
internal sealed record NvDefineSpaceCommand(TpmAuthorization Owner, TpmNvPublic Area) : ITpmCommand<NoParameters>
{
    public TpmCommandCode Code => TpmCommandCode.NvDefineSpace;

    public IReadOnlyList<uint> Handles => [TpmHandle.Owner];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Owner];

    public void WriteParameters(TpmWriter writer)
        => writer.U16(0).U16(14).U32(Area.Index).U16(TpmAlgorithm.Sha256).U32((uint)Area.Attributes).U16(0).U16(Area.Size);

    public NoParameters ReadResponse(uint handle, ref TpmReader reader) => default;
}

/// <summary>TPM2_NV_UndefineSpace (Part 3, 31.4).</summary>
internal sealed record NvUndefineSpaceCommand(TpmAuthorization Owner, uint Index) : ITpmCommand<NoParameters>
{
    public TpmCommandCode Code => TpmCommandCode.NvUndefineSpace;

    public IReadOnlyList<uint> Handles => [TpmHandle.Owner, Index];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Owner];

    public NoParameters ReadResponse(uint handle, ref TpmReader reader) => default;
}

/// <summary>TPM2_NV_ReadPublic (Part 3, 31.6).</summary>
internal sealed record NvReadPublicCommand(uint Index) : ITpmCommand<TpmNvPublic>
{
    public TpmCommandCode Code => TpmCommandCode.NvReadPublic;

    public IReadOnlyList<uint> Handles => [Index];

    public TpmNvPublic ReadResponse(uint handle, ref TpmReader reader)
    {
        _ = reader.U16();
        var index = reader.U32();
        _ = reader.U16();
        var attributes = (TpmNvAttributes)reader.U32();
        _ = reader.Sized();
        var size = reader.U16();
        _ = reader.Sized();
        return new TpmNvPublic(index, attributes, size);
    }
}

/// <summary>TPM2_NV_Write (Part 3, 31.7), authorised by the index itself.</summary>
internal sealed record NvWriteCommand(uint Index, ReadOnlyMemory<byte> Data, int Offset) : ITpmCommand<NoParameters>
{
    public TpmCommandCode Code => TpmCommandCode.NvWrite;

    public IReadOnlyList<uint> Handles => [Index, Index];

    public IReadOnlyList<TpmAuthorization> Authorizations => [TpmAuthorization.Empty];

    public void WriteParameters(TpmWriter writer) => writer.Sized(Data.Span).U16(Offset);

    public NoParameters ReadResponse(uint handle, ref TpmReader reader) => default;
}

/// <summary>TPM2_NV_Read (Part 3, 31.13), authorised by the index itself or by the owner.</summary>
internal sealed record NvReadCommand(uint AuthorizationHandle, TpmAuthorization Authorization, uint Index, int Size, int Offset) : ITpmCommand<byte[]>
{
    public TpmCommandCode Code => TpmCommandCode.NvRead;

    public IReadOnlyList<uint> Handles => [AuthorizationHandle, Index];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Authorization];

    public void WriteParameters(TpmWriter writer) => writer.U16(Size).U16(Offset);

    public byte[] ReadResponse(uint handle, ref TpmReader reader) => reader.Sized().ToArray();
}
