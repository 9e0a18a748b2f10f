using Homeport.Agent.Doctor;
using Homeport.Agent.Identity;
using Homeport.Device.Identity;
using Homeport.Tpm;
using Homeport.Tpm.Channels;
using Homeport.Tpm.Commands;
using Homeport.Tpm.Software;

namespace Homeport.Tests.Agent;

/// <summary>The doctor finds by name what was done to a TPM, and says how to mend it.</summary>
public sealed class TpmDoctorTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("doctor-test-").FullName;
    private readonly SoftwareTpm _software;
    private readonly TpmSource _source;

    public TpmDoctorTests()
    {
        _software = new SoftwareTpm(new SoftwareTpmOptions(Path.Combine(_root, "tpm")));
        _source = TpmSource.Software(_software);
    }

    public void Dispose()
    {
        _software.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public void A_good_tpm_has_no_trouble_and_a_software_tpm_is_told_plainly()
    {
        new TpmDevice(2, _source).Provision(Convert.ToBase64String(new byte[32]), "hub.example.test", "pump");
        var findings = Examine();
        findings.ShouldNotContain(static f => f.Severity == Severity.Trouble);
        findings.Single(static f => f.Name == "SoftwareTpm").Seen.ShouldContain("gives no security");
        findings.Single(static f => f.Name == "Identity").Seen.ShouldContain("Logical device 2: hub.example.test, device pump");
        findings.ShouldContain(static f => f.Name == "AbilitiesPresent");
    }

    [Fact]
    public void Nothing_imprinted_is_said() => Examine().ShouldContain(static f => f.Name == "NotProvisioned");

    [Theory]
    [InlineData(TpmHandle.Owner, "OwnerPasswordSet", "ownerPasswordFile")]
    [InlineData(TpmHandle.Endorsement, "EndorsementPasswordSet", "endorsementPasswordFile")]
    public void A_password_that_somebody_set_is_named_with_its_setting(uint hierarchy, string name, string setting)
    {
        SetPassword(hierarchy);
        var finding = Examine().First(f => f.Name == name);
        finding.Severity.ShouldBe(Severity.Trouble);
        finding.Fix!.ShouldContain(setting);
        Examine().ShouldContain(static f => f.Name == "TpmPasswordWrong", "the keys cannot be made without it");

        var given = _source.WithPasswords(new TpmPasswords { Owner = "secret"u8.ToArray(), Endorsement = "secret"u8.ToArray() });
        if (hierarchy == TpmHandle.Endorsement)
            given = _source.WithPasswords(new TpmPasswords { Endorsement = "secret"u8.ToArray() });
        else
            given = _source.WithPasswords(new TpmPasswords { Owner = "secret"u8.ToArray() });
        new TpmDoctor(given, Memory()).Examine().ShouldNotContain(static f => f.Severity == Severity.Trouble);
    }

    [Fact]
    public void A_cleared_tpm_is_noticed()
    {
        Memory().Remember(_source.Use(static tpm => new TpmKeys(tpm).GetStorageRootKey().Name));
        Examine().ShouldNotContain(static f => f.Name == "TpmCleared");
        _source.Use(static tpm => new TpmStatus(tpm).Clear());
        Examine().Single(static f => f.Name == "TpmCleared").Fix!.ShouldContain("Register or imprint again");
    }

    [Fact]
    public void Half_an_identity_is_noticed()
    {
        var device = new TpmDevice(1, _source);
        device.Provision(Convert.ToBase64String(new byte[32]), "hub.example.test", "pump");
        _source.Use(static tpm => new TpmKeys(tpm).Remove(TpmHandle.IdentityKey + 1));
        Examine().Single(static f => f.Name == "IdentityIncomplete").Seen.ShouldContain("host name but no key");
    }

    [Fact]
    public void A_tpm_that_is_locked_out_says_so_and_the_lock_can_be_reset()
    {
        // Wrong passwords for the lockout hierarchy lock it at once; wrong ones for others need an object with protection.
        SetPassword(TpmHandle.Lockout);
        var wrong = _source.WithPasswords(new TpmPasswords { Lockout = "wrong"u8.ToArray() });
        for (var i = 0; i < 5; i++)
            Should.Throw<TpmException>(() => wrong.Use(static tpm => new TpmStatus(tpm).ResetLockout()));
        var refused = Should.Throw<TpmException>(() => wrong.Use(static tpm => new TpmStatus(tpm).ResetLockout()));
        new TpmDoctor(_source, Memory()).Explain(refused).Name.ShouldBe("TpmLockedOut");
    }

    [Theory]
    [InlineData("device:/dev/no-such-tpm", "TpmUnreachable", "firmware setup")]
    [InlineData("unix:/no/such/socket", "TpmUnreachable", "Start the TPM server")]
    public void A_tpm_that_is_not_there_is_explained(string place, string name, string fix)
    {
        var finding = new TpmDoctor(TpmSource.Parse(place), Memory()).Examine().ShouldHaveSingleItem();
        finding.Name.ShouldBe(name);
        finding.Fix!.ShouldContain(fix);
    }

    [Fact]
    public void A_program_that_holds_the_tpm_is_suspected()
    {
        using var holder = new SocketChannel(_software.EndPoint);
        _software.EnsureRunning();
        holder.Submit([0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x7B, 0, 8]);
        var impatient = TpmSource.Socket(_software.EndPoint, new TpmTimeouts(TimeSpan.FromSeconds(2), TimeSpan.FromMilliseconds(400)));
        new TpmDoctor(impatient, Memory()).Examine().ShouldHaveSingleItem().Name.ShouldBe("TpmBusy");
    }

    [Fact]
    public void A_missing_program_an_algorithm_and_a_command_are_named()
    {
        var absent = new SoftwareTpm(new SoftwareTpmOptions(Path.Combine(_root, "absent")) { Program = "no-such-swtpm" });
        new TpmDoctor(TpmSource.Software(absent), Memory()).Examine().ShouldHaveSingleItem().Name.ShouldBe("SoftwareTpmMissing");

        var poor = new TpmSource("poor", () => new PoorChannel(_software.Open()));
        var findings = new TpmDoctor(poor, Memory()).Examine();
        findings.Single(static f => f.Name == "AlgorithmMissing").Seen.ShouldBe("The TPM lacks CFB.");
        findings.Single(static f => f.Name == "CommandMissing").Seen.ShouldContain("TPM2_ActivateCredential");
    }

    private IReadOnlyList<Finding> Examine() => new TpmDoctor(_source, Memory()).Examine();

    private StorageKeyMemory Memory() => new(Path.Combine(_root, "state"));

    /// <summary>TPM2_HierarchyChangeAuth with the empty old password.</summary>
    private void SetPassword(uint hierarchy) => _source.Use(tpm =>
    {
        byte[] command =
        [
            0x80, 0x02, 0, 0, 0, 0, 0, 0, 0x01, 0x29, (byte)(hierarchy >> 24), (byte)(hierarchy >> 16), (byte)(hierarchy >> 8), (byte)hierarchy,
            0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0, 0, 6, .. "secret"u8,
        ];
        command[5] = (byte)command.Length;
        tpm.Channel.Submit(command)[6..10].ShouldBe([0, 0, 0, 0]);
    });

    /// <summary>Hides CFB from the list of algorithms, and ActivateCredential from that of commands.</summary>
    private sealed class PoorChannel(ITpmChannel inner) : ITpmChannel
    {
        public string Name => "poor";

        public byte[] Submit(ReadOnlySpan<byte> command)
        {
            var response = inner.Submit(command);
            var isCapability = command[9] == 0x7A && command[8] == 0x01;
            if (isCapability && command[13] == 0)
                Overwrite(response, 19, 6, static entry => entry[0] == 0 && entry[1] == 0x43, 1);
            else if (isCapability && command[13] == 2)
                Overwrite(response, 19, 4, static entry => entry[2] == 0x01 && entry[3] == 0x47, 3);
            return response;
        }

        public void Dispose() => inner.Dispose();

        private static void Overwrite(byte[] response, int start, int size, Func<byte[], bool> hides, int at)
        {
            for (var offset = start; offset + size <= response.Length; offset += size)
            {
                if (hides(response[offset..(offset + size)]))
                    response[offset + at]--;
            }
        }
    }
}
