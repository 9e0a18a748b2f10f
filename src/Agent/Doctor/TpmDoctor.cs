using Homeport.Agent.Identity;
using Homeport.Tpm;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Commands;
using Homeport.Tpm.Software;
using Homeport.Tpm.Structures;

namespace Homeport.Agent.Doctor;

/// <summary>
/// Looks at a TPM as a device needs it and names what stands in the way: not there, busy, owned by somebody, locked, cleared, without an algorithm,
/// half imprinted.
/// </summary>
internal sealed class TpmDoctor(TpmSource source, StorageKeyMemory memory)
{
    /// <summary>TPM_ALG_ID (TCG Algorithm Registry): what identity keys need.</summary>
    private static readonly (uint Id, string Name)[] Algorithms
        = [(0x0001, "RSA"), (0x0005, "HMAC"), (0x0006, "AES"), (0x0008, "KEYEDHASH"), (0x000B, "SHA-256"), (0x0043, "CFB")];

    /// <summary>TPM_CC (TPM 2.0 Library Part 2, 6.5.2).</summary>
    private static readonly (uint Id, string Name)[] Commands =
    [
        (0x131, "CreatePrimary"), (0x153, "Create"), (0x157, "Load"), (0x120, "EvictControl"), (0x176, "StartAuthSession"), (0x151, "PolicySecret"),
        (0x147, "ActivateCredential"), (0x156, "Import"), (0x155, "HMAC"), (0x12A, "NV_DefineSpace"), (0x137, "NV_Write"), (0x14E, "NV_Read"),
    ];

    private const int LogicalDevices = 16;

    /// <summary>All checks; they end early where nothing more can be seen.</summary>
    public IReadOnlyList<Finding> Examine()
    {
        var findings = new List<Finding>();
        try
        {
            source.Use(tpm =>
            {
                findings.AddRange(Make(tpm));
                findings.AddRange(Health(tpm));
                findings.AddRange(Abilities(tpm));
                findings.AddRange(Keys(tpm));
                findings.AddRange(Cleared(tpm));
                findings.AddRange(Identities(tpm));
                findings.AddRange(Leftovers(tpm));
            });
        }
        catch (TpmException e)
        {
            findings.Add(Explain(e));
        }

        return findings;
    }

    /// <summary>A failure by its name.</summary>
    public Finding Explain(TpmException e) => (e.Failure, e.Code) switch
    {
        (TpmFailure.NotInstalled, _) => new(Severity.Trouble, "SoftwareTpmMissing", e.Message, "apt-get install swtpm, or name a chip in the settings: \"tpm\": \"device:/dev/tpmrm0\""),
        (TpmFailure.TimedOut, _) => new(Severity.Trouble, "TpmBusy", e.Message, "End the program that holds the TPM; a software TPM serves one connection at a time: lsof on its socket shows which."),
        (TpmFailure.Unreachable, _) when e.Message.Contains("permission", StringComparison.OrdinalIgnoreCase)
            => new(Severity.Trouble, "TpmPermissionDenied", e.Message, "usermod -aG tss USER, and log in again."),
        (TpmFailure.Unreachable, _) => new(Severity.Trouble, "TpmUnreachable", e.Message, source.Name.StartsWith("device:", StringComparison.Ordinal)
            ? "Enable the TPM in the firmware setup (names: TPM, PTT, fTPM, Security Device), or use a software TPM: \"tpm\": \"software:/var/lib/homeport/tpm\""
            : "Start the TPM server there, or correct \"tpm\" in the settings."),
        (_, TpmResponseCode.Lockout) => new(Severity.Trouble, "TpmLockedOut", e.Message, "Wait for the recovery time of the TPM, or tpm2_dictionarylockout --clear-lockout with the lockout password."),
        (_, TpmResponseCode.BadAuth or TpmResponseCode.AuthFail or TpmResponseCode.AuthMissing) => PasswordWrong(e.Message),
        (_, TpmResponseCode.Failure) => new(Severity.Trouble, "TpmFailureMode", e.Message, "Restart the machine; when it stays so the chip is broken. A software TPM: is its directory writable and the disk not full?"),
        (_, TpmResponseCode.Initialize) => new(Severity.Trouble, "TpmNotStarted", e.Message, "The firmware should start the TPM. For a TPM server of your own: swtpm with --flags startup-clear."),
        (_, TpmResponseCode.NvSpace) => new(Severity.Trouble, "TpmFull", e.Message, "tpm2_getcap handles-persistent and handles-nv-index show what is there; remove what nobody uses."),
        (TpmFailure.Malformed, _) => new(Severity.Trouble, "NoTpm20", e.Message, "What answers there is no TPM 2.0. A TPM 1.2 cannot hold identity keys; see whether the firmware setup can switch it to 2.0."),
        _ => new(Severity.Trouble, "TpmRefused", e.Message, null),
    };

    private static Finding PasswordWrong(string seen) => new(
        Severity.Trouble, "TpmPasswordWrong", seen,
        "Somebody owns the TPM. Write its passwords into files (mode 0600) and name them in the settings: ownerPasswordFile, endorsementPasswordFile. When nobody knows them: clear the TPM in the firmware setup.");

