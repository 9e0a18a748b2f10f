using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Device.Identity;
using Homeport.Tpm;
using Homeport.Tpm.Channels;
using Homeport.Tpm.Commands;

namespace Homeport.Tests.Device;

/// <summary>The API of Windows IoT Core over a software TPM.</summary>
public sealed class TpmDeviceTests : IDisposable
{
    private static readonly FixedTime Time = new(DateTimeOffset.FromUnixTimeSeconds(1_900_000_000 - 3600));

    private readonly TestTpm _tpm = new();

    public void Dispose() => _tpm.Dispose();

    [Fact]
    public void An_unprovisioned_device_has_its_hardware_id_and_empty_values()
    {
        var device = new TpmDevice(3, _tpm.Source, Time);
        device.GetHostName().ShouldBe("");
        device.GetSASToken().ShouldBe("");
        device.GetConnectionString().ShouldBe("");
        device.SignHmac([1]).ShouldBeEmpty();
        device.LastFailure!.Code.ShouldBe(TpmResponseCode.Handle);
        device.GetDeviceId().ShouldBe(device.GetHardwareDeviceId());
        device.GetHardwareDeviceId().ShouldBe(HardwareId(3));
        device.GetHardwareDeviceId().ShouldNotBe(new TpmDevice(4, _tpm.Source).GetHardwareDeviceId());
        device.LastFailure.ShouldBeNull();
        device.TryGetSASToken(60, out var token, out var reason).ShouldBeFalse();
        token.ShouldBeNull();
        reason!.ShouldContain("is not provisioned");
    }

    [Fact]
    public void The_token_is_the_recorded_one_of_the_original()
    {
        var imprint = JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", "tpm-vectors.json")))!["tpmCases"]![0]!["limpetImprint"]!;
        var content = imprint["nvContentUtf8"]!.GetValue<string>().Split('/');
        var device = new TpmDevice(3, _tpm.Source, Time);
        device.Provision(imprint["sharedAccessKeyBase64"]!.GetValue<string>(), content[0], content[1]);
        device.GetSASToken().ShouldBe(imprint["sasToken"]!.GetValue<string>());
        device.GetConnectionString().ShouldBe($"HostName={content[0]};DeviceId={content[1]};SharedAccessSignature={imprint["sasToken"]}");
    }

    [Fact]
    public void A_provisioned_device_shows_what_was_imprinted()
    {
        var key = RandomNumberGenerator.GetBytes(64);
        var device = new TpmDevice(1, _tpm.Source, Time);
        device.Provision(Convert.ToBase64String(key), "hub.example.test", "sensor-7");

        var read = new TpmDevice(1, _tpm.Source, Time);
        read.GetHostName().ShouldBe("hub.example.test");
        read.GetDeviceId().ShouldBe("sensor-7");
        read.SignHmac([1, 2]).ShouldBe(HMACSHA256.HashData(key, new byte[] { 1, 2 }));
        var expected = Convert.ToBase64String(HMACSHA256.HashData(key, "hub.example.test/devices/sensor-7\n1900000000"u8));
        read.GetSASToken().ShouldBe(
            "SharedAccessSignature sr=hub.example.test/devices/sensor-7&sig="
            + expected.Replace("+", "%2b", StringComparison.Ordinal).Replace("/", "%2f", StringComparison.Ordinal).Replace("=", "%3d", StringComparison.Ordinal)
            + "&se=1900000000");
        read.TryGetSASToken(3600, out var token, out _).ShouldBeTrue();
        token.ShouldBe(read.GetSASToken());
        _tpm.ShouldBeClean();
    }

    [Fact]
    public void The_hub_accepts_the_token()
    {
        var key = RandomNumberGenerator.GetBytes(32);
        var device = new TpmDevice(0, _tpm.Source, Time);
        device.Provision(Convert.ToBase64String(key), "hub.example.test", "dev");
        Contract.Access.SharedAccessSignature.TryParse(device.GetSASToken(60), out var token, out var reason).ShouldBeTrue(reason);
        token!.IsSignedBy(key).ShouldBeTrue();
        token.Resource.ShouldBe("hub.example.test/devices/dev");
        token.Expiry.ShouldBe(1_900_000_000 - 3540);
    }

