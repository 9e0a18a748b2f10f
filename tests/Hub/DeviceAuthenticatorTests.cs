using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Registry;

namespace Homeport.Tests.Hub;

/// <summary>Who gets in at a device door, who does not, and what the one who is refused is told.</summary>
public sealed class DeviceAuthenticatorTests
{
    private const string Host = "hub.example";
    private static readonly byte[] Primary = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
    private static readonly byte[] Secondary = [.. Enumerable.Range(101, 32).Select(i => (byte)i)];
    private static readonly byte[] ModuleKey = [.. Enumerable.Range(51, 32).Select(i => (byte)i)];
    private static readonly byte[] Stranger = [.. Enumerable.Range(201, 32).Select(i => (byte)i)];

    private readonly FakeTimeProvider _time = new();
    private readonly MemoryIdentityStore _store = new();
    private readonly Dictionary<string, SharedAccessPolicy> _policies = SharedAccessPolicy.HubDefaults().ToDictionary(p => p.Name);
    private readonly DeviceAuthenticator _authenticator;

    public DeviceAuthenticatorTests()
    {
        _authenticator = new DeviceAuthenticator(_store, _policies, new TokenRules(new HashSet<string> { Host, "alias.example" }, _time));
        Register("dev1");
        Register("dev1", "m1", new Authentication(AuthenticationType.Sas, ModuleKey, ModuleKey));
        Register("off", enabled: false);
        Register("off", "m1", new Authentication(AuthenticationType.Sas, ModuleKey, ModuleKey));
        Register("keyless", authentication: new Authentication(AuthenticationType.None));
        Register("ca", authentication: new Authentication(AuthenticationType.CertificateAuthority));
        Register("one-key", authentication: new Authentication(AuthenticationType.Sas, Primary));
    }

    /// <summary>Device, module, audience, key, policy: and how the connection is then described to consumers; null when it is refused.</summary>
    public static TheoryData<string, string?, string, byte[], string?, string?> Tokens => new()
    {
        { "dev1", null, "hub.example/devices/dev1", Primary, null, "device" },
        { "dev1", null, "hub.example/devices/dev1", Secondary, null, "device" },
        { "dev1", null, "alias.example/devices/dev1", Primary, null, "device" },
        { "dev1", null, "HUB.EXAMPLE/devices/dev1", Primary, null, "device" },
        { "dev1", null, "hub.example:8883/devices/dev1", Primary, null, "device" },
        { "dev1", null, "https://hub.example/devices/dev1", Primary, null, "device" },
        { "dev1", null, "hub.example/devices/dev1/api-version=2016-11-14", Primary, null, "device" },
        { "one-key", null, "hub.example/devices/one-key", Primary, null, "device" },
        { "dev1", "m1", "hub.example/devices/dev1/modules/m1", ModuleKey, null, "module" },
        { "dev1", null, "hub.example/devices/dev1", Stranger, null, null },
        { "dev1", null, "hub.example/devices/dev1", ModuleKey, null, null },
        { "dev1", null, "hub.example/devices/dev2", Primary, null, null },
        { "dev1", null, "hub.example/devices/dev", Primary, null, null },
        { "dev1", null, "hub.example/devices/DEV1", Primary, null, null },
        { "dev1", null, "hub.example/devices", Primary, null, null },
        { "dev1", null, "hub.example", Primary, null, null },
        { "dev1", null, "other.example/devices/dev1", Primary, null, null },
        { "dev1", null, "hub.example.evil.example/devices/dev1", Primary, null, null },
        { "dev1", null, "hub.example/devices/dev1/modules/m1", Primary, null, null },
        { "dev1", "m1", "hub.example/devices/dev1", Primary, null, null },
        { "dev1", "m1", "hub.example/devices/dev1", ModuleKey, null, null },
        { "dev1", "m1", "hub.example/devices/dev1/modules/m1", Primary, null, null },
        { "dev1", "m2", "hub.example/devices/dev1/modules/m2", Primary, null, null },
        { "keyless", null, "hub.example/devices/keyless", new byte[32], null, null },
        { "ca", null, "hub.example/devices/ca", new byte[32], null, null },
        { "one-key", null, "hub.example/devices/one-key", [], null, null },
    };