    private IEnumerable<Finding> Make(Tpm2 tpm)
    {
        var make = new TpmStatus(tpm).GetMake();
        var text = $"{source.Name}: {make.Manufacturer} {make.Vendor}, firmware {make.Firmware}";
        yield return make.IsSoftware
            ? new Finding(Severity.Notice, "SoftwareTpm", $"{text}. A software TPM gives no security: whoever reads the disk can copy the identity of the device.", "Good for development. For a fleet take machines with a TPM chip or firmware TPM.")
            : new Finding(Severity.Good, "TpmFound", text);
        if (source.Name == "device:/dev/tpm0")
            yield return new Finding(Severity.Notice, "NoResourceManager", "/dev/tpm0 is used, which admits one program at a time and cleans up after nobody.", "Use /dev/tpmrm0 (Linux 4.12 and later).");
    }

    private IEnumerable<Finding> Health(Tpm2 tpm)
    {
        var health = new TpmStatus(tpm).GetHealth();
        if (health.InLockout)
            yield return new Finding(Severity.Trouble, "TpmLockedOut", $"The TPM is locked after {health.LockoutCounter} wrong passwords.", "Wait for its recovery time, or: homeport-agent doctor --reset-lockout (needs the lockout password in the settings if one is set).");
        else if (health.LockoutCounter > 0)
            yield return new Finding(Severity.Notice, "WrongPasswordsCounted", $"The TPM counted {health.LockoutCounter} wrong passwords of {health.MaxAuthFailures}.", "It forgets them with time. Does a program use a wrong password?");
        if (health.OwnerPasswordSet)
            yield return Owned(tpm, "OwnerPasswordSet", "owner", source.Passwords.Owner.Length > 0, "ownerPasswordFile");
        if (health.EndorsementPasswordSet)
            yield return Owned(tpm, "EndorsementPasswordSet", "endorsement", source.Passwords.Endorsement.Length > 0, "endorsementPasswordFile");
        if (health.ClearDisabled)
            yield return new Finding(Severity.Good, "ClearDisabled", "Clearing by software is disabled; the firmware setup can still do it.");
        if (health is { InLockout: false, LockoutCounter: 0, OwnerPasswordSet: false, EndorsementPasswordSet: false })
            yield return new Finding(Severity.Good, "TpmHealthy", "No lockout, no passwords in the way.");
    }

    private static Finding Owned(Tpm2 tpm, string name, string hierarchy, bool isGiven, string setting) => isGiven
        ? new Finding(Severity.Good, name, $"{tpm.Name}: the {hierarchy} hierarchy has a password, and the settings give one.")
        : new Finding(Severity.Trouble, name, $"{tpm.Name}: somebody set the {hierarchy} password.", $"Write it into a file (mode 0600) and name that in the settings as {setting}. When nobody knows it: clear the TPM in the firmware setup.");

    private static IEnumerable<Finding> Abilities(Tpm2 tpm)
    {
        var status = new TpmStatus(tpm);
        var algorithms = status.GetAlgorithms();
        var lacking = Algorithms.Where(a => !algorithms.Contains(a.Id)).Select(static a => a.Name).ToList();
        if (lacking.Count > 0)
            yield return new Finding(Severity.Trouble, "AlgorithmMissing", $"The TPM lacks {string.Join(", ", lacking)}.", "Identity keys need these. See whether a firmware update of the TPM brings them; otherwise this device needs a key in a file or another TPM.");
        var commands = status.GetCommands();
        var missing = Commands.Where(c => !commands.Contains(c.Id)).Select(static c => $"TPM2_{c.Name}").ToList();
        if (missing.Count > 0)
            yield return new Finding(Severity.Trouble, "CommandMissing", $"The TPM, or the system in front of it, does not offer {string.Join(", ", missing)}.", "Windows blocks some commands for other users than administrators. Run as administrator.");
        if (lacking.Count == 0 && missing.Count == 0)
            yield return new Finding(Severity.Good, "AbilitiesPresent", "All algorithms and commands that identities need are there.");
    }

    private IEnumerable<Finding> Keys(Tpm2 tpm)
    {
        var keys = new TpmKeys(tpm);
        TpmPublic? endorsementKey = null, storageKey = null;
        Finding? failure = null;
        try
        {
            endorsementKey = keys.GetEndorsementKey();
            storageKey = keys.GetStorageRootKey();
        }
        catch (TpmException e)
        {
            failure = e.Failure == TpmFailure.Unsuitable
                ? new Finding(Severity.Trouble, "EndorsementKeyUnsuitable", e.Message, "Another program put a key of its own to 0x81010001. Remove it (tpm2_evictcontrol -C o -c 0x81010001) and run the doctor again.")
                : Explain(e);
        }

        if (failure is not null)
        {
            yield return failure;
            yield break;
        }

        if (TpmKeyCheck.CheckEndorsementKey(endorsementKey!) is { } reason)
            yield return new Finding(Severity.Trouble, "EndorsementKeyUnsuitable", $"The endorsement key at 0x81010001: {reason}", "Remove it (tpm2_evictcontrol -C o -c 0x81010001) so that the agent makes the one of the TCG profile, and enrol the device anew.");
        else
            yield return new Finding(Severity.Good, "EndorsementKey", $"Registration id {EndorsementKeyId.DefaultRegistrationId(endorsementKey!.Encode())}");
        if (TpmKeyCheck.CheckStorageRootKey(storageKey!) is { } wrong)
            yield return new Finding(Severity.Trouble, "StorageRootKeyUnsuitable", $"The storage root key at 0x81000001: {wrong}", "Remove it (tpm2_evictcontrol -C o -c 0x81000001), and imprint or register again.");
    }

