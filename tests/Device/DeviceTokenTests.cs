using System.Security.Cryptography;
using Homeport.Contract.Access;
using Homeport.Device.Identity;

namespace Homeport.Tests.Device;

public sealed class DeviceTokenTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.FromUnixTimeSeconds(1_900_000_000);

    [Fact]
    public async Task A_hub_token_is_kept_until_85_percent_of_its_life()
    {
        var key = RandomNumberGenerator.GetBytes(32);
        var time = new FixedTime(Start);
        using var tokens = DeviceTokenProvider.ForHub(new SymmetricDeviceKey(key), "hub.example.test", "dev 1", time, TimeSpan.FromMinutes(100));
        var first = await tokens.GetAsync(default);
        SharedAccessSignature.TryParse(first.Text, out var parsed, out _).ShouldBeTrue();
        parsed!.IsSignedBy(key).ShouldBeTrue();
        parsed.Resource.ShouldBe("hub.example.test/devices/dev 1");
        parsed.KeyName.ShouldBeNull();
        parsed.Expiry.ShouldBe(Start.AddMinutes(100).ToUnixTimeSeconds());
        first.Expiry.ShouldBe(Start.AddMinutes(100));
        first.ToString().ShouldNotContain("sig");

        time.Now = Start.AddMinutes(84);
        (await tokens.GetAsync(default)).ShouldBeSameAs(first);
        time.Now = Start.AddMinutes(85);
        (await tokens.GetAsync(default)).Expiry.ShouldBe(Start.AddMinutes(185));
    }

    [Fact]
    public async Task A_registration_token_names_its_key()
    {
        using var tokens = DeviceTokenProvider.ForRegistration(new SymmetricDeviceKey(new byte[16]), "0ne00FFFFFF", "dev", new FixedTime(Start));
        (await tokens.GetAsync(default)).Text.ShouldEndWith($"&se={Start.AddHours(1).ToUnixTimeSeconds()}&skn=registration");
        (await tokens.GetAsync(default)).Text.ShouldStartWith("SharedAccessSignature sr=0ne00FFFFFF%2Fregistrations%2Fdev&sig=");
    }

    [Fact]
    public async Task Many_callers_make_one_token()
    {
        var key = new CountingKey();
        using var tokens = DeviceTokenProvider.ForHub(key, "h", "d", new FixedTime(Start));
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => tokens.GetAsync(default).AsTask()));
        key.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_TPM_key_signs_as_the_same_key_in_memory()
    {
        using var tpm = new TestTpm();
        var key = RandomNumberGenerator.GetBytes(32);
        new TpmDevice(2, tpm.Source).Provision(Convert.ToBase64String(key), "hub.example.test", "dev");
        using var inTpm = DeviceTokenProvider.ForHub(new TpmDeviceKey(tpm.Source, 2), "hub.example.test", "dev", new FixedTime(Start));
        using var inMemory = DeviceTokenProvider.ForHub(new SymmetricDeviceKey(key), "hub.example.test", "dev", new FixedTime(Start));
        (await inTpm.GetAsync(default)).ShouldBe(await inMemory.GetAsync(default));
    }

    private sealed class CountingKey : IDeviceKey
    {
        private int _count;

        public int Count => _count;

        public byte[] Sign(byte[] message)
        {
            Interlocked.Increment(ref _count);
            Thread.Sleep(50);
            return new byte[32];
        }
    }
}