    [Fact]
    public void Without_a_device_id_the_record_has_the_slash_and_the_hardware_id_serves()
    {
        var device = new TpmDevice(2, _tpm.Source, Time);
        device.Provision(Convert.ToBase64String(new byte[32]), "hub.example.test");
        Encoding.UTF8.GetString(_tpm.Source.Use(static tpm => new TpmStorage(tpm).Read(TpmHandle.DeviceRecord + 2))!).ShouldBe("hub.example.test/");
        device.GetDeviceId().ShouldBe(HardwareId(2));
        device.GetSASToken().ShouldStartWith($"SharedAccessSignature sr=hub.example.test/devices/{HardwareId(2)}&sig=");
    }

    [Fact]
    public void A_device_is_found_by_its_id()
    {
        var key = RandomNumberGenerator.GetBytes(32);
        new TpmDevice(5, _tpm.Source).Provision(Convert.ToBase64String(key), "hub.example.test", "pump");
        var found = new TpmDevice("pump", _tpm.Source);
        found.SignHmac([1]).ShouldBe(HMACSHA256.HashData(key, new byte[] { 1 }));
        new TpmDevice(HardwareId(7), _tpm.Source).GetHardwareDeviceId().ShouldBe(HardwareId(7));
        Should.Throw<IndexOutOfRangeException>(() => new TpmDevice("nobody", _tpm.Source)).Message.ShouldContain("'nobody'");
    }

    [Fact]
    public void Provisioning_again_replaces_and_destroying_is_repeatable()
    {
        var device = new TpmDevice(0, _tpm.Source);
        var second = RandomNumberGenerator.GetBytes(16);
        device.Provision(Convert.ToBase64String(new byte[32]), "one.example.test", "a");
        device.Provision(Convert.ToBase64String(second), "two.example.test", "a-longer-id");
        device.GetHostName().ShouldBe("two.example.test");
        device.GetDeviceId().ShouldBe("a-longer-id");
        device.SignHmac([1]).ShouldBe(HMACSHA256.HashData(second, new byte[] { 1 }));

        device.Destroy();
        device.Destroy();
        device.GetHostName().ShouldBe("");
        device.SignHmac([1]).ShouldBeEmpty();
        _tpm.Source.Use(static tpm =>
        {
            new TpmStatus(tpm).GetHandles(TpmHandle.FirstNonVolatile).ShouldBeEmpty();
            new TpmKeys(tpm).ReadPublic(TpmHandle.IdentityKey).ShouldBeNull();
        });
    }

    [Fact]
    public void Destroying_removes_a_key_whose_record_is_gone()
    {
        var device = new TpmDevice(0, _tpm.Source);
        device.Provision(Convert.ToBase64String(new byte[32]), "one.example.test", "a");
        _tpm.Source.Use(static tpm => new TpmStorage(tpm).Remove(TpmHandle.DeviceRecord)).ShouldBeTrue();
        device.Destroy();
        _tpm.Source.Use(static tpm => new TpmKeys(tpm).ReadPublic(TpmHandle.IdentityKey)).ShouldBeNull();
    }

    public static TheoryData<string, bool> FailingCommands => new()
    {
        { "0000012a", true },
        { "00000137", false },
        { "00000153", true },
        { "00000157", true },
        { "00000120", false },
    };

    [Theory]
    [MemberData(nameof(FailingCommands))]
    public void A_provisioning_that_fails_half_way_leaves_the_old_state_or_none(string failingCommand, bool oldStateStays)
    {
        var oldKey = RandomNumberGenerator.GetBytes(32);
        new TpmDevice(0, _tpm.Source).Provision(Convert.ToBase64String(oldKey), "old.example.test", "old");
        var failing = new TpmSource(_tpm.Source.Name + "-failing", () => new FailingChannel(_tpm.Source, failingCommand));
        var act = () => new TpmDevice(0, failing).Provision(Convert.ToBase64String(new byte[32]), "new.example.test", "new");
        act.ShouldThrow<TpmException>().Code.ShouldBe(TpmResponseCode.NvSpace);

        var after = new TpmDevice(0, _tpm.Source);
        after.GetHostName().ShouldBe(oldStateStays ? "old.example.test" : "");
        after.SignHmac([1]).ShouldBe(oldStateStays ? HMACSHA256.HashData(oldKey, new byte[] { 1 }) : []);
        _tpm.ShouldBeClean();
    }

