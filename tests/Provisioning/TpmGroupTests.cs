using System.IO.Pipelines;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Structures;

namespace Homeport.Tests.Provisioning;

public sealed class TpmGroupTests
{
    private static readonly SoftwareTpm One = SoftwareTpm.Known;
    private static readonly SoftwareTpm Two = SoftwareTpm.Create();
    private readonly TestApplication _app = new();
    private readonly TestManufacturer _maker;

    public TpmGroupTests() => _maker = new TestManufacturer(_app.Time.Now);

    [Fact]
    public async Task A_chip_registers_by_its_certificate_keeps_its_key_and_polls_without_it()
    {
        await _app.EnrollAsync(Group("g1", signing: _maker.Root));
        var view = (await RegisterAsync("d1", One, _maker.Certify(One), _maker.Issuer)).Good();
        view.Registration.EnrollmentGroupId.ShouldBe("g1");
        view.Registration.Credential.ShouldBe(CredentialUsed.EndorsementCertificate);
        var key = One.Activate(view.AuthenticationKey.ShouldNotBeNull());
        _app.HubStore["d1"]!.Authentication.PrimaryKey.ShouldBe(key);

        var owned = One.WithNewOwner();
        var again = (await RegisterAsync("d1", owned, _maker.Certify(One), _maker.Issuer)).Good();
        owned.Activate(again.AuthenticationKey!).ShouldBe(key, "the chip is the same, its owner another");
    }

    [Fact]
    public async Task An_unmodified_device_shows_its_certificate_in_the_payload()
    {
        await _app.EnrollAsync(Group("g1", signing: _maker.Root));
        var body = JsonSerializer.SerializeToUtf8Bytes(new
        {
            tpm = new { endorsementKey = Convert.ToBase64String(One.EndorsementKey), storageRootKey = Convert.ToBase64String(One.StorageRootKey) },
            payload = new { modelId = "dtmi:a:b;1", endorsementCertificate = Convert.ToBase64String(_maker.Certify(One).RawData), endorsementCertificateChain = new[] { _maker.Issuer.ExportCertificatePem() } },
        });
        var call = new RegistrationCall { IdScope = TestApplication.IdScope, RegistrationId = "d1", ApiVersion = "2019-03-31" }.WithBody(body).Good();
        var view = (await _app.RegisterAsync(await _app.AnswerAsync(call, One))).Good();
        view.Registration.EnrollmentGroupId.ShouldBe("g1");
        view.Registration.ModelId.ShouldBe("dtmi:a:b;1");
    }

    [Theory]
    [InlineData("other key", "for another key")]
    [InlineData("other maker", "no TPM group trusts its issuer")]
    [InlineData("same name", "not accepted under")]
    [InlineData("no issuer", "not accepted under|no TPM group trusts")]
    [InlineData("manufacturer", "its manufacturer is 'id:414D4400' (AMD)")]
    [InlineData("model", "its model is 'SLB9665'")]
    [InlineData("version", "its version is 'id:0006'")]
    [InlineData("purpose", "extended key usage")]
    [InlineData("none", "certificate of the endorsement key: not shown")]
    public async Task A_certificate_that_does_not_fit_is_refused_and_the_operator_reads_why(string what, string reason)
    {
        await _app.EnrollAsync(Group("g1", signing: _maker.Root, filter: new TpmFilterDescription("IFX", "SLB9670", "id:0007*")));
        var forger = new TestManufacturer(_app.Time.Now);
        var stranger = new TestManufacturer(_app.Time.Now, "Stranger");
        var (certificate, issuer) = what switch
        {
            "other key" => (_maker.Certify(Two), _maker.Issuer),
            "other maker" => (stranger.Certify(One), stranger.Issuer),
            "same name" => (forger.Certify(One), forger.Issuer),
            "no issuer" => (_maker.Certify(One), null),
            "manufacturer" => (_maker.Certify(One, manufacturer: "id:414D4400"), _maker.Issuer),
            "model" => (_maker.Certify(One, model: "SLB9665"), _maker.Issuer),
            "version" => (_maker.Certify(One, version: "id:0006"), _maker.Issuer),
            "purpose" => (_maker.Certify(One, purpose: "1.3.6.1.5.5.7.3.2"), _maker.Issuer),
            _ => ((X509Certificate2?)null, (X509Certificate2?)null),
        };
        var refusal = (await RegisterAsync("d1", One, certificate, issuer)).Bad();
        refusal.Error.ShouldBe(ProvisioningErrors.EnrollmentNotFound);
        var explained = string.Join('\n', refusal.Tried!);
        reason.Split('|').ShouldContain(r => explained.Contains(r, StringComparison.Ordinal), explained);
        _app.RegistrationStore.Count.ShouldBe(0);
        _app.HubStore.Writes.ShouldBe(0);
    }

