using System.Security.Cryptography;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Registrations;

namespace Homeport.Tests.Provisioning;

public sealed class TpmAttestationTests
{
    private static readonly SoftwareTpm Tpm = SoftwareTpm.Known;
    private static readonly SoftwareTpm Other = SoftwareTpm.Create();
    private readonly TestApplication _app = new();

    [Fact]
    public void The_software_side_opens_a_known_answer()
        => Tpm.Activate(SoftwareTpm.KnownAnswer.Blob).ShouldBe(SoftwareTpm.KnownAnswer.Key);

    [Fact]
    public async Task A_TPM_registers_and_gets_the_key_that_its_hub_keeps()
    {
        await _app.EnrollAsync(TestApplication.TpmEnrollment("tpm1", Tpm) with { DeviceId = "press-7" });
        var view = (await _app.RegisterAsync(await _app.AnswerAsync(TestApplication.Call("tpm1", Tpm), Tpm))).Good();
        view.Registration.Status.ShouldBe(RegistrationStatus.Assigned);
        view.Registration.DeviceId.ShouldBe("press-7");
        view.Registration.AssignedHub.ShouldBe("hub1.test");
        var key = Tpm.Activate(view.AuthenticationKey.ShouldNotBeNull());
        key.Length.ShouldBe(32);
        _app.HubStore["press-7"]!.Authentication.PrimaryKey.ShouldBe(key);
    }

    [Fact]
    public async Task Registering_again_wraps_the_same_key_even_for_a_new_owner_of_the_TPM()
    {
        await _app.EnrollAsync(TestApplication.TpmEnrollment("tpm1", Tpm));
        var first = (await _app.RegisterAsync(await _app.AnswerAsync(TestApplication.Call("tpm1", Tpm), Tpm))).Good();
        var owned = Tpm.WithNewOwner();
        var second = (await _app.RegisterAsync(await _app.AnswerAsync(TestApplication.Call("tpm1", owned), owned))).Good();
        owned.Activate(second.AuthenticationKey!).ShouldBe(Tpm.Activate(first.AuthenticationKey!));
        Should.Throw<CryptographicException>(() => Tpm.Activate(second.AuthenticationKey!));
        _app.HubStore.Writes.ShouldBe(1);
    }

    [Fact]
    public async Task A_key_that_was_not_made_for_the_TPM_is_replaced()
    {
        var enrolled = await _app.EnrollAsync(TestApplication.Individual("d1"));
        (await _app.RegisterAsync(_app.Call("d1", enrolled.Attestation.PrimaryKey!))).Good();
        await _app.EnrollAsync(TestApplication.TpmEnrollment("d1", Tpm), "*");
        var view = (await _app.RegisterAsync(await _app.AnswerAsync(TestApplication.Call("d1", Tpm), Tpm))).Good();
        var key = Tpm.Activate(view.AuthenticationKey!);
        key.ShouldNotBe(enrolled.Attestation.PrimaryKey);
        _app.HubStore["d1"]!.Authentication.PrimaryKey.ShouldBe(key);
    }

