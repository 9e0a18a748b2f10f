using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Homeport.Contract.Errors;
using Homeport.Hub.Access.Certificates;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;

namespace Homeport.Tests.Hub.Access;

/// <summary>The CA certificates of a hub: upload, proof of possession, limits, and what ends when one goes.</summary>
public sealed class CertificateAuthoritiesTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly MemoryCertificateStore _store = new();
    private readonly LiveConnections _live = new();
    private readonly CertificateAuthorities _authorities;

    public CertificateAuthoritiesTests() => _authorities = new CertificateAuthorities(_store, _time, new IssuedConnections(_live).CloseAsync);

    private DateTimeOffset Now => _time.GetUtcNow();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_CA_is_uploaded_in_every_form_and_waits_for_its_proof(bool rsa)
    {
        var root = TestAuthority.Root("Root", Now, rsa);
        var forms = new[] { root.Pem, Convert.ToBase64String(Encoding.ASCII.GetBytes(root.Pem)), Convert.ToBase64String(root.Certificate.RawData), "Comment\n" + root.Pem + "\nmore" };
        foreach (var (form, i) in forms.Select((f, i) => (f, i)))
        {
            var put = Succeeded(await _authorities.PutAsync($"ca{i}", form, attested: false, IfMatch.Absent, default));
            (put.Verified, put.VerificationCode).ShouldBe((false, null));
            put.Certificate.ShouldBe(root.Certificate.RawData);
            Succeeded(await _authorities.GetAsync($"CA{i}", default)).ShouldBe(put);
            (await _authorities.DeleteAsync($"ca{i}", IfMatch.Absent, default)).ShouldBeNull();
        }
        (await _authorities.ListAsync(default)).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_no_certificate_is_refused_and_private_keys_are_not_read()
    {
        var root = TestAuthority.Root("Root", Now);
        using var key = ECDsa.Create();
        foreach (var text in new[] { null, "", "  ", "garbage!", "AAAA", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----", root.Pem + root.Pem, key.ExportPkcs8PrivateKeyPem(), root.Pem + "\n" + key.ExportPkcs8PrivateKeyPem(), new string('A', 40000) })
        {
            var refusal = (await _authorities.PutAsync("ca", text, attested: false, IfMatch.Absent, default)).Refusal.ShouldNotBeNull(text);
            refusal.Error.HttpStatus.ShouldBe(400);
            refusal.Text.ShouldNotContain(key.ExportPkcs8PrivateKeyPem()[40..80]);
        }
        (await _authorities.PutAsync("ca", root.Pem + "\n" + key.ExportPkcs8PrivateKeyPem(), attested: false, IfMatch.Absent, default)).Refusal!.Text.ShouldContain("private key");
        (await _authorities.ListAsync(default)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Only_a_CA_in_its_validity_with_a_strong_key_is_taken()
    {
        foreach (var (authority, word) in new[]
        {
            (TestAuthority.Root("Leaf", Now, isAuthority: false), "basic constraints"),
            (TestAuthority.Root("Old", Now, from: -10, days: -1), "expired"),
            (TestAuthority.Root("Early", Now, from: 1), "not valid before"),
            (TestAuthority.Root("Usage", Now, usage: X509KeyUsageFlags.DigitalSignature), "KeyCertSign"),
            (TestAuthority.Root("Weak", Now, rsa: true, bits: 1024), "1024 bits"),
        })
        {
            var refusal = (await _authorities.PutAsync("ca", authority.Pem, attested: false, IfMatch.Absent, default)).Refusal.ShouldNotBeNull(word);
            refusal.Text.ShouldContain(word);
        }
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var plain = new CertificateRequest("CN=plain", key, HashAlgorithmName.SHA256).CreateSelfSigned(Now.AddDays(-1), Now.AddDays(1));
        (await _authorities.PutAsync("ca", plain.ExportCertificatePem(), attested: false, IfMatch.Absent, default)).Refusal!.Text.ShouldContain("basic constraints");
    }

    [Theory]
    [InlineData("")]
    [InlineData("with space")]
    [InlineData("a/b")]
    [InlineData("ä")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345")]
    public async Task Other_names_are_refused(string name)
        => (await _authorities.PutAsync(name, TestAuthority.Root("Root", Now).Pem, attested: false, IfMatch.Absent, default)).Refusal!.Error.ShouldBe(HubErrors.ArgumentInvalid);

    [Fact]
    public async Task The_code_is_random_and_a_certificate_for_it_verifies_the_CA_once()
    {
        var root = await AddAsync("ca", TestAuthority.Root("Root", Now));
        (await VerifyAsync("ca", root.Issue("CN=whatever", Now))).Refusal!.Text.ShouldContain("waits for no proof");
        var first = await CodeAsync("ca");
        var code = await CodeAsync("ca");
        code.Length.ShouldBe(48);
        code.ShouldNotBe(first);
        (await VerifyAsync("ca", root.Issue($"CN={first}", Now))).Refusal!.Text.ShouldContain("common name", customMessage: "a new code makes the old one worthless");
        (await VerifyAsync("ca", root.Issue($"CN={code.ToLowerInvariant()}", Now))).Refusal.ShouldNotBeNull();
        (await VerifyAsync("ca", root.Issue($"CN={code}x", Now))).Refusal.ShouldNotBeNull();
        (await VerifyAsync("ca", root.Issue($"O={code}", Now))).Refusal.ShouldNotBeNull();
        Succeeded(await _authorities.GetAsync("ca", default)).Verified.ShouldBeFalse();

        var proof = root.Issue($"CN={code}", Now, purpose: null);
        var verified = Succeeded(await VerifyAsync("ca", proof));
        (verified.Verified, verified.VerificationCode).ShouldBe((true, null));
        (await VerifyAsync("ca", proof)).Refusal!.Text.ShouldContain("waits for no proof");
        Succeeded(await _authorities.GetAsync("ca", default)).Verified.ShouldBeTrue();
    }

    [Fact]
    public async Task A_proof_of_another_key_or_another_time_is_refused()
    {
        var root = await AddAsync("ca", TestAuthority.Root("Root", Now));
        var code = await CodeAsync("ca");
        var other = TestAuthority.Root("Root", Now);
        (await VerifyAsync("ca", other.Issue($"CN={code}", Now))).Refusal.ShouldNotBeNull();
        (await VerifyAsync("ca", other.Issue($"CN={code}", Now, identified: false))).Refusal.ShouldNotBeNull();
        (await VerifyAsync("ca", root.Intermediate("Below", Now).Issue($"CN={code}", Now))).Refusal.ShouldNotBeNull();
        (await VerifyAsync("ca", TestAuthority.Root(code, Now).Certificate)).Refusal.ShouldNotBeNull();
        (await VerifyAsync("ca", root.Issue($"CN={code}", Now, from: -5, days: -1))).Refusal!.Text.ShouldContain("expired");
        (await VerifyAsync("ca", root.Issue($"CN={code}", Now, from: 1))).Refusal!.Text.ShouldContain("not valid before");
        Succeeded(await VerifyAsync("ca", root.Issue($"CN={code}", Now))).Verified.ShouldBeTrue();
    }

    [Fact]
    public async Task A_code_that_is_replaced_while_its_proof_is_checked_verifies_nothing()
    {
        var root = await AddAsync("ca", TestAuthority.Root("Root", Now));
        var code = await CodeAsync("ca");
        _store.BeforeWrite = () => CodeAsync("ca").IsCompletedSuccessfully.ShouldBeTrue();
        (await VerifyAsync("ca", root.Issue($"CN={code}", Now))).Refusal!.Error.ShouldBe(HubErrors.PreconditionFailed);
        Succeeded(await _authorities.GetAsync("ca", default)).Verified.ShouldBeFalse();
    }

    [Fact]
    public async Task Replacing_needs_the_condition_and_another_certificate_needs_another_proof()
    {
        var first = TestAuthority.Root("First", Now);
        var second = TestAuthority.Root("Second", Now);
        var put = await VerifiedAsync("ca", first);
        (await _authorities.PutAsync("ca", second.Pem, attested: false, IfMatch.Absent, default)).Refusal!.Error.ShouldBe(HubErrors.PreconditionFailed);
        (await _authorities.PutAsync("ca", second.Pem, attested: false, IfMatch.Parse("other"), default)).Refusal!.Error.ShouldBe(HubErrors.PreconditionFailed);
        (await _authorities.PutAsync("new", second.Pem, attested: false, IfMatch.Parse("*"), default)).Refusal!.Error.ShouldBe(HubErrors.NotFound);
        (await _authorities.PutAsync("new", first.Pem, attested: false, IfMatch.Absent, default)).Refusal!.Text.ShouldContain("'ca'");
        var same = Succeeded(await _authorities.PutAsync("ca", first.Pem, attested: false, IfMatch.Parse($"\"{put.ETag}\""), default));
        same.Verified.ShouldBeTrue();
        same.ETag.ShouldNotBe(put.ETag);
        _time.Advance(TimeSpan.FromHours(1));
        var replaced = Succeeded(await _authorities.PutAsync("ca", second.Pem, attested: false, IfMatch.Parse(same.ETag), default));
        replaced.Verified.ShouldBeFalse();
        (replaced.Created, replaced.Updated).ShouldBe((Now.AddHours(-1), Now));
    }

    [Fact]
    public async Task A_hub_has_25_at_most()
    {
        var root = TestAuthority.Root("Root", Now);
        for (var i = 0; i < 25; i++)
            await AddAsync($"ca{i}", root.Intermediate($"CA {i}", Now));
        var refusal = (await _authorities.PutAsync("ca25", root.Pem, attested: false, IfMatch.Absent, default)).Refusal!;
        refusal.Error.ShouldBe(HubErrors.IotHubQuotaExceeded);
        (await _authorities.DeleteAsync("ca7", IfMatch.Absent, default)).ShouldBeNull();
        (await _authorities.PutAsync("ca25", root.Pem, attested: false, IfMatch.Absent, default)).Refusal.ShouldBeNull();
    }

    [Fact]
    public async Task Unknown_names_and_stale_tags_are_refused()
    {
        var root = await AddAsync("ca", TestAuthority.Root("Root", Now));
        var stale = IfMatch.Parse("stale");
        (await _authorities.GetAsync("no", default)).Refusal!.Error.ShouldBe(HubErrors.NotFound);
        (await _authorities.DeleteAsync("no", IfMatch.Absent, default))!.Error.ShouldBe(HubErrors.NotFound);
        (await _authorities.GenerateCodeAsync("no", IfMatch.Absent, default)).Refusal!.Error.ShouldBe(HubErrors.NotFound);
        (await _authorities.VerifyAsync("no", root.Pem, IfMatch.Absent, default)).Refusal!.Error.ShouldBe(HubErrors.NotFound);
        (await _authorities.DeleteAsync("ca", stale, default))!.Error.ShouldBe(HubErrors.PreconditionFailed);
        (await _authorities.GenerateCodeAsync("ca", stale, default)).Refusal!.Error.ShouldBe(HubErrors.PreconditionFailed);
        (await _authorities.VerifyAsync("ca", root.Pem, stale, default)).Refusal!.Error.ShouldBe(HubErrors.PreconditionFailed);
        (await _authorities.ListAsync(default)).Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task When_a_CA_goes_the_connections_that_came_by_it_end(bool deleted)
    {
        var root = TestAuthority.Root("Root", Now);
        await VerifiedAsync("ca", root);
        var ends = new[] { Connect("d1", root), Connect("d1/m1", root) };
        var stays = new[] { Connect("d2"), Connect("d2/m1") };
        var changes = _live.Changes;
        if (deleted)
            (await _authorities.DeleteAsync("ca", IfMatch.Absent, default)).ShouldBeNull();
        else
            Succeeded(await _authorities.PutAsync("ca", TestAuthority.Root("Other", Now).Pem, attested: false, IfMatch.Parse("*"), default));
        ends.ShouldAllBe(l => l.Reason == CloseReason.IdentityChanged);
        stays.ShouldAllBe(l => l.Reason == CloseReason.None);
        _live.Changes.ShouldBeGreaterThan(changes);
    }

    [Fact]
    public async Task Connections_that_another_CA_let_in_stay()
    {
        var (gone, other) = (TestAuthority.Root("Gone", Now), TestAuthority.Root("Other", Now));
        await VerifiedAsync("gone", gone);
        await VerifiedAsync("other", other);
        var (ends, stays) = (Connect("d1", gone), Connect("d2", other));
        (await _authorities.DeleteAsync("gone", IfMatch.Absent, default)).ShouldBeNull();
        (ends.Reason, stays.Reason).ShouldBe((CloseReason.IdentityChanged, CloseReason.None));
    }

    private static CaCertificate Succeeded(Outcome<CaCertificate> outcome)
    {
        outcome.Refusal.ShouldBeNull(outcome.Refusal?.Text);
        return outcome.Value!;
    }

    private FakeLink Connect(string key, TestAuthority? authority = null)
    {
        var link = new FakeLink(key) { Authority = authority?.Certificate.GetCertHashString(System.Security.Cryptography.HashAlgorithmName.SHA256) };
        _live.Open(link);
        return link;
    }

    private async Task<TestAuthority> AddAsync(string name, TestAuthority authority)
    {
        Succeeded(await _authorities.PutAsync(name, authority.Pem, attested: false, IfMatch.Absent, default));
        return authority;
    }

    private async Task<CaCertificate> VerifiedAsync(string name, TestAuthority authority)
    {
        await AddAsync(name, authority);
        return Succeeded(await VerifyAsync(name, authority.Issue($"CN={await CodeAsync(name)}", Now)));
    }

    private async Task<string> CodeAsync(string name) => Succeeded(await _authorities.GenerateCodeAsync(name, IfMatch.Absent, default)).VerificationCode.ShouldNotBeNull();

    private Task<Outcome<CaCertificate>> VerifyAsync(string name, X509Certificate2 proof) => _authorities.VerifyAsync(name, proof.ExportCertificatePem(), IfMatch.Absent, default);
}
