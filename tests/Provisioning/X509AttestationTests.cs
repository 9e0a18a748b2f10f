using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Homeport.Tests.Hub.Access;

namespace Homeport.Tests.Provisioning;

public sealed class X509AttestationTests
{
    private readonly TestApplication _app = new();

    private DateTimeOffset Now => _app.Time.Now;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_device_registers_with_its_primary_and_with_its_secondary_certificate(bool rsa)
    {
        var (first, second) = (SelfSigned("d1", rsa), SelfSigned("d1", rsa));
        await _app.EnrollAsync(Individual("d1", first, second) with { DeviceId = "press-7" });
        foreach (var (certificate, credential) in new[] { (first, CredentialUsed.PrimaryCertificate), (second, CredentialUsed.SecondaryCertificate) })
        {
            var view = (await _app.RegisterAsync(TestApplication.Call("d1", certificate))).Good();
            view.Registration.Status.ShouldBe(RegistrationStatus.Assigned);
            view.Registration.Credential.ShouldBe(credential);
            view.AuthenticationKey.ShouldBeNull();
        }
        var known = _app.HubStore["press-7"]!.Authentication;
        known.Type.ShouldBe(AuthenticationType.SelfSigned);
        known.PrimaryThumbprint.ShouldBe(first.GetCertHashString(HashAlgorithmName.SHA256));
        known.SecondaryThumbprint.ShouldBe(second.GetCertHashString(HashAlgorithmName.SHA256));
    }

    [Fact]
    public async Task Rolling_takes_the_old_certificate_out()
    {
        var (old, renewed) = (SelfSigned("d1"), SelfSigned("d1"));
        await _app.EnrollAsync(Individual("d1", old));
        (await _app.RegisterAsync(TestApplication.Call("d1", old))).Good();
        await _app.EnrollAsync(Individual("d1", old, renewed), "*");
        (await _app.RegisterAsync(TestApplication.Call("d1", renewed))).Good();
        await _app.EnrollAsync(Individual("d1", renewed), "*");
        (await _app.RegisterAsync(TestApplication.Call("d1", old))).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
        (await _app.RegisterAsync(TestApplication.Call("d1", renewed))).Good();
        _app.HubStore["d1"]!.Authentication.SecondaryThumbprint.ShouldBeNull();
    }

    [Fact]
    public async Task An_entry_that_was_read_keeps_its_certificates_when_it_is_sent_back_with_their_places_changed()
    {
        var (first, second) = (SelfSigned("d1"), SelfSigned("d1"));
        var enrolled = await _app.EnrollAsync(Individual("d1", first, second));
        var shown = EnrollmentForm.Show(enrolled);
        var pair = shown.Attestation!.X509!.ClientCertificates!;
        pair.Primary!.Certificate.ShouldBeNull();
        pair.Primary.Info!.SubjectName.ShouldBe("CN=d1");
        var swapped = shown with { Attestation = shown.Attestation with { X509 = new X509AttestationDescription { ClientCertificates = new CertificatePairDescription(pair.Secondary, pair.Primary) } } };
        var again = await _app.EnrollAsync(swapped, "*");
        again.Attestation.Certificates!.Primary.ShouldBe(second.RawData);
        again.Attestation.Certificates.Secondary.ShouldBe(first.RawData);
    }