    [Fact]
    public async Task A_wrong_answer_is_refused()
    {
        await _app.EnrollAsync(TestApplication.TpmEnrollment("tpm1", Tpm));
        var first = TestApplication.Call("tpm1", Tpm);
        (await _app.Registrations.RegisterAsync(first, TestApplication.None)).Good();
        var guessed = first with { Authorization = _app.Token("tpm1", RandomNumberGenerator.GetBytes(32)) };
        (await _app.Registrations.RegisterAsync(guessed, TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
        _app.RegistrationStore.Count.ShouldBe(0);
        _app.HubStore.Writes.ShouldBe(0);
    }

    [Fact]
    public async Task Without_a_challenge_there_is_no_answer()
    {
        await _app.EnrollAsync(TestApplication.TpmEnrollment("tpm1", Tpm));
        var call = TestApplication.Call("tpm1", Tpm) with { Authorization = _app.Token("tpm1", new byte[32]) };
        (await _app.Registrations.RegisterAsync(call, TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
    }

    [Fact]
    public async Task The_last_two_challenges_are_valid_and_an_older_one_is_a_replay()
    {
        await _app.EnrollAsync(TestApplication.TpmEnrollment("tpm1", Tpm));
        var answers = new List<RegistrationCall>();
        for (var i = 0; i < 3; i++)
        {
            answers.Add(await _app.AnswerAsync(TestApplication.Call("tpm1", Tpm), Tpm));
            _app.Time.Now += ChallengeKeys.Repeat;
        }
        (await _app.Registrations.RegisterAsync(answers[0], TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
        (await _app.RegisterAsync(answers[1])).Good();
        (await _app.RegisterAsync(answers[2])).Good();
    }

    [Fact]
    public async Task An_answered_challenge_is_not_given_out_again()
    {
        await _app.EnrollAsync(TestApplication.TpmEnrollment("tpm1", Tpm));
        var first = await _app.AnswerAsync(TestApplication.Call("tpm1", Tpm), Tpm);
        (await _app.RegisterAsync(first)).Good();
        var second = await _app.AnswerAsync(TestApplication.Call("tpm1", Tpm), Tpm);
        second.Authorization.ShouldNotBe(first.Authorization);
    }

    [Fact]
    public async Task Who_knows_the_endorsement_key_cannot_push_out_the_challenge_that_a_device_answers()
    {
        await _app.EnrollAsync(TestApplication.TpmEnrollment("tpm1", Tpm));
        var answer = await _app.AnswerAsync(TestApplication.Call("tpm1", Tpm), Tpm);
        for (var i = 0; i < 20; i++)
            (await _app.Registrations.RegisterAsync(TestApplication.Call("tpm1", Tpm), TestApplication.None)).Good();
        (await _app.RegisterAsync(answer)).Good();
    }

    [Fact]
    public async Task An_answer_stays_valid_for_polls_for_hours_but_not_for_ever()
    {
        await _app.EnrollAsync(TestApplication.TpmEnrollment("tpm1", Tpm));
        var first = TestApplication.Call("tpm1", Tpm);
        var blob = (await _app.Registrations.RegisterAsync(first, TestApplication.None)).Good().Challenge!;
        var answer = first with { Authorization = _app.Token("tpm1", Tpm.Activate(blob), TimeSpan.FromDays(2)) };
        (await _app.RegisterAsync(answer)).Good();
        _app.Time.Now += TimeSpan.FromHours(20);
        (await _app.RegisterAsync(answer)).Good();
        _app.Time.Now += TimeSpan.FromHours(5);
        (await _app.Registrations.RegisterAsync(answer, TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
    }

    [Fact]
    public async Task An_unknown_TPM_learns_only_after_its_answer_that_it_is_not_enrolled()
    {
        var answer = await _app.AnswerAsync(TestApplication.Call("stranger", Tpm), Tpm);
        var refusal = (await _app.Registrations.RegisterAsync(answer, TestApplication.None)).Bad();
        refusal.Error.ShouldBe(ProvisioningErrors.EnrollmentNotFound);
        refusal.Fix.ShouldContain(Convert.ToBase64String(Tpm.EndorsementKey));
        var guessed = answer with { Authorization = _app.Token("stranger", new byte[32]) };
        (await _app.Registrations.RegisterAsync(guessed, TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
    }

    [Fact]
    public async Task Another_TPM_is_refused_after_its_answer()
    {
        await _app.EnrollAsync(TestApplication.TpmEnrollment("tpm1", Tpm));
        var answer = await _app.AnswerAsync(TestApplication.Call("tpm1", Other), Other);
        var refusal = (await _app.Registrations.RegisterAsync(answer, TestApplication.None)).Bad();
        refusal.Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
        refusal.Nearest.ShouldBe("tpm1");
        refusal.Tried.ShouldNotBeNull().ShouldHaveSingleItem().ShouldContain("another TPM");
        var guessed = answer with { Authorization = _app.Token("tpm1", new byte[32]) };
        (await _app.Registrations.RegisterAsync(guessed, TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
    }

    [Fact]
    public async Task An_answer_of_one_registration_is_none_for_another()
    {
        await _app.EnrollAsync(TestApplication.TpmEnrollment("a", Tpm));
        await _app.EnrollAsync(TestApplication.TpmEnrollment("b", Tpm));
        var blob = (await _app.Registrations.RegisterAsync(TestApplication.Call("a", Tpm), TestApplication.None)).Good().Challenge!;
        (await _app.Registrations.RegisterAsync(TestApplication.Call("b", Tpm), TestApplication.None)).Good();
        var answer = TestApplication.Call("b", Tpm) with { Authorization = _app.Token("b", Tpm.Activate(blob)) };
        (await _app.Registrations.RegisterAsync(answer, TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
    }

    [Fact]
    public async Task A_new_endorsement_key_in_the_enrollment_ends_the_challenges_of_the_old_one()
    {
        await _app.EnrollAsync(TestApplication.TpmEnrollment("tpm1", Tpm));
        var answer = await _app.AnswerAsync(TestApplication.Call("tpm1", Tpm), Tpm);
        var operation = (await _app.Registrations.RegisterAsync(answer, TestApplication.None)).Good().OperationId!;
        await _app.EnrollAsync(TestApplication.TpmEnrollment("tpm1", Other), "*");
        (await _app.Registrations.PollAsync(answer with { Tpm = null }, operation, TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
    }

    [Theory]
    [InlineData(0x00030470u)] // no fixedTPM: could be loaded elsewhere
    [InlineData(0x00030462u)] // no fixedParent
    [InlineData(0x00030452u)] // no sensitiveDataOrigin: made outside
    [InlineData(0x00020472u)] // not restricted
    [InlineData(0x00070472u)] // may sign
    public void A_storage_root_key_that_could_leave_its_TPM_is_refused(uint attributes)
    {
        using var rsa = RSA.Create(2048);
        var sent = new TpmAttestationDescription(Convert.ToBase64String(Tpm.EndorsementKey), Convert.ToBase64String(SoftwareTpm.Public(rsa, attributes)));
        TpmEvidence.Read(sent).Bad().Error.ShouldBe(ProvisioningErrors.InvalidAttestation);
    }

    [Fact]
    public async Task A_flood_of_made_up_registrations_costs_no_memory()
    {
        for (var i = 0; i < 500; i++)
            (await _app.Registrations.RegisterAsync(TestApplication.Call($"flood-{i}", Tpm), TestApplication.None)).Good().Challenge.ShouldNotBeNull();
        _app.Keys.Count.ShouldBe(0);
        _app.RegistrationStore.Count.ShouldBe(0);
    }

    [Fact]
    public void The_kept_challenges_are_bounded_and_the_oldest_leave_first()
    {
        for (var i = 0; i < ChallengeKeys.Capacity + 10; i++)
            _app.Keys.Issue($"tpm-{i}", [1, 2, 3]);
        _app.Keys.Count.ShouldBe(ChallengeKeys.Capacity);
    }
}