    [Theory]
    [MemberData(nameof(Tokens))]
    public async Task A_token_of_an_own_key_counts_for_its_own_identity(string device, string? module, string audience, byte[] key, string? policy, string? scope)
    {
        var outcome = await Authenticate(device, module, Token(audience, key, policy: policy));
        if (scope is null)
        {
            outcome.Refusal!.Error.ShouldBe(HubErrors.IotHubUnauthorized);
            outcome.Refusal.Fix.ShouldNotBeNullOrEmpty();
            return;
        }
        outcome.Refusal.ShouldBeNull(outcome.Refusal?.Text);
        outcome.Value!.Identity.Key.ShouldBe(Identity.KeyOf(device, module));
        outcome.Value.Method.ToString().ShouldBe($$"""{"scope":"{{scope}}","type":"sas","issuer":"iothub"}""");
    }

    [Theory]
    [InlineData("device", "dev1", null, "hub.example", null)]
    [InlineData("device", "dev1", null, "hub.example/devices/dev1", null)]
    [InlineData("device", "dev1", "m1", "hub.example/devices/dev1", null)]
    [InlineData("device", "dev1", "m1", "hub.example/devices/dev1/modules/m1", null)]
    [InlineData("iothubowner", "keyless", null, "hub.example", null)]
    [InlineData("device", "ca", null, "hub.example/devices/ca", null)]
    [InlineData("device", "dev1", null, "hub.example/devices/dev2", nameof(HubErrors.IotHubUnauthorized))]
    [InlineData("device", "dev1", null, "other.example", nameof(HubErrors.IotHubUnauthorized))]
    [InlineData("service", "dev1", null, "hub.example", nameof(HubErrors.IotHubUnauthorizedAccess))]
    [InlineData("registryReadWrite", "dev1", null, "hub.example/devices/dev1", nameof(HubErrors.IotHubUnauthorizedAccess))]
    [InlineData("nosuch", "dev1", null, "hub.example", nameof(HubErrors.IotHubUnauthorized))]
    [InlineData("device", "dev2", null, "hub.example", nameof(HubErrors.DeviceNotFound))]
    [InlineData("device", "off", null, "hub.example", nameof(HubErrors.DeviceDisabled))]
    public async Task A_policy_token_needs_DeviceConnect(string policy, string device, string? module, string audience, string? error)
    {
        var keys = _policies.GetValueOrDefault(policy);
        foreach (var key in (byte[][])[keys?.PrimaryKey ?? Stranger, keys?.SecondaryKey ?? Stranger])
        {
            var outcome = await Authenticate(device, module, Token(audience, key, policy: policy));
            (outcome.Refusal?.Error.Name).ShouldBe(error, outcome.Refusal?.Text);
            if (error is null)
                outcome.Value!.Method.Scope.ShouldBe("hub");
        }
        var forged = await Authenticate(device, module, Token(audience, Stranger, policy: policy));
        forged.Refusal!.Error.ShouldBe(HubErrors.IotHubUnauthorized);
    }

    [Fact]
    public async Task The_name_of_a_policy_does_not_make_an_own_key_one()
        => (await Authenticate("dev1", null, Token($"{Host}/devices/dev1", Primary, policy: "device"))).Refusal!.Error.ShouldBe(HubErrors.IotHubUnauthorized);

    [Theory]
    [InlineData(3600, true)]
    [InlineData(1, true)]
    [InlineData(0, true)]
    [InlineData(-1, true)]
    [InlineData(-300, true)]
    [InlineData(-301, false)]
    [InlineData(-86400, false)]
    public async Task A_token_is_taken_until_five_minutes_after_its_expiry(int seconds, bool taken)
    {
        var outcome = await Authenticate("dev1", null, Token($"{Host}/devices/dev1", Primary, seconds));
        (outcome.Refusal is null).ShouldBe(taken);
        if (!taken)
            outcome.Refusal!.Text.ShouldContain("expired");
    }

    [Theory]
    [InlineData(3600, 3600)]
    [InlineData(1, 1)]
    [InlineData(0, 300)]
    [InlineData(-100, 200)]
    [InlineData(-299, 1)]
    public void A_connection_ends_with_its_token_or_with_the_allowance(int expiry, int end)
    {
        var rules = new TokenRules(new HashSet<string> { Host }, _time);
        SharedAccessSignature.TryParse(Token(Host, Primary, expiry), out var token, out _).ShouldBeTrue();
        rules.EndOf(token!).ShouldBe(_time.GetUtcNow().AddSeconds(end));
    }