    [Fact]
    public async Task A_list_takes_keys_in_every_form_and_binds_them_to_a_name()
    {
        await _app.EnrollAsync(Group("g1"));
        var bare = Convert.ToBase64String(One.EndorsementKey.AsSpan(2));
        TpmPublic.TryParse(Two.EndorsementKey, out var area, out _).ShouldBeTrue();
        var done = await ImportAsync("g1", $"registrationId,endorsementKey,endorsementCertificate\nd1,{bare},\n\"d2\",,{Convert.ToBase64String(_maker.Certify(Two).RawData)}\n# a remark\nd3,AAAA,\n,,\n");
        done.Rows.ShouldBe(4);
        done.Added.ShouldBe(2);
        done.Invalid.ShouldBe(2);
        done.Errors.ShouldContain(e => e.StartsWith("line 5: ", StringComparison.Ordinal));
        (await _app.Lists.ListAsync("g1", null, 10, TestApplication.None)).Good().Keys.Select(k => k.RegistrationId).ShouldBe(["d1", "d2"], ignoreOrder: true);

        (await RegisterAsync("d1", One)).Good().Registration.Credential.ShouldBe(CredentialUsed.EndorsementKey);
        (await RegisterAsync("d9", Two)).Bad().Tried!.ShouldContain(t => t.Contains("for the registration id 'd2'", StringComparison.Ordinal));
        (await ImportAsync("g1", bare)).Known.ShouldBe(1, "a key without a header, which the group has");

        (await _app.Lists.DeleteAsync("g1", Convert.ToHexString(EndorsementKeyForm.HashOf(area!)), TestApplication.None)).ShouldBeNull();
        (await RegisterAsync("d2", Two)).Bad().Error.ShouldBe(ProvisioningErrors.EnrollmentNotFound);
    }

    [Fact]
    public async Task A_key_is_in_one_group_and_goes_with_it()
    {
        await _app.EnrollAsync(Group("g1"));
        await _app.EnrollAsync(Group("g2"));
        var key = Convert.ToBase64String(One.EndorsementKey);
        (await ImportAsync("g1", key)).Added.ShouldBe(1);
        (await ImportAsync("g2", key)).InOtherGroup.ShouldBe(1);
        (await _app.Enrollments.DeleteAsync(EnrollmentKind.Group, "g1", IfMatch.Absent, TestApplication.None)).ShouldBeNull();
        (await ImportAsync("g2", key)).Added.ShouldBe(1);
        (await RegisterAsync("d1", One)).Good().Registration.EnrollmentGroupId.ShouldBe("g2");
    }

    [Fact]
    public async Task A_key_that_left_the_list_gets_no_hub_key_by_polling()
    {
        await _app.EnrollAsync(Group("g1"));
        await ImportAsync("g1", Convert.ToBase64String(One.EndorsementKey));
        var call = await _app.AnswerAsync(TestApplication.Call("d1", One), One);
        var operation = (await _app.Registrations.RegisterAsync(call, TestApplication.None)).Good().OperationId!;
        (await _app.Registrations.PollAsync(call with { Tpm = null }, operation, TestApplication.None)).Good();
        (await _app.Lists.DeleteAsync("g1", Convert.ToHexString(call.Tpm!.Hash), TestApplication.None)).ShouldBeNull();
        (await _app.Registrations.PollAsync(call with { Tpm = null }, operation, TestApplication.None)).Bad();
    }

