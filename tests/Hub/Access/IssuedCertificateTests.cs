using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Access.Certificates;
using Homeport.Hub.Registry;

namespace Homeport.Tests.Hub.Access;

/// <summary>Devices with certificates that a CA of the hub issued: who gets in, and which check a refusal names.</summary>
public sealed class IssuedCertificateTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly MemoryIdentityStore _store = new();
    private readonly MemoryCertificateStore _authorities = new();
    private readonly DeviceAuthenticator _authenticator;

    public IssuedCertificateTests()
    {
        var rules = new TokenRules(new HashSet<string> { "hub.example" }, _time);
        _authenticator = new DeviceAuthenticator(_store, new Dictionary<string, SharedAccessPolicy>(), rules, _authorities);
        Register("dev1");
        Register("dev1", "m1");
        Register("sas", type: AuthenticationType.Sas);
        Register("self", type: AuthenticationType.SelfSigned);
    }

    private DateTimeOffset Now => _time.GetUtcNow();

    [Theory]
    [InlineData(false, false, true)]
    [InlineData(true, false, true)]
    [InlineData(false, true, true)]
    [InlineData(true, true, false)]
    [InlineData(false, false, false)]
    public async Task A_certificate_of_a_verified_CA_lets_its_device_in(bool rsaCa, bool rsaLeaf, bool identified)
    {
        var root = await AddAsync("root", TestAuthority.Root("Root", Now, rsaCa));
        var outcome = await ShowAsync("dev1", null, root.Issue("CN=dev1", Now, rsaLeaf, identified: identified));
        outcome.Refusal.ShouldBeNull(outcome.Refusal?.Text);
        outcome.Value!.Method.ToString().ShouldBe("""{"scope":"device","type":"x509","issuer":"iothub"}""");
        outcome.Value.EndsAt.ShouldBeNull();
        (await _authenticator.StillHoldsAsync(outcome.Value, default)).ShouldBeTrue();
    }

    [Theory]
    [InlineData("dev1", null, "CN=dev1", true)]
    [InlineData("dev1", null, "CN=dev1, O=Factory, C=AT", true)]
    [InlineData("dev1", "m1", "CN=dev1/m1", true)]
    [InlineData("dev1", "m1", "CN=dev1", false)]
    [InlineData("dev1", "m1", "CN=m1", false)]
    [InlineData("dev1", null, "CN=dev1/m1", false)]
    [InlineData("dev1", null, "CN=dev2", false)]
    [InlineData("dev1", null, "CN=DEV1", false)]
    [InlineData("dev1", null, "CN=dev", false)]
    [InlineData("dev1", null, "CN=dev11", false)]
    [InlineData("dev1", null, "CN=*", false)]
    [InlineData("dev1", null, "O=dev1", false)]
    [InlineData("dev1", null, "E=dev1", false)]
    [InlineData("dev1", null, "CN=dev1, CN=dev2", false)]
    [InlineData("dev1", null, "CN=dev2, CN=dev1", false)]
    [InlineData("dev1", null, "CN=dev1+CN=dev2", false)]
    [InlineData("dev1", null, "CN=dev1+O=x", false)]
    public async Task The_common_name_is_the_identity(string device, string? module, string subject, bool accepted)
    {
        var root = await AddAsync("root", TestAuthority.Root("Root", Now));
        var outcome = await ShowAsync(device, module, root.Issue(subject, Now));
        if (accepted)
        {
            outcome.Value.ShouldNotBeNull(outcome.Refusal?.Text).Method.Scope.ShouldBe(module is null ? "device" : "module");
            return;
        }
        Refused(outcome, "common name");
        outcome.Refusal!.Nearest.ShouldBe("root");
        outcome.Refusal.Fix.ShouldContain(Identity.KeyOf(device, module));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(9, true)]
    [InlineData(11, false)]
    [InlineData(-2, false)]
    public async Task A_certificate_counts_in_its_validity_by_the_hubs_clock(int days, bool accepted)
    {
        var root = await AddAsync("root", TestAuthority.Root("Root", Now, from: -100));
        var leaf = root.Issue("CN=dev1", Now);
        if (days < 0)
            _time.SetBack(TimeSpan.FromDays(-days));
        else
            _time.Advance(TimeSpan.FromDays(days));
        var outcome = await ShowAsync("dev1", null, leaf);
        if (accepted)
            outcome.Refusal.ShouldBeNull(outcome.Refusal?.Text);
        else
            Refused(outcome, days > 0 ? "expired at 2026-01-11" : "not valid before 2025-12-31", "CN=dev1");
    }

    [Fact]
    public async Task Behind_the_end_of_the_CA_nobody_gets_in()
    {
        var root = await AddAsync("root", TestAuthority.Root("Root", Now, days: 5));
        var leaf = root.Issue("CN=dev1", Now, days: 10);
        _time.Advance(TimeSpan.FromDays(4));
        (await ShowAsync("dev1", null, leaf)).Refusal.ShouldBeNull();
        _time.Advance(TimeSpan.FromDays(2));
        Refused(await ShowAsync("dev1", null, leaf), "expired", "CN=Root");
    }

    [Fact]
    public async Task An_unverified_CA_lets_nobody_in()
    {
        var root = await AddAsync("mine", TestAuthority.Root("Root", Now), verified: false);
        var outcome = await ShowAsync("dev1", null, root.Issue("CN=dev1", Now));
        Refused(outcome, "not verified", "'mine'");
        outcome.Refusal!.Nearest.ShouldBe("mine");
    }

    [Fact]
    public async Task The_issuer_of_a_stranger_is_named()
    {
        await AddAsync("mine", TestAuthority.Root("Root", Now));
        var stranger = TestAuthority.Root("Stranger", Now);
        var outcome = await ShowAsync("dev1", null, stranger.Issue("CN=dev1", Now), stranger.Certificate);
        Refused(outcome, "CN=Stranger");
        string.Join('|', outcome.Refusal!.Tried!).ShouldContain("mine");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_name_of_a_CA_is_not_its_key(bool identified)
    {
        await AddAsync("root", TestAuthority.Root("Root", Now));
        var forger = TestAuthority.Root("Root", Now);
        var leaf = forger.Issue("CN=dev1", Now, identified: identified);
        Refused(await ShowAsync("dev1", null, leaf), "'root'");
        Refused(await ShowAsync("dev1", null, leaf, forger.Certificate), "'root'");
    }

    [Fact]
    public async Task A_forged_signature_under_the_right_key_identifier_is_seen()
    {
        var root = await AddAsync("root", TestAuthority.Root("Root", Now));
        foreach (var rootSent in (bool[])[true, false])
            Refused(await ShowAsync("dev1", null, Tampered(root.Issue("CN=dev1", Now)), rootSent ? [root.Certificate] : []), "signature");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Intermediates_that_the_client_sends_complete_the_chain(bool rsa)
    {
        var root = await AddAsync("root", TestAuthority.Root("Root", Now, rsa));
        var upper = root.Intermediate("Upper", Now, rsa);
        var lower = upper.Intermediate("Lower", Now, !rsa);
        var leaf = lower.Issue("CN=dev1", Now, rsa);
        (await ShowAsync("dev1", null, leaf, lower.Certificate, upper.Certificate)).Refusal.ShouldBeNull();
        (await ShowAsync("dev1", null, leaf, root.Certificate, upper.Certificate, lower.Certificate)).Refusal.ShouldBeNull();
        Refused(await ShowAsync("dev1", null, leaf, upper.Certificate), "'CN=Lower'");
        Refused(await ShowAsync("dev1", null, leaf), "CN=Lower");
        Refused(await ShowAsync("dev1", null, Tampered(leaf), lower.Certificate, upper.Certificate), "signature");
        Refused(await ShowAsync("dev1", null, leaf, lower.Certificate, Tampered(upper.Certificate)), "signature");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_intermediate_CA_can_be_the_one_that_is_registered(bool rootSent)
    {
        var root = TestAuthority.Root("Root", Now);
        var factory = await AddAsync("factory", root.Intermediate("Factory", Now));
        var line = factory.Intermediate("Line", Now);
        X509Certificate2[] above = rootSent ? [root.Certificate, factory.Certificate] : [];
        (await ShowAsync("dev1", null, factory.Issue("CN=dev1", Now), above)).Refusal.ShouldBeNull();
        (await ShowAsync("dev1", null, line.Issue("CN=dev1", Now), [line.Certificate, .. above])).Refusal.ShouldBeNull();
        Refused(await ShowAsync("dev1", null, Tampered(factory.Issue("CN=dev1", Now)), above), "signature");
        Refused(await ShowAsync("dev1", null, Tampered(line.Issue("CN=dev1", Now)), [line.Certificate, .. above]), "signature");
        Refused(await ShowAsync("dev1", null, line.Issue("CN=dev1", Now), [Tampered(line.Certificate), .. above]), "signature");
        Refused(await ShowAsync("dev1", null, root.Issue("CN=dev1", Now), above));
        Refused(await ShowAsync("dev1", null, root.Intermediate("Other", Now).Issue("CN=dev1", Now), above));
    }

    [Fact]
    public async Task A_device_certificate_issues_no_other()
    {
        var root = await AddAsync("root", TestAuthority.Root("Root", Now));
        var device = root.Intermediate("dev2", Now, isAuthority: false);
        Refused(await ShowAsync("dev1", null, device.Issue("CN=dev1", Now), device.Certificate), "no CA");
    }

    [Fact]
    public async Task A_CA_with_path_length_zero_has_no_CA_below_it()
    {
        var root = await AddAsync("root", TestAuthority.Root("Root", Now, pathLength: 0));
        var below = root.Intermediate("Below", Now);
        (await ShowAsync("dev1", null, root.Issue("CN=dev1", Now))).Refusal.ShouldBeNull();
        Refused(await ShowAsync("dev1", null, below.Issue("CN=dev1", Now), below.Certificate));
    }

    [Fact]
    public async Task A_CA_itself_is_no_device()
    {
        Register("Root");
        var root = await AddAsync("root", TestAuthority.Root("Root", Now));
        Refused(await ShowAsync("Root", null, root.Certificate));
    }

    [Theory]
    [InlineData(null, null, true)]
    [InlineData(X509KeyUsageFlags.DigitalSignature, "1.3.6.1.5.5.7.3.2", true)]
    [InlineData(X509KeyUsageFlags.KeyEncipherment, null, false)]
    [InlineData(X509KeyUsageFlags.CrlSign, null, false)]
    [InlineData(X509KeyUsageFlags.DigitalSignature, "1.3.6.1.5.5.7.3.1", false)]
    [InlineData(null, "1.3.6.1.5.5.7.3.3", false)]
    public async Task The_purposes_of_the_certificate_count(X509KeyUsageFlags? usage, string? purpose, bool accepted)
    {
        var root = await AddAsync("root", TestAuthority.Root("Root", Now));
        var outcome = await ShowAsync("dev1", null, root.Issue("CN=dev1", Now, usage: usage, purpose: purpose));
        if (accepted)
            outcome.Refusal.ShouldBeNull(outcome.Refusal?.Text);
        else
            Refused(outcome, "usage");
    }

    [Fact]
    public async Task Two_CAs_of_the_same_name_each_let_their_own_in()
    {
        var old = await AddAsync("old", TestAuthority.Root("Root", Now));
        var next = await AddAsync("next", TestAuthority.Root("Root", Now, rsa: true));
        foreach (var identified in (bool[])[true, false])
        {
            (await ShowAsync("dev1", null, old.Issue("CN=dev1", Now, identified: identified))).Refusal.ShouldBeNull();
            (await ShowAsync("dev1", null, next.Issue("CN=dev1", Now, identified: identified))).Refusal.ShouldBeNull();
        }
    }

    [Theory]
    [InlineData("sas")]
    [InlineData("self")]
    [InlineData("nobody")]
    public async Task The_CA_counts_only_for_devices_that_are_registered_for_it(string device)
    {
        var root = await AddAsync("root", TestAuthority.Root("Root", Now));
        Refused(await ShowAsync(device, null, root.Issue($"CN={device}", Now)));
    }

    [Fact]
    public async Task A_hub_without_CAs_says_so()
    {
        var root = TestAuthority.Root("Root", Now);
        Refused(await ShowAsync("dev1", null, root.Issue("CN=dev1", Now)), "CN=Root");
        var without = new DeviceAuthenticator(_store, new Dictionary<string, SharedAccessPolicy>(), new TokenRules(new HashSet<string>(), _time));
        (await without.AuthenticateAsync(new DeviceCredentials("dev1", null, null, root.Issue("CN=dev1", Now)), default)).Refusal.ShouldNotBeNull();
    }

    [Fact]
    public async Task What_a_CA_let_in_holds_as_long_as_the_CA_is_there_and_verified()
    {
        var root = await AddAsync("root", TestAuthority.Root("Root", Now));
        await AddAsync("other", TestAuthority.Root("Other", Now));
        var device = (await ShowAsync("dev1", null, root.Issue("CN=dev1", Now))).Value!;
        var entry = (await _authorities.FindAsync("root", default))!;
        await _authorities.ReplaceAsync(entry with { Verified = false }, entry.ETag, default);
        (await _authenticator.StillHoldsAsync(device, default)).ShouldBeFalse();
        await _authorities.ReplaceAsync(entry, entry.ETag, default);
        (await _authenticator.StillHoldsAsync(device, default)).ShouldBeTrue();
        await _authorities.DeleteAsync("root", entry.ETag, default);
        (await _authenticator.StillHoldsAsync(device, default)).ShouldBeFalse();
    }

    private static void Refused(Outcome<AuthenticatedDevice> outcome, params string[] words)
    {
        outcome.Refusal.ShouldNotBeNull().Error.ShouldBe(HubErrors.IotHubUnauthorized);
        outcome.Refusal.Fix.ShouldNotBeNullOrEmpty();
        foreach (var word in words)
            outcome.Refusal.Text.ShouldContain(word);
    }

    /// <summary>The same certificate with another signature.</summary>
    private static X509Certificate2 Tampered(X509Certificate2 certificate)
    {
        var bytes = certificate.RawData;
        bytes[^1] ^= 1;
        return X509CertificateLoader.LoadCertificate(bytes);
    }

    private async Task<TestAuthority> AddAsync(string name, TestAuthority authority, bool verified = true)
    {
        var entry = new CaCertificate { Name = name, ETag = name, Certificate = authority.Certificate.RawData, Verified = verified, Created = Now, Updated = Now };
        (await _authorities.InsertAsync(entry, 25, default)).ShouldBeTrue();
        return authority;
    }

    private Task<Outcome<AuthenticatedDevice>> ShowAsync(string device, string? module, X509Certificate2 leaf, params X509Certificate2[] sent)
        => _authenticator.AuthenticateAsync(new DeviceCredentials(device, module, null, leaf) { Intermediates = [.. sent.Select(c => c.RawData)] }, default);

    private void Register(string device, string? module = null, AuthenticationType type = AuthenticationType.CertificateAuthority)
        => _store.InsertAsync(new Identity { DeviceId = device, ModuleId = module, GenerationId = "1", Authentication = new Authentication(type) }, null, default).IsCompletedSuccessfully.ShouldBeTrue();
}