    [Fact]
    public async Task The_end_of_the_token_is_handed_on()
        => (await Authenticate("dev1", null, Token($"{Host}/devices/dev1", Primary, 60))).Value!.EndsAt.ShouldBe(_time.GetUtcNow().AddSeconds(60));

    [Fact]
    public async Task A_token_far_in_the_future_is_fine()
    {
        var text = SharedAccessSignature.Create($"{Host}/devices/dev1", Primary, DateTimeOffset.FromUnixTimeSeconds(253402300799));
        (await Authenticate("dev1", null, text)).Value!.EndsAt.ShouldBe(DateTimeOffset.FromUnixTimeSeconds(253402300799));
    }

    [Theory]
    [InlineData("off", null)]
    [InlineData("off", "m1")]
    public async Task A_disabled_device_and_its_modules_stay_outside(string device, string? module)
    {
        var audience = $"{Host}/devices/{device}{(module is null ? "" : "/modules/" + module)}";
        var good = await Authenticate(device, module, Token(audience, module is null ? Primary : ModuleKey));
        good.Refusal!.Error.ShouldBe(HubErrors.DeviceDisabled);
        good.Refusal.Text.ShouldContain("lost");
        var bad = await Authenticate(device, module, Token(audience, Stranger));
        bad.Refusal!.Error.ShouldBe(HubErrors.IotHubUnauthorized, "only who proves itself learns that the device is disabled");
    }