    [Theory]
    [InlineData("other", "common name 'other'")]
    [InlineData("expired", "expired")]
    [InlineData("early", "not valid before")]
    [InlineData("stranger", "thumbprint")]
    [InlineData("none", "without a client certificate")]
    public async Task What_does_not_fit_an_individual_enrollment_is_refused(string what, string seen)
    {
        var certificate = what switch
        {
            "other" => SelfSigned("other"),
            "expired" => SelfSigned("d1", days: -1, from: -3),
            "early" => SelfSigned("d1", from: 2),
            _ => SelfSigned("d1"),
        };
        await _app.EnrollAsync(Individual("d1", what == "stranger" ? SelfSigned("d1") : certificate));
        var call = TestApplication.Call("d1", certificate);
        var refusal = (await _app.RegisterAsync(what == "none" ? call with { Certificate = null } : call)).Bad();
        refusal.Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
        $"{refusal.Seen} {refusal.Fix}".ShouldContain(what == "none" ? "showed no client certificate" : seen);
        _app.RegistrationStore.Count.ShouldBe(0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_group_takes_the_chain_that_a_device_sends(bool rsa)
    {
        var root = TestAuthority.Root("Root", Now, rsa);
        var factory = root.Intermediate("Factory", Now, rsa);
        var line = factory.Intermediate("Line", Now, rsa);
        await _app.EnrollAsync(Group("g1", root.Certificate));
        var device = line.Issue("CN=d1", Now, rsa);
        var view = (await _app.RegisterAsync(TestApplication.Call("d1", device, line.Certificate, factory.Certificate))).Good();
        view.Registration.EnrollmentGroupId.ShouldBe("g1");
        view.Registration.DeviceId.ShouldBe("d1");
        _app.HubStore["d1"]!.Authentication.PrimaryThumbprint.ShouldBe(device.GetCertHashString(HashAlgorithmName.SHA256));

        var gap = (await _app.RegisterAsync(TestApplication.Call("d1", device, factory.Certificate))).Bad();
        gap.Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
        gap.Seen.ShouldContain("whose issuer is 'CN=Line'");
    }

    [Fact]
    public async Task A_chain_that_the_server_holds_need_not_be_sent()
    {
        var root = TestAuthority.Root("Root", Now);
        var line = root.Intermediate("Line", Now);
        await _app.EnrollAsync(Group("g1", root.Certificate));
        (await _app.RegisterAsync(TestApplication.Call("d1", line.Issue("CN=d1", Now)))).Bad();
        (await _app.Authorities.PutAsync("line", line.Pem, attested: false, IfMatch.Absent, TestApplication.None)).Good();
        (await _app.RegisterAsync(TestApplication.Call("d1", line.Issue("CN=d1", Now)))).Good();
    }

    [Fact]
    public async Task The_nearest_CA_decides_and_a_disabled_one_shuts_its_devices_out()
    {
        var root = TestAuthority.Root("Root", Now);
        var (good, stolen) = (root.Intermediate("Good", Now), root.Intermediate("Stolen", Now));
        await _app.EnrollAsync(Group("all", root.Certificate));
        await _app.EnrollAsync(Group("blocked", stolen.Certificate) with { ProvisioningStatus = "disabled" });
        (await _app.RegisterAsync(TestApplication.Call("d1", good.Issue("CN=d1", Now), good.Certificate))).Good().Registration.EnrollmentGroupId.ShouldBe("all");
        var blocked = (await _app.RegisterAsync(TestApplication.Call("d2", stolen.Issue("CN=d2", Now), stolen.Certificate))).Good().Registration;
        blocked.Status.ShouldBe(RegistrationStatus.Disabled);
        _app.HubStore["d2"].ShouldBeNull();
    }

    [Fact]
    public async Task A_disabled_individual_enrollment_blocks_one_device_of_a_group()
    {
        var root = TestAuthority.Root("Root", Now);
        await _app.EnrollAsync(Group("g1", root.Certificate));
        var device = root.Issue("CN=d1", Now);
        (await _app.RegisterAsync(TestApplication.Call("d1", device))).Good().Registration.Status.ShouldBe(RegistrationStatus.Assigned);
        await _app.EnrollAsync(Individual("d1", device) with { ProvisioningStatus = "disabled" });
        (await _app.RegisterAsync(TestApplication.Call("d1", device))).Good().Registration.Status.ShouldBe(RegistrationStatus.Disabled);
        (await _app.RegisterAsync(TestApplication.Call("d1", root.Issue("CN=d1", Now)))).Bad();
    }

    [Fact]
    public async Task A_CA_by_name_counts_once_it_is_verified()
    {
        var root = TestAuthority.Root("Root", Now);
        await _app.EnrollAsync(Group("g1", new X509AttestationDescription { CaReferences = new CaReferencesDescription("factory") }));
        var call = TestApplication.Call("d1", root.Issue("CN=d1", Now));
        (await _app.RegisterAsync(call)).Bad();
        (await _app.Authorities.PutAsync("factory", root.Pem, attested: false, IfMatch.Absent, TestApplication.None)).Good();
        (await _app.RegisterAsync(call)).Bad().Seen.ShouldContain("'factory' is not verified");
        var code = (await _app.Authorities.GenerateCodeAsync("factory", IfMatch.Parse("*"), TestApplication.None)).Good().VerificationCode!;
        (await _app.Authorities.VerifyAsync("factory", root.Issue("CN=wrong", Now).ExportCertificatePem(), IfMatch.Parse("*"), TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.InvalidArgument);
        (await _app.Authorities.VerifyAsync("factory", root.Issue($"CN={code}", Now).ExportCertificatePem(), IfMatch.Parse("*"), TestApplication.None)).Good();
        (await _app.RegisterAsync(call)).Good().Registration.EnrollmentGroupId.ShouldBe("g1");
    }

    [Fact]
    public async Task A_revoked_certificate_is_refused_at_once_and_an_older_list_does_not_bring_it_back()
    {
        var (root, key) = RootWithKey();
        await _app.EnrollAsync(Group("g1", root));
        (await _app.Authorities.PutAsync("root", root.ExportCertificatePem(), attested: true, IfMatch.Absent, TestApplication.None)).Good();
        var (lost, kept) = (Issue(root, key, "lost"), Issue(root, key, "kept"));
        (await _app.RegisterAsync(TestApplication.Call("lost", lost))).Good();
        (await _app.Authorities.PutListAsync("root", List(root, key, Now, lost), TestApplication.None)).Good().Count.ShouldBe(1);
        (await _app.RegisterAsync(TestApplication.Call("lost", lost))).Bad().Seen.ShouldContain("revoked");
        (await _app.RegisterAsync(TestApplication.Call("kept", kept))).Good();

        (await _app.Authorities.PutListAsync("root", List(root, key, Now.AddDays(-1)), TestApplication.None)).Bad().Seen.ShouldContain("older");
        var (_, stranger) = RootWithKey();
        (await _app.Authorities.PutListAsync("root", List(root, stranger, Now.AddDays(1)), TestApplication.None)).Bad().Seen.ShouldContain("not signed");
        _app.Time.Now += TimeSpan.FromDays(8);
        (await _app.RegisterAsync(TestApplication.Call("lost", lost))).Bad().Seen.ShouldContain("revoked", customMessage: "a list past its time still counts");
    }

    [Fact]
    public async Task A_certificate_that_only_claims_an_issuer_is_refused()
    {
        var root = TestAuthority.Root("Root", Now);
        var forger = TestAuthority.Root("Root", Now);
        await _app.EnrollAsync(Group("g1", root.Certificate));
        var refusal = (await _app.RegisterAsync(TestApplication.Call("d1", forger.Issue("CN=d1", Now), forger.Certificate))).Bad();
        refusal.Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
        var noAuthority = root.Issue("CN=d2", Now);
        (await _app.RegisterAsync(TestApplication.Call("d1", forger.Issue("CN=d1", Now), noAuthority))).Bad();
    }

    [Fact]
    public async Task Certificate_bombs_are_refused_with_a_reason_and_in_bounded_time()
    {
        var root = TestAuthority.Root("Root", Now);
        await _app.EnrollAsync(Group("g1", root.Certificate));
        using var key = TestAuthority.NewKey(rsa: false);
        var large = new CertificateRequest("CN=d1", (ECDsa)key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        for (var i = 0; i < 2000; i++)
            names.AddDnsName($"name-{i}.example");
        large.CertificateExtensions.Add(names.Build());
        using var bomb = large.CreateSelfSigned(Now.AddDays(-1), Now.AddDays(1));
        (await _app.RegisterAsync(TestApplication.Call("d1", bomb))).Bad().Seen.ShouldContain("bytes, more than 16384");

        // Deeper than any PKI of devices.
        var deep = new List<TestAuthority> { root };
        for (var i = 0; i < 12; i++)
            deep.Add(deep[^1].Intermediate($"CA {i}", Now));
        (await _app.RegisterAsync(TestApplication.Call("d1", deep[^1].Issue("CN=d1", Now), [.. deep.Skip(1).Select(a => a.Certificate)]))).Bad();

        // Two CAs that certify each other, and many of one name, none of which signed.
        var (one, two) = (TestAuthority.Root("One", Now), TestAuthority.Root("Two", Now));
        (await _app.RegisterAsync(TestApplication.Call("d1", one.Issue("CN=d1", Now), one.Certify(two, Now), two.Certify(one, Now)))).Bad();
        X509Certificate2[] namesakes = [.. Enumerable.Range(0, 8).Select(_ => root.Certify(TestAuthority.Root("Line", Now), Now))];
        (await _app.RegisterAsync(TestApplication.Call("d1", TestAuthority.Root("Line", Now).Issue("CN=d1", Now), namesakes))).Bad().Seen.ShouldContain("is not accepted under");
        (await _app.RegisterAsync(TestApplication.Call("d1", root.Issue("CN=d1", Now)))).Good().Registration.Status.ShouldBe(RegistrationStatus.Assigned);
    }

    [Fact]
    public async Task Devices_of_a_line_that_send_the_same_CA_are_each_checked_and_a_revoked_one_stays_out()
    {
        var root = TestAuthority.Root("Root", Now, usage: X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign);
        var line = root.Intermediate("Line", Now);
        await _app.EnrollAsync(Group("g1", root.Certificate));
        for (var i = 0; i < 3; i++)
            (await _app.RegisterAsync(TestApplication.Call($"d{i}", line.Issue($"CN=d{i}", Now), line.Certificate))).Good().Registration.Status.ShouldBe(RegistrationStatus.Assigned);
        var forged = TestAuthority.Root("Line", Now).Issue("CN=d3", Now);
        (await _app.RegisterAsync(TestApplication.Call("d3", forged, line.Certificate))).Bad();
        (await _app.Authorities.PutAsync("root", root.Pem, attested: true, IfMatch.Absent, TestApplication.None)).Good();
        (await _app.Authorities.PutListAsync("root", root.Revoke(Now, line.Certificate), TestApplication.None)).Good();
        (await _app.RegisterAsync(TestApplication.Call("d4", line.Issue("CN=d4", Now), line.Certificate))).Bad().Seen.ShouldContain("certificate 'CN=Line': it was revoked by its issuer");
        _app.Time.Now += TimeSpan.FromDays(21);
        (await _app.RegisterAsync(TestApplication.Call("d5", line.Issue("CN=d5", Now), line.Certificate))).Bad();
    }

    [Fact]
    public async Task A_group_whose_CA_is_renewed_takes_both_certificates_of_one_name()
    {
        var (old, renewed) = (TestAuthority.Root("Root", Now), TestAuthority.Root("Root", Now));
        await _app.EnrollAsync(Group("g1", old.Certificate, renewed.Certificate));
        (await _app.RegisterAsync(TestApplication.Call("d1", old.Issue("CN=d1", Now)))).Good().Registration.Credential.ShouldBe(CredentialUsed.PrimaryCertificate);
        (await _app.RegisterAsync(TestApplication.Call("d1", renewed.Issue("CN=d1", Now)))).Good().Registration.Credential.ShouldBe(CredentialUsed.SecondaryCertificate);
    }

    [Theory]
    [InlineData("clientCertificates", "a group has no certificate of a device")]
    [InlineData("leaf", "cannot be the certificate of a CA")]
    [InlineData("empty", "no certificate in it")]
    [InlineData("text", "neither PEM nor Base64")]
    public async Task What_is_no_CA_cannot_be_enrolled_for_a_group(string what, string reason)
    {
        var leaf = new CertificatePairDescription(new CertificateWithInfo(SelfSigned("d1").ExportCertificatePem()));
        var sent = what switch
        {
            "clientCertificates" => new X509AttestationDescription { ClientCertificates = leaf },
            "leaf" => new X509AttestationDescription { SigningCertificates = leaf },
            "text" => new X509AttestationDescription { SigningCertificates = new CertificatePairDescription(new CertificateWithInfo("!")) },
            _ => new X509AttestationDescription { SigningCertificates = new CertificatePairDescription(null) },
        };
        var refusal = (await _app.PutAsync(Group("g1", sent))).Bad();
        refusal.Error.ShouldBe(ProvisioningErrors.InvalidArgument);
        refusal.Seen.ShouldContain(reason);
    }

    internal static EnrollmentDescription Group(string id, X509Certificate2 primary, X509Certificate2? secondary = null) => Group(id, new X509AttestationDescription
    {
        SigningCertificates = new CertificatePairDescription(new CertificateWithInfo(primary.ExportCertificatePem()), secondary is null ? null : new CertificateWithInfo(Convert.ToBase64String(secondary.RawData))),
    });

    private static EnrollmentDescription Group(string id, X509AttestationDescription x509) => new() { EnrollmentGroupId = id, Attestation = new AttestationDescription { Type = "x509", X509 = x509 } };

    private static EnrollmentDescription Individual(string id, X509Certificate2 primary, X509Certificate2? secondary = null) => TestApplication.Individual(id, new AttestationDescription
    {
        Type = "x509",
        X509 = new X509AttestationDescription
        {
            ClientCertificates = new CertificatePairDescription(new CertificateWithInfo(primary.ExportCertificatePem()), secondary is null ? null : new CertificateWithInfo(secondary.ExportCertificatePem())),
        },
    });

    private X509Certificate2 SelfSigned(string name, bool rsa = false, int from = -1, int days = 10)
    {
        using var key = TestAuthority.NewKey(rsa);
        var request = key is RSA r
            ? new CertificateRequest($"CN={name}", r, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest($"CN={name}", (ECDsa)key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(Now.AddDays(from), Now.AddDays(days));
    }

    private (X509Certificate2 Certificate, ECDsa Key) RootWithKey()
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Root", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return (request.CreateSelfSigned(Now.AddDays(-1), Now.AddDays(100)), key);
    }

    private X509Certificate2 Issue(X509Certificate2 root, ECDsa key, string name)
    {
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateRequest($"CN={name}", own, HashAlgorithmName.SHA256)
            .Create(root.SubjectName, X509SignatureGenerator.CreateForECDsa(key), Now.AddDays(-1), Now.AddDays(50), RandomNumberGenerator.GetBytes(12));
    }

    private static byte[] List(X509Certificate2 root, ECDsa key, DateTimeOffset time, params X509Certificate2[] revoked)
    {
        var builder = new CertificateRevocationListBuilder();
        foreach (var certificate in revoked)
            builder.AddEntry(certificate);
        return builder.Build(root.SubjectName, X509SignatureGenerator.CreateForECDsa(key), 1, time.AddDays(7), HashAlgorithmName.SHA256, X509AuthorityKeyIdentifierExtension.CreateFromCertificate(root, true, false), time);
    }
}
