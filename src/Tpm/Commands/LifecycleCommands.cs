using Homeport.Tpm.Structures;

namespace Homeport.Tpm.Commands;

/// <summary>TPM2_Startup with TPM_SU_CLEAR (Part 3, 9.3). A started TPM answers <see cref="TpmResponseCode.Initialize"/>.</summary>
internal sealed record StartupCommand : ITpmCommand<NoParameters>
{
    public TpmCommandCode Code => TpmCommandCode.Startup;

    public void WriteParameters(TpmWriter writer) => writer.U16(0);

    public NoParameters ReadResponse(uint handle, ref TpmReader reader) => default;
}

/// <summary>TPM2_Shutdown with TPM_SU_CLEAR (Part 3, 9.4).</summary>
internal sealed record ShutdownCommand : ITpmCommand<NoParameters>
{
    public TpmCommandCode Code => TpmCommandCode.Shutdown;

    public void WriteParameters(TpmWriter writer) => writer.U16(0);

    public NoParameters ReadResponse(uint handle, ref TpmReader reader) => default;
}

/// <summary>TPM2_SelfTest (Part 3, 10.2).</summary>
internal sealed record SelfTestCommand(bool Full) : ITpmCommand<NoParameters>
{
    public TpmCommandCode Code => TpmCommandCode.SelfTest;

    public void WriteParameters(TpmWriter writer) => writer.U8(Full ? (byte)1 : (byte)0);

    public NoParameters ReadResponse(uint handle, ref TpmReader reader) => default;
}

/// <summary>TPM2_GetRandom (Part 3, 16.1). May return fewer bytes than asked for.</summary>
internal sealed record GetRandomCommand(int Count) : ITpmCommand<byte[]>
{
    public TpmCommandCode Code => TpmCommandCode.GetRandom;

    public void WriteParameters(TpmWriter writer) => writer.U16(Count);

    public byte[] ReadResponse(uint handle, ref TpmReader reader) => reader.Sized().ToArray();
}

internal enum TpmCapability : uint
{
    Algorithms = 0,
    Handles = 1,
    Commands = 2,
    Properties = 6,
}

/// <summary>The part of a capability list that fitted: single values, or property and value.</summary>
internal sealed record CapabilityPage(bool More, IReadOnlyList<(uint Property, uint Value)> Entries);

/// <summary>TPM2_GetCapability for the four kinds of <see cref="TpmCapability"/> (Part 3, 30.2).</summary>
internal sealed record GetCapabilityCommand(TpmCapability Capability, uint Property, uint Count) : ITpmCommand<CapabilityPage>
{
    public TpmCommandCode Code => TpmCommandCode.GetCapability;

    public void WriteParameters(TpmWriter writer) => writer.U32((uint)Capability).U32(Property).U32(Count);

    public CapabilityPage ReadResponse(uint handle, ref TpmReader reader)
    {
        var more = reader.U8() != 0;
        _ = reader.U32();
        var count = reader.U32();
        var entries = new List<(uint, uint)>();
        for (var i = 0; i < count && !reader.Failed; i++)
        {
            entries.Add(Capability switch
            {
                TpmCapability.Properties => (reader.U32(), reader.U32()),
                TpmCapability.Algorithms => (reader.U16(), reader.U32()),
                _ => (reader.U32(), 0),
            });
        }

        return new CapabilityPage(more, entries);
    }
}

/// <summary>TPM2_Clear (Part 3, 24.6): removes everything of the owner; authorised by lockout or platform.</summary>
internal sealed record ClearCommand(uint Hierarchy, TpmAuthorization Authorization) : ITpmCommand<NoParameters>
{
    public TpmCommandCode Code => TpmCommandCode.Clear;

    public IReadOnlyList<uint> Handles => [Hierarchy];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Authorization];

    public NoParameters ReadResponse(uint handle, ref TpmReader reader) => default;
}

/// <summary>TPM2_HierarchyChangeAuth (Part 3, 24.8).</summary>
internal sealed record HierarchyChangeAuthCommand(uint Hierarchy, TpmAuthorization Authorization, ReadOnlyMemory<byte> NewSecret)
    : ITpmCommand<NoParameters>
{
    public TpmCommandCode Code => TpmCommandCode.HierarchyChangeAuth;

    public IReadOnlyList<uint> Handles => [Hierarchy];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Authorization];

    public void WriteParameters(TpmWriter writer) => writer.Sized(NewSecret.Span);

    public NoParameters ReadResponse(uint handle, ref TpmReader reader) => default;
}

/// <summary>TPM2_DictionaryAttackLockReset (Part 3, 25.2).</summary>
internal sealed record DictionaryAttackLockResetCommand(TpmAuthorization Authorization) : ITpmCommand<NoParameters>
{
    public TpmCommandCode Code => TpmCommandCode.DictionaryAttackLockReset;

    public IReadOnlyList<uint> Handles => [TpmHandle.Lockout];

    public IReadOnlyList<TpmAuthorization> Authorizations => [Authorization];

    public NoParameters ReadResponse(uint handle, ref TpmReader reader) => default;
}

/// <summary>A selection of PCRs of the SHA-256 bank; bit n stands for PCR n.</summary>
internal readonly record struct PcrSelection(uint Mask)
{
    public void Write(TpmWriter writer)
        => writer.U32(1).U16(TpmAlgorithm.Sha256).U8(3).U8((byte)Mask).U8((byte)(Mask >> 8)).U8((byte)(Mask >> 16));

    public static PcrSelection Read(ref TpmReader reader)
    {
        uint mask = 0;
        var banks = reader.U32();
        for (var bank = 0; bank < banks && !reader.Failed; bank++)
        {
            var algorithm = (TpmAlgorithm)reader.U16();
            var bytes = reader.Bytes(reader.U8());
            for (var i = 0; algorithm == TpmAlgorithm.Sha256 && i < Math.Min(bytes.Length, 4); i++)
                mask |= (uint)bytes[i] << (8 * i);
        }

        return new PcrSelection(mask);
    }
}

/// <summary>Which of the selected PCRs were returned (at most 8 per command), and their values in ascending order.</summary>
internal sealed record PcrValues(uint UpdateCounter, PcrSelection Selection, IReadOnlyList<byte[]> Digests);

/// <summary>TPM2_PCR_Read (Part 3, 22.4).</summary>
internal sealed record PcrReadCommand(PcrSelection Selection) : ITpmCommand<PcrValues>
{
    public TpmCommandCode Code => TpmCommandCode.PcrRead;

    public void WriteParameters(TpmWriter writer) => Selection.Write(writer);

    public PcrValues ReadResponse(uint handle, ref TpmReader reader)
    {
        var counter = reader.U32();
        var selection = PcrSelection.Read(ref reader);
        var count = reader.U32();
        var digests = new List<byte[]>();
        for (var i = 0; i < count && !reader.Failed; i++)
            digests.Add(reader.Sized().ToArray());
        return new PcrValues(counter, selection, digests);
    }
}