    [Theory]
    [InlineData("", "a", typeof(ArgumentException))]
    [InlineData("host/with/slash", "a", typeof(ArgumentException))]
    public void A_record_that_cannot_be_read_back_is_refused(string host, string device, Type expected)
        => Should.Throw(() => new TpmDevice(0, _tpm.Source).Provision(Convert.ToBase64String(new byte[32]), host, device), expected);

    [Fact]
    public void A_bad_key_is_refused_before_anything_changes()
    {
        var device = new TpmDevice(0, _tpm.Source);
        Should.Throw<FormatException>(() => device.Provision("not base64!", "hub.example.test", "a"));
        Should.Throw<ArgumentException>(() => device.Provision("", "hub.example.test", "a"));
        Should.Throw<ArgumentException>(() => device.Provision(Convert.ToBase64String(new byte[65]), "hub.example.test", "a")).Message.ShouldContain("65 bytes");
        Should.Throw<ArgumentException>(() => device.Provision(Convert.ToBase64String(new byte[32]), "hub.example.test", new string('x', 2048)));
        device.GetHostName().ShouldBe("");
    }

    [Fact]
    public void An_unreachable_TPM_gives_empty_values_and_the_reason()
    {
        var device = new TpmDevice(0, TpmSource.Parse("unix:/tmp/there-is-no-tpm.sock"));
        device.GetHostName().ShouldBe("");
        device.GetDeviceId().ShouldBe("");
        device.GetSASToken().ShouldBe("");
        device.LastFailure!.Failure.ShouldBe(TpmFailure.Unreachable);
        device.TryGetSASToken(60, out _, out var reason).ShouldBeFalse();
        reason!.ShouldContain("there-is-no-tpm.sock");
    }

    [Theory]
    [InlineData("tbs", new string[0], false, "tbs")]
    [InlineData(null, new[] { "/dev/tpmrm0", "/dev/tpm0" }, false, "device:/dev/tpmrm0")]
    [InlineData("", new[] { "/dev/tpm0" }, false, "device:/dev/tpm0")]
    [InlineData(null, new string[0], true, "tbs")]
    public void The_TPM_is_chosen_in_the_documented_order(string? configured, string[] files, bool isWindows, string expected)
        => TpmLocator.Choose(configured, files.Contains, isWindows).Name.ShouldBe(expected);

    [Fact]
    public void Without_a_chip_the_software_TPM_of_the_user_is_chosen_once()
    {
        var chosen = TpmLocator.Choose(null, static _ => false, isWindows: false);
        chosen.Name.ShouldBe("software:" + TpmLocator.DefaultSoftwareDirectory());
        TpmLocator.Choose(null, static _ => false, isWindows: false).ShouldBeSameAs(chosen);
        Should.Throw<FormatException>(() => TpmLocator.Choose("nonsense"));
    }

    private string HardwareId(uint slot) => _tpm.Source.Use(tpm =>
    {
        var littleEndian = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(littleEndian, slot);
        return Convert.ToHexStringLower(SHA256.HashData([.. littleEndian, .. new TpmKeys(tpm).GetStorageRootKey().Name]));
    });

    /// <summary>A TPM that refuses one kind of command once, as if its memory were full. Keeps the object's deletion working.</summary>
    private sealed class FailingChannel(TpmSource source, string failingCommand) : ITpmChannel
    {
        private bool _hasFailed;

        public string Name => "failing";

        public byte[] Submit(ReadOnlySpan<byte> command)
        {
            var hex = Convert.ToHexStringLower(command);
            var deletes = hex.Length > 36 && hex[28..36] == hex[^8..];
            if (!_hasFailed && !deletes && hex[12..20] == failingCommand)
            {
                _hasFailed = true;
                return [0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x4B];
            }

            var copy = command.ToArray();
            return source.Use(tpm => tpm.Channel.Submit(copy));
        }

        public void Dispose()
        {
        }
    }
}
