using Homeport.Tpm.Structures;

namespace Homeport.Tpm.Commands;

/// <summary>A TPM2B_PUBLIC as returned by the TPM, and the name that the TPM computed.</summary>
internal sealed record PublicArea(byte[] Encoded, byte[] Name);

/// <summary>TPM2_ReadPublic (Part 3, 12.4).</summary>
internal sealed record ReadPublicCommand(uint Object) : ITpmCommand<PublicArea>
{
    public TpmCommandCode Code => TpmCommandCode.ReadPublic;

    public IReadOnlyList<uint> Handles => [Object];

    public PublicArea ReadResponse(uint handle, ref TpmReader reader)
    {
        var area = new TpmWriter().Sized(reader.Sized()).ToArray();
        var name = reader.Sized().ToArray();
        _ = reader.Sized();
        return new PublicArea(area, name);
    }
}

/// <summary>A key that was made and loaded.</summary>
internal sealed record CreatedPrimary(uint Handle, byte[] Public, byte[] Name);

/// <summary>TPM2_CreatePrimary with empty authorization value, sensitive data, outside info and PCR list (Part 3, 24.1).</summary>
internal sealed record CreatePrimaryCommand(uint Hierarchy, TpmAuthorization Authorization, TpmPublic Template) : ITpmCommand<CreatedPrimary>
{
    public TpmCommandCode Code => TpmCommandCode.CreatePrimary;

    public IReadOnlyList<uint> Handles => [Hierarchy];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Authorization];

    public bool ReturnsHandle => true;

    public void WriteParameters(TpmWriter writer)
        => writer.U16(4).U16(0).U16(0).Bytes(Template.Encode()).U16(0).U32(0);

    public CreatedPrimary ReadResponse(uint handle, ref TpmReader reader)
    {
        var area = new TpmWriter().Sized(reader.Sized()).ToArray();
        CreationEvidence.Skip(ref reader);
        return new CreatedPrimary(handle, area, reader.Sized().ToArray());
    }
}

/// <summary>The two halves of a key under a parent, without their sizes.</summary>
internal sealed record CreatedObject(byte[] Private, byte[] Public);

/// <summary>TPM2_Create (Part 3, 12.1): with <paramref name="Data"/> the key material comes from outside.</summary>
internal sealed record CreateCommand(uint Parent, TpmAuthorization Authorization, ReadOnlyMemory<byte> Data, TpmPublic Template)
    : ITpmCommand<CreatedObject>
{
    public TpmCommandCode Code => TpmCommandCode.Create;

    public IReadOnlyList<uint> Handles => [Parent];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Authorization];

    public void WriteParameters(TpmWriter writer)
        => writer.U16(Data.Length + 4).U16(0).Sized(Data.Span).Bytes(Template.Encode()).U16(0).U32(0);

    public CreatedObject ReadResponse(uint handle, ref TpmReader reader)
    {
        var secret = reader.Sized().ToArray();
        var area = reader.Sized().ToArray();
        CreationEvidence.Skip(ref reader);
        return new CreatedObject(secret, area);
    }
}

/// <summary>Creation data, creation hash and creation ticket: proofs that nobody here asks for.</summary>
internal static class CreationEvidence
{
    public static void Skip(ref TpmReader reader)
    {
        _ = reader.Sized();
        _ = reader.Sized();
        _ = reader.U16();
        _ = reader.U32();
        _ = reader.Sized();
    }
}

internal sealed record LoadedObject(uint Handle, byte[] Name);

/// <summary>TPM2_Load (Part 3, 12.2). Private and public area without their sizes.</summary>
internal sealed record LoadCommand(uint Parent, TpmAuthorization Authorization, ReadOnlyMemory<byte> Private, ReadOnlyMemory<byte> Public)
    : ITpmCommand<LoadedObject>
{
    public TpmCommandCode Code => TpmCommandCode.Load;

    public IReadOnlyList<uint> Handles => [Parent];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Authorization];

    public bool ReturnsHandle => true;

    public void WriteParameters(TpmWriter writer) => writer.Sized(Private.Span).Sized(Public.Span);

    public LoadedObject ReadResponse(uint handle, ref TpmReader reader) => new(handle, reader.Sized().ToArray());
}

/// <summary>TPM2_LoadExternal of a public area only (Part 3, 12.3).</summary>
internal sealed record LoadExternalCommand(TpmPublic Public, uint Hierarchy) : ITpmCommand<LoadedObject>
{
    public TpmCommandCode Code => TpmCommandCode.LoadExternal;

    public bool ReturnsHandle => true;

    public void WriteParameters(TpmWriter writer) => writer.U16(0).Bytes(Public.Encode()).U32(Hierarchy);

    public LoadedObject ReadResponse(uint handle, ref TpmReader reader) => new(handle, reader.Sized().ToArray());
}

/// <summary>TPM2_EvictControl (Part 3, 28.5): makes a transient object persistent, or deletes a persistent one when both handles are the same.</summary>
internal sealed record EvictControlCommand(TpmAuthorization Owner, uint Object, uint Persistent) : ITpmCommand<NoParameters>
{
    public TpmCommandCode Code => TpmCommandCode.EvictControl;

    public IReadOnlyList<uint> Handles => [TpmHandle.Owner, Object];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Owner];

    public void WriteParameters(TpmWriter writer) => writer.U32(Persistent);

    public NoParameters ReadResponse(uint handle, ref TpmReader reader) => default;
}

/// <summary>TPM2_FlushContext (Part 3, 28.4). The handle is a parameter here, not in the handle area.</summary>
internal sealed record FlushContextCommand(uint Handle) : ITpmCommand<NoParameters>
{
    public TpmCommandCode Code => TpmCommandCode.FlushContext;

    public void WriteParameters(TpmWriter writer) => writer.U32(Handle);

    public NoParameters ReadResponse(uint handle, ref TpmReader reader) => default;
}