    [Fact]
    public async Task A_chip_of_a_group_cannot_take_the_name_of_another_device()
    {
        await _app.EnrollAsync(Group("g1", signing: _maker.Root));
        (await RegisterAsync("d1", One, _maker.Certify(One), _maker.Issuer)).Good();
        var refusal = (await RegisterAsync("D1", Two, _maker.Certify(Two), _maker.Issuer)).Bad();
        refusal.Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
        refusal.Seen.ShouldContain("that of another device");

        await _app.EnrollAsync(TestApplication.Individual("d5"));
        (await RegisterAsync("d5", Two, _maker.Certify(Two), _maker.Issuer)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);

        await _app.HubStore.InsertAsync(new Identity { DeviceId = "by-hand", GenerationId = "1", Authentication = new Authentication(AuthenticationType.Sas, new byte[32], new byte[32]) }, null, default);
        var failed = (await RegisterAsync("by-hand", Two, _maker.Certify(Two), _maker.Issuer)).Good().Registration;
        failed.Status.ShouldBe(RegistrationStatus.Failed);
        failed.ErrorCode.ShouldBe(ProvisioningErrors.DeviceTaken.Code);
        _app.HubStore["by-hand"]!.Authentication.PrimaryKey.ShouldBe(new byte[32]);
    }

    [Fact]
    public async Task One_chip_under_two_names_holds_both_until_one_is_deleted()
    {
        await _app.EnrollAsync(TestApplication.TpmEnrollment("first", One));
        await _app.EnrollAsync(TestApplication.TpmEnrollment("second", One));
        (await RegisterAsync("first", One)).Good().Registration.Status.ShouldBe(RegistrationStatus.Assigned);
        var second = (await RegisterAsync("second", One)).Good();
        second.Registration.ErrorCode.ShouldBe(ProvisioningErrors.EndorsementShared.Code);
        second.AuthenticationKey.ShouldBeNull();
        _app.HubStore["second"].ShouldBeNull();
        _app.HubStore["first"]!.Enabled.ShouldBeFalse();
        (await _app.Registrations.GetAsync("first", TestApplication.None)).Good().Status.ShouldBe(RegistrationStatus.Failed);
        (await RegisterAsync("first", One)).Good().Registration.Status.ShouldBe(RegistrationStatus.Assigned, "the second never got a place, so nothing speaks against the first");
        _app.HubStore["first"]!.Enabled.ShouldBeTrue();
    }

    [Fact]
    public async Task A_device_that_the_operator_disabled_is_not_let_in_when_its_hold_ends()
    {
        await _app.EnrollAsync(TestApplication.TpmEnrollment("first", One));
        await _app.EnrollAsync(TestApplication.TpmEnrollment("second", One));
        (await RegisterAsync("first", One)).Good();
        var registry = new IdentityRegistry(_app.HubStore, _app.Live, _app.Time);
        (await registry.SetEnabledAsync("first", enabled: false, "stolen", default)).Good();
        (await RegisterAsync("second", One)).Good().Registration.ErrorCode.ShouldBe(ProvisioningErrors.EndorsementShared.Code);
        (await RegisterAsync("first", One)).Good().Registration.Status.ShouldBe(RegistrationStatus.Assigned);
        _app.HubStore["first"]!.Enabled.ShouldBeFalse();
        _app.HubStore["first"]!.StatusReason.ShouldBe("stolen");
    }

    [Fact]
    public async Task While_the_hub_of_a_shared_chip_is_away_the_second_device_waits()
    {
        FlakyHub? flaky = null;
        _app.Between = (_, hub) => flaky = new FlakyHub(hub);
        _app.Link([.. _app.HubStores.Keys]);
        await _app.EnrollAsync(TestApplication.TpmEnrollment("first", One));
        await _app.EnrollAsync(TestApplication.TpmEnrollment("second", One));
        (await RegisterAsync("first", One)).Good();
        flaky!.IsAway = true;
        var refusal = (await RegisterAsync("second", One)).Bad();
        refusal.Error.ShouldBe(ProvisioningErrors.HubUnavailable);
        refusal.RetryAfter.ShouldBe(FlakyHub.Wait);
        (await _app.Registrations.GetAsync("second", TestApplication.None)).Bad();
        flaky.IsAway = false;
        (await RegisterAsync("second", One)).Good().Registration.ErrorCode.ShouldBe(ProvisioningErrors.EndorsementShared.Code);
        _app.HubStore["first"]!.Enabled.ShouldBeFalse();
    }

