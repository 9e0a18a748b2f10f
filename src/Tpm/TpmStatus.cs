using System.Buffers.Binary;
using System.Text;
using Homeport.Tpm.Commands;

namespace Homeport.Tpm;

/// <summary>Who made the TPM.</summary>
/// <param name="Manufacturer">Four letters of the TCG vendor registry, for example INTC, IFX, AMD, IBM, MSFT.</param>
/// <param name="Vendor">The vendor's own text, for example "SW   TPM".</param>
/// <param name="Firmware">Two 32-bit numbers in hexadecimal.</param>
/// <param name="IsSoftware">True for an emulator, whose keys any administrator can copy.</param>
public sealed record TpmMake(string Manufacturer, string Vendor, string Firmware, bool IsSoftware);

/// <summary>What stands in the way of using the TPM. <see cref="LockoutCounter"/> counts wrong passwords up to <see cref="MaxAuthFailures"/>.</summary>
public sealed record TpmHealth(
    bool OwnerPasswordSet, bool EndorsementPasswordSet, bool LockoutPasswordSet, bool ClearDisabled, bool InLockout, uint LockoutCounter, uint MaxAuthFailures);

/// <summary>Identity, health and housekeeping of a TPM.</summary>
public sealed class TpmStatus(Tpm2 tpm)
{
    private const uint PageEntries = 64;
    private const int MaxPages = 64;
    private const uint ManufacturerProperty = 0x105;
    private const uint PermanentProperty = 0x200;

    /// <summary>Starts a TPM that nothing started yet; a started one stays as it is.</summary>
    public void Start()
    {
        try
        {
            tpm.Execute(new StartupCommand());
        }
        catch (TpmException e) when (e.Code == TpmResponseCode.Initialize)
        {
            // Started already, by the firmware or by another program.
        }
    }

    /// <summary>Announces that the power goes; without it an unclean stop may count as a wrong password for objects with lockout protection.</summary>
    public void Shutdown() => tpm.Execute(new ShutdownCommand());

    public void SelfTest() => tpm.Execute(new SelfTestCommand(Full: true));

    /// <summary>Random bytes of the TPM; asks again when it returns fewer.</summary>
    public byte[] GetRandom(int count)
    {
        var bytes = new byte[count];
        for (var length = 0; length < count;)
        {
            var part = tpm.Execute(new GetRandomCommand(Math.Min(count - length, 1024)));
            if (part.Length == 0 || part.Length > count - length)
                throw new TpmException(TpmFailure.Malformed, $"Asked for {count - length} random bytes, got {part.Length}.");
            part.CopyTo(bytes, length);
            length += part.Length;
        }

        return bytes;
    }

    public TpmMake GetMake()
    {
        var values = Properties(ManufacturerProperty, 8);
        var manufacturer = Text(values, ManufacturerProperty, 1);
        var vendor = Text(values, ManufacturerProperty + 1, 4);
        var firmware = $"{values.GetValueOrDefault(ManufacturerProperty + 6u):x8}.{values.GetValueOrDefault(ManufacturerProperty + 7u):x8}";
        var software = (manufacturer == "IBM" && vendor.StartsWith("SW", StringComparison.Ordinal))
            || vendor.Contains("fTPM RefImpl", StringComparison.OrdinalIgnoreCase)
            || vendor.Contains("Simulator", StringComparison.OrdinalIgnoreCase)
            || vendor.Contains("xCG fTPM", StringComparison.OrdinalIgnoreCase);
        return new TpmMake(manufacturer, vendor, firmware, software);
    }

    public TpmHealth GetHealth()
    {
        var values = Properties(PermanentProperty, 0x20);
        var flags = values.GetValueOrDefault(PermanentProperty);
        return new TpmHealth(
            OwnerPasswordSet: (flags & 1) != 0,
            EndorsementPasswordSet: (flags & 2) != 0,
            LockoutPasswordSet: (flags & 4) != 0,
            ClearDisabled: (flags & 0x100) != 0,
            InLockout: (flags & 0x200) != 0,
            LockoutCounter: values.GetValueOrDefault(0x20Eu),
            MaxAuthFailures: values.GetValueOrDefault(0x20Fu));
    }

    /// <summary>
    /// Takes ownership anew: removes the storage root key, all identity keys and NV records and the owner and endorsement passwords.
    /// The endorsement key stays the same, the next storage root key is another one; registered devices register again.
    /// </summary>
    /// <exception cref="TpmException">A lockout password is set, or the firmware disabled clearing.</exception>
    public void Clear() => tpm.Execute(new ClearCommand(TpmHandle.Lockout, tpm.LockoutAuthorization));

    /// <summary>Forgets wrong passwords.</summary>
    public void ResetLockout() => tpm.Execute(new DictionaryAttackLockResetCommand(tpm.LockoutAuthorization));

    /// <summary>The handles in use, from <paramref name="first"/> (see <see cref="TpmHandle"/>) to the end of its range.</summary>
    public IReadOnlyList<uint> GetHandles(uint first)
    {
        var handles = new List<uint>();
        var next = first;
        for (var page = 0; page < MaxPages; page++)
        {
            var part = tpm.Execute(new GetCapabilityCommand(TpmCapability.Handles, next, PageEntries));
            handles.AddRange(part.Entries.Select(static entry => entry.Property));
            if (!part.More || part.Entries.Count == 0)
                break;
            next = part.Entries[^1].Property + 1;
        }

        return handles;
    }

    /// <summary>Removes objects and sessions that programs left loaded when they were killed. Only where nobody else uses the TPM at this moment.</summary>
    public void FlushLeftovers()
    {
        foreach (var handle in GetHandles(TpmHandle.FirstTransient).Concat(GetHandles(TpmHandle.FirstLoadedSession)))
            tpm.FlushQuietly(handle);
    }

    /// <summary>The algorithms that the TPM has (TPM_ALG_ID).</summary>
    public IReadOnlySet<uint> GetAlgorithms() => Pages(TpmCapability.Algorithms, 0, static entry => entry.Property);

    /// <summary>The commands that can be reached (TPM_CC; those of the vendor without their mark).</summary>
    public IReadOnlySet<uint> GetCommands() => Pages(TpmCapability.Commands, 0, static entry => entry.Property & 0xFFFF);

    private HashSet<uint> Pages(TpmCapability capability, uint first, Func<(uint Property, uint Value), uint> read)
    {
        var found = new HashSet<uint>();
        for (var page = 0; page < MaxPages; page++)
        {
            var part = tpm.Execute(new GetCapabilityCommand(capability, first, PageEntries));
            foreach (var entry in part.Entries)
                found.Add(read(entry));
            if (!part.More || part.Entries.Count == 0)
                break;
            first = read(part.Entries[^1]) + 1;
        }

        return found;
    }

    /// <summary>One property (TPM_PT, Part 2, 6.13), or null when the TPM does not have it.</summary>
    internal uint? Property(uint property)
        => Properties(property, 1).TryGetValue(property, out var value) ? value : null;

    private Dictionary<uint, uint> Properties(uint first, uint count)
    {
        var page = tpm.Execute(new GetCapabilityCommand(TpmCapability.Properties, first, count));
        var values = new Dictionary<uint, uint>();
        foreach (var (property, value) in page.Entries)
            values[property] = value;
        return values;
    }

    private static string Text(Dictionary<uint, uint> values, uint first, int count)
    {
        var bytes = new byte[count * 4];
        for (var i = 0; i < count; i++)
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(i * 4), values.GetValueOrDefault((uint)(first + i)));
        return Encoding.ASCII.GetString(bytes).Replace("\0", "", StringComparison.Ordinal).Trim();
    }
}