    [Fact]
    public async Task An_unknown_device_looks_like_a_bad_token_and_the_explanation_names_the_nearest()
    {
        var unknown = (await Authenticate("DEV1", null, Token($"{Host}/devices/DEV1", Primary))).Refusal!;
        unknown.Error.ShouldBe(HubErrors.IotHubUnauthorized);
        unknown.Nearest.ShouldBe("dev1");
        unknown.Text.ShouldContain("not registered");
        (await Authenticate("nobody", null, Token($"{Host}/devices/nobody", Primary))).Refusal!.Nearest.ShouldBeNull();
        var module = (await Authenticate("dev1", "nosuch", Token($"{Host}/devices/dev1/modules/nosuch", ModuleKey))).Refusal!;
        module.Text.ShouldContain("nosuch");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_token_signed_with_the_text_of_the_key_is_explained(bool primary)
    {
        var key = primary ? Primary : Secondary;
        var refusal = (await Authenticate("dev1", null, Token($"{Host}/devices/dev1", Encoding.UTF8.GetBytes(Convert.ToBase64String(key))))).Refusal!;
        refusal.Error.ShouldBe(HubErrors.IotHubUnauthorized);
        refusal.Text.ShouldContain("Base64");
        refusal.Text.ShouldContain(primary ? "primary" : "secondary");
    }

    [Fact]
    public async Task What_was_tried_is_listed_and_no_explanation_has_a_secret()
    {
        var token = Token($"{Host}/devices/dev1", Stranger);
        var refusal = (await Authenticate("dev1", null, token)).Refusal!;
        refusal.Tried!.Count.ShouldBe(2);
        refusal.Tried[0].ShouldContain("primary");
        refusal.Tried[1].ShouldContain("secondary");
        var everything = refusal.ToString() + string.Join('|', refusal.Tried);
        everything.ShouldNotContain(Convert.ToBase64String(Primary));
        everything.ShouldNotContain(token.Split("sig=")[1].Split('&')[0]);
        new DeviceCredentials("dev1", null, token, null).ToString().ShouldNotContain("sig");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("garbage")]
    [InlineData("SharedAccessSignature sr=hub.example%2Fdevices%2Fdev1&sig=AAAA&se=9999999999")]
    public async Task Without_a_token_nobody_gets_in(string? token)
        => (await Authenticate("dev1", null, token)).Refusal!.Error.ShouldBe(HubErrors.IotHubUnauthorized);

    [Theory]
    [InlineData("SHA1", true, false)]
    [InlineData("SHA256", true, false)]
    [InlineData("SHA1", false, false)]
    [InlineData("SHA256", false, true)]
    public async Task A_certificate_is_known_by_either_thumbprint_in_either_place_and_case(string hash, bool primary, bool lowerCase)
    {
        using var certificate = Certificate("dev-x");
        var thumbprint = certificate.GetCertHashString(new HashAlgorithmName(hash));
        thumbprint = lowerCase ? thumbprint.ToLowerInvariant() : thumbprint;
        Register("dev-x", authentication: new Authentication(AuthenticationType.SelfSigned, null, null, primary ? thumbprint : null, primary ? new string('0', 40) : thumbprint));
        var outcome = await Authenticate("dev-x", null, null, certificate);
        outcome.Refusal.ShouldBeNull(outcome.Refusal?.Text);
        outcome.Value!.EndsAt.ShouldBeNull();
        outcome.Value.Method.ToString().ShouldBe("""{"scope":"device","type":"x509","issuer":"iothub"}""");
    }

    [Fact]
    public async Task Another_certificate_is_refused_with_both_hashes()
    {
        using var right = Certificate("dev-x");
        using var wrong = Certificate("dev-x");
        Register("dev-x", authentication: new Authentication(AuthenticationType.SelfSigned, null, null, right.GetCertHashString(HashAlgorithmName.SHA1)));
        var refusal = (await Authenticate("dev-x", null, null, wrong)).Refusal!;
        refusal.Error.ShouldBe(HubErrors.IotHubUnauthorized);
        refusal.Text.ShouldContain("Thumbprint does not match configuration");
        refusal.Text.ShouldContain(wrong.GetCertHashString(HashAlgorithmName.SHA1));
        string.Join('|', refusal.Tried!).ShouldContain(right.GetCertHashString(HashAlgorithmName.SHA1));
    }

    [Theory]
    [InlineData("dev1")]
    [InlineData("keyless")]
    [InlineData("nobody")]
    public async Task A_certificate_opens_nothing_for_devices_without_thumbprint(string device)
    {
        using var certificate = Certificate(device);
        var refusal = (await Authenticate(device, null, null, certificate)).Refusal!;
        refusal.Error.ShouldBe(HubErrors.IotHubUnauthorized);
    }

    [Fact]
    public async Task A_device_with_a_thumbprint_does_not_get_in_by_an_own_key()
    {
        Register("dev-x", authentication: new Authentication(AuthenticationType.SelfSigned, Primary, Secondary, new string('A', 40)));
        (await Authenticate("dev-x", null, Token($"{Host}/devices/dev-x", Primary))).Refusal!.Text.ShouldContain("SelfSigned");
    }

    [Fact]
    public async Task A_disabled_device_is_refused_with_its_certificate_too()
    {
        using var certificate = Certificate("dev-y");
        Register("dev-y", enabled: false, authentication: new Authentication(AuthenticationType.SelfSigned, null, null, certificate.GetCertHashString(HashAlgorithmName.SHA256)));
        (await Authenticate("dev-y", null, null, certificate)).Refusal!.Error.ShouldBe(HubErrors.DeviceDisabled);
    }

    [Fact]
    public async Task Ids_with_percent_signs_are_their_own()
    {
        Register("dev#1");
        Register("dev%231", authentication: new Authentication(AuthenticationType.Sas, Stranger, Stranger));
        (await Authenticate("dev#1", null, Token($"{Host}/devices/dev%231", Primary))).Refusal.ShouldBeNull("one SDK encodes the id inside the audience");
        (await Authenticate("dev#1", null, Token($"{Host}/devices/dev%231", Stranger))).Refusal.ShouldNotBeNull();
        (await Authenticate("dev%231", null, Token($"{Host}/devices/dev%231", Stranger))).Refusal.ShouldBeNull();
    }

    private Task<Outcome<AuthenticatedDevice>> Authenticate(string device, string? module, string? token, X509Certificate2? certificate = null)
        => _authenticator.AuthenticateAsync(new DeviceCredentials(device, module, token, certificate), CancellationToken.None);

    private string Token(string audience, byte[] key, int seconds = 3600, string? policy = null)
        => SharedAccessSignature.Create(audience, key, _time.GetUtcNow().AddSeconds(seconds), policy);

    private void Register(string device, string? module = null, Authentication? authentication = null, bool enabled = true)
        => _store.InsertAsync(
            new Identity
            {
                DeviceId = device,
                ModuleId = module,
                GenerationId = "1",
                Enabled = enabled,
                StatusReason = enabled ? null : "lost",
                Authentication = authentication ?? new Authentication(AuthenticationType.Sas, Primary, Secondary),
            },
            null,
            CancellationToken.None).IsCompletedSuccessfully.ShouldBeTrue();

    private static X509Certificate2 Certificate(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256).CreateSelfSigned(new DateTimeOffset(2025, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2035, 1, 1, 0, 0, 0, TimeSpan.Zero));
    }
}