    [Fact]
    public async Task Both_forms_of_a_chip_and_its_certificate_are_one_enrollment()
    {
        // The same seed gives two keys for two templates; two software TPMs stand for them here.
        await _app.EnrollAsync(TestApplication.Individual("d1", new AttestationDescription
        {
            Type = "tpm",
            Tpm = new TpmAttestationDescription(Convert.ToBase64String(One.EndorsementKey)) { EndorsementCertificate = _maker.Certify(Two).ExportCertificatePem() },
        }));
        (await RegisterAsync("d1", One)).Good().Registration.Status.ShouldBe(RegistrationStatus.Assigned);
        (await RegisterAsync("d1", Two)).Good().Registration.Status.ShouldBe(RegistrationStatus.Assigned);
        (await RegisterAsync("d1", SoftwareTpm.Create())).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);

        var byCertificate = await _app.EnrollAsync(TestApplication.Individual("d2", new AttestationDescription { Type = "tpm", Tpm = new TpmAttestationDescription { EndorsementCertificate = Convert.ToBase64String(_maker.Certify(One).RawData) } }));
        byCertificate.Attestation.EndorsementKey.ShouldNotBeNull().Length.ShouldBe(316, "SDKs read an endorsement key");
    }

    [Fact]
    public void A_chain_that_is_longer_than_chips_have_and_a_text_that_is_longer_than_certificates_are_is_refused()
    {
        var evidence = TestApplication.Call("d1", One).Tpm!;
        var certificate = _maker.Certify(One).ExportCertificatePem();
        evidence.WithCertificate(certificate, [.. Enumerable.Repeat(_maker.Issuer.ExportCertificatePem(), 6)]).Bad().Seen.ShouldContain("has more than 5 certificates");
        evidence.WithCertificate(new string('A', 1_000_000), []).Bad().Seen.ShouldContain("more than");
        evidence.WithCertificate(certificate, ["rubbish!"]).Bad();
    }

    [Fact]
    public async Task Who_substitutes_a_key_of_the_answer_is_refused()
    {
        await _app.EnrollAsync(Group("g1", signing: _maker.Root));
        var answered = await _app.AnswerAsync(Call("d1", One, _maker.Certify(One), _maker.Issuer), One);
        var swapped = answered with { Tpm = Call("d1", Two, _maker.Certify(Two), _maker.Issuer).Tpm };
        (await _app.Registrations.RegisterAsync(swapped, TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
        (await _app.Registrations.RegisterAsync(answered with { RegistrationId = "d2" }, TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.Unauthorized);

        // Another storage root key of the same chip's owner: the answer shows that the chip opened a challenge, and the hub key is wrapped for
        // the shown one, which that chip alone can load.
        var owned = One.WithNewOwner();
        var other = answered with { Tpm = Call("d1", owned, _maker.Certify(One), _maker.Issuer).Tpm };
        var view = (await _app.RegisterAsync(other)).Good();
        owned.Activate(view.AuthenticationKey!).Length.ShouldBe(32);
    }

    private Task<Outcome<RegistrationView>> RegisterAsync(string id, SoftwareTpm tpm, X509Certificate2? certificate = null, X509Certificate2? issuer = null) => RegisterAsync(Call(id, tpm, certificate, issuer), tpm);

    private async Task<Outcome<RegistrationView>> RegisterAsync(RegistrationCall first, SoftwareTpm tpm) => await _app.RegisterAsync(await _app.AnswerAsync(first, tpm));

    private static RegistrationCall Call(string id, SoftwareTpm tpm, X509Certificate2? certificate, X509Certificate2? issuer)
    {
        var first = TestApplication.Call(id, tpm);
        return certificate is null ? first : first with { Tpm = first.Tpm!.WithCertificate(certificate.ExportCertificatePem(), issuer is null ? [] : [issuer.ExportCertificatePem()]).Good() };
    }

    private async Task<EndorsementProgress> ImportAsync(string group, string csv)
    {
        var last = new EndorsementProgress { Errors = [] };
        await foreach (var progress in _app.Lists.ImportAsync((await _app.Lists.FindGroupAsync(group, default)).Good(), PipeReader.Create(new MemoryStream(Encoding.UTF8.GetBytes(csv))), default))
            last = progress;
        last.Done.ShouldBeTrue();
        return last;
    }

    private static EnrollmentDescription Group(string id, X509Certificate2? signing = null, TpmFilterDescription? filter = null) => new()
    {
        EnrollmentGroupId = id,
        Attestation = new AttestationDescription
        {
            Type = "tpm",
            Tpm = new TpmAttestationDescription
            {
                SigningCertificates = signing is null ? null : new CertificatePairDescription(new CertificateWithInfo(signing.ExportCertificatePem())),
                Filter = filter,
            },
        },
    };
}
