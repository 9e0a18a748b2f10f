using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Registrations;

namespace Homeport.Tests.Provisioning;

public sealed class CertificateIssuanceTests : IDisposable
{
    private readonly TestApplication _app = new();
    private readonly X509Certificate2 _authority;
    private byte[] _key = [];

    public CertificateIssuanceTests()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=test CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        _authority = request.CreateSelfSigned(_app.Time.Now.AddDays(-1), _app.Time.Now.AddDays(100));
        _app.Issuers.Add("default", new AuthorityIssuer(_authority, TimeSpan.FromDays(30), _app.Time));
        _app.Link([.. _app.HubStores.Keys]);
    }

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task A_request_is_answered_by_a_chain_and_the_hub_knows_the_certificate()
    {
        await EnrollAsync();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var chain = await IssueAsync(Request("CN=Dev1", key));
        chain.Count.ShouldBe(2);
        using var leaf = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(chain[0]));
        leaf.Subject.ShouldBe("CN=dev1", "the name in the hub, as it is written there");
        leaf.PublicKey.ExportSubjectPublicKeyInfo().ShouldBe(key.ExportSubjectPublicKeyInfo());
        leaf.NotAfter.ToUniversalTime().ShouldBe(_app.Time.Now.AddDays(30).UtcDateTime, TimeSpan.FromSeconds(2));
        Convert.FromBase64String(chain[1]).ShouldBe(_authority.RawData);
        using var check = new X509Chain();
        check.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        check.ChainPolicy.CustomTrustStore.Add(_authority);
        check.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        check.ChainPolicy.VerificationTime = _app.Time.Now.UtcDateTime;
        check.Build(leaf).ShouldBeTrue();
        Known().ShouldBe(new Authentication(AuthenticationType.SelfSigned, PrimaryThumbprint: leaf.GetCertHashString(HashAlgorithmName.SHA256)));
    }

    [Fact]
    public async Task A_renewal_keeps_the_one_before_until_the_next()
    {
        await EnrollAsync();
        var thumbprints = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            _app.Time.Now += TimeSpan.FromMinutes(1);
            thumbprints.Add(ThumbprintOf((await IssueAsync(Request("CN=dev1")))[0]));
            Known().PrimaryThumbprint.ShouldBe(thumbprints[i]);
            Known().SecondaryThumbprint.ShouldBe(i == 0 ? null : thumbprints[i - 1]);
        }
        var listed = await _app.Issuance.OfAsync("DEV1", default);
        listed.Select(c => c.Thumbprint).ShouldBe(Enumerable.Reverse(thumbprints));
        (await _app.Issuance.StatusAsync(listed[2], default)).ShouldBe("superseded");
    }

    [Fact]
    public async Task A_device_renews_with_the_certificate_that_it_has()
    {
        await EnrollAsync();
        using var first = X509CertificateLoader.LoadCertificate(Convert.FromBase64String((await IssueAsync(Request("CN=dev1")))[0]));
        _app.Time.Now += TimeSpan.FromMinutes(1);
        var renewed = (await _app.RegisterAsync(TestApplication.Call("dev1", first) with { CertificateRequest = Request("CN=dev1") })).Good().Registration;
        renewed.Credential.ShouldBe(CredentialUsed.IssuedCertificate);
        Known().PrimaryThumbprint.ShouldBe(ThumbprintOf(renewed.IssuedChain.ShouldNotBeNull()[0]));
        Known().SecondaryThumbprint.ShouldBe(first.GetCertHashString(HashAlgorithmName.SHA256), "it is good until the device has changed over");
        (await _app.RegisterAsync(TestApplication.Call("dev1", first))).Good().Registration.IssuedChain.ShouldBeNull("without a request it keeps what it has");

        (await _app.RegisterAsync(TestApplication.Call("dev2", first))).Bad();
        using var stranger = new CertificateRequest("CN=dev1", ECDsa.Create(), HashAlgorithmName.SHA256).CreateSelfSigned(_app.Time.Now.AddDays(-1), _app.Time.Now.AddDays(1));
        (await _app.RegisterAsync(TestApplication.Call("dev1", stranger))).Bad().Seen.ShouldContain("its individual enrollment is for SymmetricKey");
        await _app.EnrollAsync(TestApplication.Individual("dev1") with { ProvisioningStatus = "disabled", ClientCertificateIssuancePolicy = new IssuancePolicyDescription("default") }, "*");
        (await _app.RegisterAsync(TestApplication.Call("dev1", first))).Good().Registration.Status.ShouldBe(RegistrationStatus.Disabled);
        await _app.EnrollAsync(TestApplication.Individual("dev1"), "*");
        (await _app.RegisterAsync(TestApplication.Call("dev1", first))).Bad();
    }

    [Fact]
    public async Task A_device_of_a_group_renews_too_but_not_past_an_individual_enrollment_that_came_since()
    {
        var group = await _app.EnrollAsync(TestApplication.Group("line") with { ClientCertificateIssuancePolicy = new IssuancePolicyDescription("default") });
        _key = Homeport.Contract.Access.DerivedKey.FromGroupKey(group.Attestation.PrimaryKey!, "dev1");
        using var first = X509CertificateLoader.LoadCertificate(Convert.FromBase64String((await IssueAsync(Request("CN=dev1")))[0]));
        var renewed = (await _app.RegisterAsync(TestApplication.Call("dev1", first) with { CertificateRequest = Request("CN=dev1") })).Good().Registration;
        renewed.EnrollmentGroupId.ShouldBe("line");
        await _app.EnrollAsync(TestApplication.Individual("dev1") with { ClientCertificateIssuancePolicy = new IssuancePolicyDescription("default") });
        (await _app.RegisterAsync(TestApplication.Call("dev1", first))).Bad();
    }

    [Fact]
    public async Task Registering_without_a_request_keeps_the_certificate_until_it_ends()
    {
        await EnrollAsync();
        var thumbprint = ThumbprintOf((await IssueAsync(Request("CN=dev1")))[0]);
        var again = (await _app.RegisterAsync(Call())).Good().Registration;
        again.IssuedChain.ShouldBeNull();
        Known().PrimaryThumbprint.ShouldBe(thumbprint);
        _app.Time.Now += TimeSpan.FromDays(31);
        (await _app.RegisterAsync(Call())).Good();
        Known().Type.ShouldBe(AuthenticationType.Sas);
    }

    [Fact]
    public async Task A_revoked_certificate_is_forgotten_by_the_hub_at_once()
    {
        await EnrollAsync();
        var first = ThumbprintOf((await IssueAsync(Request("CN=dev1")))[0]);
        _app.Time.Now += TimeSpan.FromMinutes(1);
        await IssueAsync(Request("CN=dev1"));
        var newest = (await _app.Issuance.OfAsync("dev1", default))[0];
        var revoked = (await _app.Issuance.RevokeAsync(newest.SerialNumber.ToLowerInvariant(), "lost", default)).Good();
        revoked.Reason.ShouldBe("lost");
        Known().ShouldBe(new Authentication(AuthenticationType.SelfSigned, PrimaryThumbprint: first));
        (await _app.Issuance.StatusAsync(revoked, default)).ShouldBe("revoked");
        (await _app.Issuance.RevokeAsync((await _app.Issuance.OfAsync("dev1", default))[1].SerialNumber, null, default)).Good();
        Known().ShouldBe(new Authentication(AuthenticationType.None));
        (await _app.Issuance.RevokeAsync("0123", null, default)).Bad().Error.ShouldBe(ProvisioningErrors.CertificateNotFound);
    }

    public static TheoryData<string, string> BadRequests => new()
    {
        { "other name", "common name 'dev2'" },
        { "no name", "common name ''" },
        { "two names", "common name ''" },
        { "alternative name", "other name 'hub.example'" },
        { "small RSA", "RSA key has 1024 bits" },
        { "other curve", "its key is on another curve" },
        { "wrong signature", "its signature is wrong" },
        { "something behind", "3 bytes are behind" },
        { "rubbish", "no PKCS #10 request" },
    };

    [Theory]
    [MemberData(nameof(BadRequests))]
    public async Task A_request_that_is_not_for_the_device_is_refused_and_changes_nothing(string kind, string seen)
    {
        await EnrollAsync();
        (await _app.RegisterAsync(Call())).Good();
        var refusal = (await _app.RegisterAsync(Call() with { CertificateRequest = Bad(kind) })).Bad();
        refusal.Error.ShouldBe(ProvisioningErrors.CertificateRequestRefused);
        refusal.Seen.ShouldContain(seen);
        (await _app.Issuance.OfAsync("dev1", default)).ShouldBeEmpty();
        Known().Type.ShouldBe(AuthenticationType.Sas);
    }

    [Fact]
    public async Task Without_a_policy_of_the_enrollment_nothing_is_issued()
    {
        _key = (await _app.EnrollAsync(TestApplication.Individual("dev1"))).Attestation.PrimaryKey!;
        (await _app.RegisterAsync(Call() with { CertificateRequest = Request("CN=dev1") })).Bad().Fix.ShouldContain("clientCertificateIssuancePolicy");
        var unknown = await _app.PutAsync(TestApplication.Individual("dev2") with { ClientCertificateIssuancePolicy = new IssuancePolicyDescription("nobody") });
        unknown.Bad().Seen.ShouldContain("there is no CA 'nobody'; there are default");
    }

    [Fact]
    public async Task A_signer_that_gives_something_else_than_it_should_is_caught()
    {
        _app.Issuers.Add("liar", new Liar(_authority));
        await EnrollAsync("liar");
        var reply = (await _app.Registrations.RegisterAsync(Call() with { CertificateRequest = Request("CN=dev1") }, default)).Good();
        var failure = reply.Failure.ShouldNotBeNull();
        failure.Error.ShouldBe(ProvisioningErrors.SignerFailed);
        failure.Seen.ShouldContain("another key than the request");
        _app.HubStore["dev1"].ShouldBeNull();
    }

    private async Task EnrollAsync(string authority = "default")
        => _key = (await _app.EnrollAsync(TestApplication.Individual("dev1") with { ClientCertificateIssuancePolicy = new IssuancePolicyDescription(authority) })).Attestation.PrimaryKey!;

    private RegistrationCall Call() => _app.Call("dev1", _key);

    private async Task<IReadOnlyList<string>> IssueAsync(byte[] request)
        => (await _app.RegisterAsync(Call() with { CertificateRequest = request })).Good().Registration.IssuedChain.ShouldNotBeNull();

    private Authentication Known() => _app.HubStore["dev1"].ShouldNotBeNull().Authentication;

    private static byte[] Request(string subject, ECDsa? key = null)
    {
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateRequest(subject, key ?? own, HashAlgorithmName.SHA256).CreateSigningRequest();
    }

    private static byte[] Bad(string kind)
    {
        using var rsa = RSA.Create(1024);
        using var key = ECDsa.Create(kind == "other curve" ? ECCurve.CreateFromFriendlyName("secp256k1") : ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(kind switch { "other name" => "CN=dev2", "no name" => "O=dev1", "two names" => "CN=dev1, CN=dev2", _ => "CN=dev1" }, key, HashAlgorithmName.SHA256);
        if (kind == "alternative name")
        {
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName("dev1");
            names.AddDnsName("hub.example");
            request.CertificateExtensions.Add(names.Build());
        }
        var bytes = kind == "small RSA"
            ? new CertificateRequest("CN=dev1", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSigningRequest()
            : request.CreateSigningRequest();
        if (kind == "wrong signature")
            bytes[^1] ^= 1;
        return kind switch { "something behind" => [.. bytes, 1, 2, 3], "rubbish" => [1, 2, 3], _ => bytes };
    }

    private static string ThumbprintOf(string certificate)
    {
        using var loaded = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(certificate));
        return loaded.GetCertHashString(HashAlgorithmName.SHA256);
    }

    private sealed class Liar(X509Certificate2 authority) : ICertificateIssuer
    {
        public Task<Outcome<X509Certificate2Collection>> IssueAsync(SigningOrder order, CancellationToken token)
            => Task.FromResult<Outcome<X509Certificate2Collection>>(new X509Certificate2Collection { X509CertificateLoader.LoadCertificate(authority.RawData) });
    }
}