    private IEnumerable<Finding> Cleared(Tpm2 tpm)
    {
        if (new TpmKeys(tpm).ReadPublic(TpmHandle.StorageRootKey) is { } key && memory.IsAnother(key.Name))
        {
            yield return new Finding(
                Severity.Trouble, "TpmCleared", "The TPM was cleared, or is another one, since this device was imprinted: its storage root key changed and the identities are gone.",
                "Register or imprint again. The endorsement key, and with it the enrollment, stays when the TPM is the same.");
        }
    }

    private IEnumerable<Finding> Identities(Tpm2 tpm)
    {
        var status = new TpmStatus(tpm);
        var records = status.GetHandles(TpmHandle.FirstNonVolatile).ToHashSet();
        var keys = status.GetHandles(TpmHandle.FirstPersistent).ToHashSet();
        var any = false;
        for (uint number = 0; number < LogicalDevices; number++)
        {
            var hasRecord = records.Contains(TpmHandle.DeviceRecord + number);
            var hasKey = keys.Contains(TpmHandle.IdentityKey + number);
            any |= hasRecord || hasKey;
            if (hasRecord && hasKey)
                yield return Identity(tpm, number);
            else if (hasRecord)
                yield return new Finding(Severity.Trouble, "IdentityIncomplete", $"Logical device {number} has a host name but no key.", "Imprint it again, or register it again.");
            else if (hasKey && number > 0)
                yield return new Finding(Severity.Notice, "IdentityIncomplete", $"Logical device {number} has a key but no host name.", "Imprint it again.");
            else if (hasKey)
                yield return new Finding(Severity.Notice, "IdentityWithoutRecord", "Logical device 0 has a key but no host name: an Azure SDK registered this TPM, or an imprint broke off.", "Nothing when that SDK is used; else imprint or register again.");
        }

        if (!any)
            yield return new Finding(Severity.Notice, "NotProvisioned", "Nothing is imprinted.", "homeport device connect, or the page of the device, or provisioning in the settings.");
    }

    private Finding Identity(Tpm2 tpm, uint number)
    {
        try
        {
            _ = new TpmKeys(tpm).Sign([1], TpmHandle.IdentityKey + number);
        }
        catch (TpmException e)
        {
            return Explain(e) with { Seen = $"Logical device {number} cannot sign: {e.Message}" };
        }

        var record = System.Text.Encoding.UTF8.GetString(new TpmStorage(tpm).Read(TpmHandle.DeviceRecord + number) ?? []);
        return record.IndexOf('/', StringComparison.Ordinal) > 0
            ? new Finding(Severity.Good, "Identity", $"Logical device {number}: {record.Replace("/", ", device ", StringComparison.Ordinal)}; its key signs.")
            : new Finding(Severity.Trouble, "IdentityIncomplete", $"Logical device {number}: the record was never written or is damaged.", "Imprint it again, or register it again.");
    }

    private IEnumerable<Finding> Leftovers(Tpm2 tpm)
    {
        if (source.Name.StartsWith("device:/dev/tpmrm", StringComparison.Ordinal) || source.Name == "tbs")
            yield break;
        var status = new TpmStatus(tpm);
        var objects = status.GetHandles(TpmHandle.FirstTransient).Count;
        var sessions = status.GetHandles(TpmHandle.FirstLoadedSession).Count;
        if (objects > 0 || sessions > 0)
            yield return new Finding(Severity.Notice, "LeftoverHandles", $"{objects} objects and {sessions} sessions of other programs are loaded; a TPM has room for three of each.", "tpm2_flushcontext --transient-object; tpm2_flushcontext --loaded-session");
    }

    /// <summary>Looks at the machine before the TPM is opened.</summary>
    public static IEnumerable<Finding> Place(TpmSource source)
    {
        if (source.Name.StartsWith("software:", StringComparison.Ordinal) && SoftwareTpm.FindProgram() is null)
            yield return new Finding(Severity.Trouble, "SoftwareTpmMissing", "There is no TPM chip here and swtpm is not installed.", "apt-get install swtpm");
        if (source.Name.StartsWith("software:", StringComparison.Ordinal) && File.Exists("/dev/tpmrm0"))
            yield return new Finding(Severity.Notice, "ChipUnused", "This machine has a TPM chip, but the settings name a software TPM.", "Set \"tpm\": \"device:/dev/tpmrm0\", and register or imprint again.");
    }
}
