using System.Security.Cryptography;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;

namespace Homeport.Tests.Provisioning;

public sealed class SymmetricKeyTests
{
    private const string DocumentedGroupKey = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";
    private const string DocumentedId = "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6";
    private const string DocumentedDeviceKey = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=";
    private readonly TestApplication _app = new();

    [Fact]
    public async Task A_device_of_an_individual_enrollment_gets_its_keys_into_the_hub()
    {
        var enrolled = await _app.EnrollAsync(TestApplication.Individual("d1") with { DeviceId = "Pump:1", Capabilities = new CapabilitiesDescription(true) });
        var view = (await _app.RegisterAsync(_app.Call("d1", enrolled.Attestation.SecondaryKey!))).Good();
        view.AuthenticationKey.ShouldBeNull();
        view.Registration.DeviceId.ShouldBe("Pump:1");
        var identity = _app.HubStore["Pump:1"].ShouldNotBeNull();
        identity.Authentication.PrimaryKey.ShouldBe(enrolled.Attestation.PrimaryKey);
        identity.Authentication.SecondaryKey.ShouldBe(enrolled.Attestation.SecondaryKey);
        identity.IotEdge.ShouldBeTrue();
    }

    [Fact]
    public async Task The_documented_derived_key_opens_its_group()
    {
        await _app.EnrollAsync(TestApplication.Group("other"));
        var group = await _app.EnrollAsync(TestApplication.Group("documented", Convert.FromBase64String(DocumentedGroupKey)));
        var view = (await _app.RegisterAsync(_app.Call(DocumentedId, Convert.FromBase64String(DocumentedDeviceKey)))).Good();
        view.Registration.EnrollmentGroupId.ShouldBe("documented");
        var authentication = _app.HubStore[DocumentedId]!.Authentication;
        Convert.ToBase64String(authentication.PrimaryKey!).ShouldBe(DocumentedDeviceKey);
        authentication.SecondaryKey.ShouldBe(DerivedKey.FromGroupKey(group.Attestation.SecondaryKey, DocumentedId));
    }

    [Theory]
    [InlineData("Sensor-1", "Sensor-1")]
    [InlineData("Sensor-1", "sensor-1")]
    public async Task A_derived_key_counts_with_the_id_as_sent_and_in_lower_case(string sent, string derivedFrom)
    {
        var group = await _app.EnrollAsync(TestApplication.Group("g"));
        var key = DerivedKey.FromGroupKey(group.Attestation.SecondaryKey, derivedFrom);
        (await _app.RegisterAsync(_app.Call(sent, key))).Good().Registration.DeviceId.ShouldBe(sent);
        _app.HubStore[sent]!.Authentication.SecondaryKey.ShouldBe(key);
    }

    [Fact]
    public async Task The_same_device_in_other_letters_keeps_its_name_in_the_hub()
    {
        var group = await _app.EnrollAsync(TestApplication.Group("g"));
        var key = DerivedKey.FromGroupKey(group.Attestation.PrimaryKey, "sensor-1");
        (await _app.RegisterAsync(_app.Call("sensor-1", key))).Good();
        (await _app.RegisterAsync(_app.Call("SENSOR-1", key))).Good().Registration.DeviceId.ShouldBe("sensor-1");
        _app.RegistrationStore.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_individual_enrollment_stands_before_the_group()
    {
        var group = await _app.EnrollAsync(TestApplication.Group("g"));
        await _app.EnrollAsync(TestApplication.Individual("d1"));
        var derived = DerivedKey.FromGroupKey(group.Attestation.PrimaryKey, "d1");
        (await _app.Registrations.RegisterAsync(_app.Call("d1", derived), TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
    }

    [Fact]
    public async Task The_last_of_all_groups_is_found()
    {
        Enrollment group = null!;
        for (var i = 0; i < EnrollmentService.MaxGroups; i++)
            group = await _app.EnrollAsync(TestApplication.Group($"g{i:D3}"));
        var key = DerivedKey.FromGroupKey(group.Attestation.SecondaryKey, "d1");
        (await _app.RegisterAsync(_app.Call("d1", key))).Good().Registration.EnrollmentGroupId.ShouldBe(group.Id);
        (await _app.PutAsync(TestApplication.Group("one-too-many"))).Bad().Error.ShouldBe(ProvisioningErrors.LimitReached);
    }

    [Fact]
    public async Task A_new_group_is_found_and_a_deleted_one_is_not_although_groups_are_kept_in_memory()
    {
        var first = await _app.EnrollAsync(TestApplication.Group("g1"));
        (await _app.RegisterAsync(_app.Call("d1", DerivedKey.FromGroupKey(first.Attestation.PrimaryKey, "d1")))).Good();
        var second = await _app.EnrollAsync(TestApplication.Group("g2"));
        (await _app.RegisterAsync(_app.Call("d2", DerivedKey.FromGroupKey(second.Attestation.PrimaryKey, "d2")))).Good();
        (await _app.Enrollments.DeleteAsync(EnrollmentKind.Group, "G1", IfMatch.Absent, TestApplication.None)).ShouldBeNull();
        (await _app.Registrations.RegisterAsync(_app.Call("d1", DerivedKey.FromGroupKey(first.Attestation.PrimaryKey, "d1")), TestApplication.None)).Bad();
        _app.HubStore["d1"].ShouldNotBeNull("deleting an enrollment leaves the device in the hub");
    }

    [Theory]
    [InlineData("not a token", 401000)]
    [InlineData("SharedAccessSignature sr=0ne000A1B2C%2Fregistrations%2Fother&sig=SIG&se=1795330000&skn=registration", 401000)]
    [InlineData("SharedAccessSignature sr=0ne000A1B2C&sig=SIG&se=1795330000&skn=registration", 401000)]
    [InlineData("SharedAccessSignature sr=0ne00000000%2Fregistrations%2Fd1&sig=SIG&se=1795330000", 401000)]
    [InlineData("SharedAccessSignature sr=0ne000A1B2C%2Fregistrations%2Fd1&sig=SIG&se=1795330000&skn=provisioningserviceowner", 401000)]
    [InlineData("SharedAccessSignature sr=0ne000A1B2C%2Fregistrations%2Fd1&sig=SIG&se=1795320000&skn=registration", 401000)]
    [InlineData("SharedAccessSignature sr=0ne000A1B2C%2Fregistrations%2Fd1&sig=SIG&se=1795330000&skn=registration", 401002)]
    [InlineData("", 401000)]
    public async Task A_bad_token_is_refused_with_its_reason(string token, int code)
    {
        await _app.EnrollAsync(TestApplication.Individual("d1"));
        var call = _app.Call("d1", new byte[32]) with { Authorization = token.Replace("SIG", Uri.EscapeDataString(Convert.ToBase64String(new byte[32])), StringComparison.Ordinal) };
        var refusal = (await _app.Registrations.RegisterAsync(call, TestApplication.None)).Bad();
        refusal.Error.Code.ShouldBe(code);
        refusal.Fix.ShouldNotBeNullOrWhiteSpace();
        _app.HubStore.Writes.ShouldBe(0);
    }

    [Theory]
    [InlineData("{0}%2Fregistrations%2F{1}")]
    [InlineData("{0}%2fregistrations%2f{1}")]
    [InlineData("{0}/registrations/{1}")]
    public async Task Every_spelling_of_the_audience_is_taken_as_it_was_signed(string form)
    {
        var enrolled = await _app.EnrollAsync(TestApplication.Individual("a:b"));
        foreach (var id in (string[])["a:b", "a%3Ab", "A%3aB"])
        {
            var sr = string.Format(form, TestApplication.IdScope.ToUpperInvariant(), id);
            var se = _app.Time.Now.AddHours(1).ToUnixTimeSeconds();
            var mac = HMACSHA256.HashData(enrolled.Attestation.PrimaryKey!, System.Text.Encoding.UTF8.GetBytes($"{sr}\n{se}"));
            var token = $"SharedAccessSignature sig={Uri.EscapeDataString(Convert.ToBase64String(mac))}&se={se}&sr={sr}";
            (await _app.RegisterAsync(_app.Call("a:b", []) with { Authorization = token })).Good();
        }
    }

    [Fact]
    public async Task A_disabled_enrollment_is_a_result_with_its_reason_and_enabling_it_mends_it()
    {
        var enrolled = await _app.EnrollAsync(TestApplication.Individual("d1") with { ProvisioningStatus = "disabled" });
        var call = _app.Call("d1", enrolled.Attestation.PrimaryKey!);
        var reply = (await _app.Registrations.RegisterAsync(call, TestApplication.None)).Good();
        reply.Failure.ShouldNotBeNull().Error.ShouldBe(ProvisioningErrors.EnrollmentDisabled);
        var view = (await _app.Registrations.PollAsync(call, reply.OperationId!, TestApplication.None)).Good();
        view.Registration.Status.ShouldBe(RegistrationStatus.Disabled);
        view.Registration.ErrorMessage.ShouldNotBeNull().ShouldContain(reply.Failure.TrackingId);
        _app.HubStore.Writes.ShouldBe(0);
        await _app.EnrollAsync(TestApplication.Individual("d1"), "*");
        (await _app.RegisterAsync(call)).Good().Registration.Status.ShouldBe(RegistrationStatus.Assigned);
    }

    [Fact]
    public async Task A_group_that_is_disabled_between_register_and_poll_gives_nothing_away()
    {
        var group = await _app.EnrollAsync(TestApplication.Group("g"));
        var call = _app.Call("d1", DerivedKey.FromGroupKey(group.Attestation.PrimaryKey, "d1"));
        var operation = (await _app.Registrations.RegisterAsync(call, TestApplication.None)).Good().OperationId!;
        await _app.EnrollAsync(TestApplication.Group("g") with { ProvisioningStatus = "disabled" }, "*");
        (await _app.Registrations.PollAsync(call, operation, TestApplication.None)).Good().Registration.Status.ShouldBe(RegistrationStatus.Disabled);
    }

    [Fact]
    public async Task An_operation_belongs_to_its_registration()
    {
        var (one, two) = (await _app.EnrollAsync(TestApplication.Individual("d1")), await _app.EnrollAsync(TestApplication.Individual("d2")));
        var operation = (await _app.Registrations.RegisterAsync(_app.Call("d1", one.Attestation.PrimaryKey!), TestApplication.None)).Good().OperationId!;
        (await _app.Registrations.PollAsync(_app.Call("d2", two.Attestation.PrimaryKey!), operation, TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.RegistrationNotFound);
        (await _app.Registrations.PollAsync(_app.Call("d1", two.Attestation.PrimaryKey!), operation, TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
        (await _app.Registrations.PollAsync(_app.Call("D1", one.Attestation.PrimaryKey!) with { Authorization = _app.Token("d1", one.Attestation.PrimaryKey!) }, operation, TestApplication.None)).Good();
    }

    [Fact]
    public async Task A_lookup_finds_the_registration_only_for_its_device()
    {
        var enrolled = await _app.EnrollAsync(TestApplication.Individual("d1"));
        var call = _app.Call("d1", enrolled.Attestation.PrimaryKey!);
        (await _app.Registrations.LookUpAsync(call, TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.RegistrationNotFound);
        (await _app.RegisterAsync(call)).Good();
        (await _app.Registrations.LookUpAsync(call, TestApplication.None)).Good().View!.Registration.AssignedHub.ShouldBe("hub1.test");
        (await _app.Registrations.LookUpAsync(_app.Call("d1", new byte[32]), TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
    }

    [Fact]
    public async Task Many_registrations_of_one_device_at_once_make_one_identity_and_all_can_be_polled_that_are_new_enough()
    {
        var enrolled = await _app.EnrollAsync(TestApplication.Individual("d1"));
        var call = _app.Call("d1", enrolled.Attestation.PrimaryKey!);
        _app.RegistrationStore.Latency = TimeSpan.FromMilliseconds(5);
        var replies = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => _app.Registrations.RegisterAsync(call, TestApplication.None))));
        replies.Select(r => r.Good().OperationId).Distinct().Count().ShouldBe(50);
        _app.HubStore.Writes.ShouldBe(1);
        var polls = 0;
        foreach (var reply in replies)
            polls += (await _app.Registrations.PollAsync(call, reply.Good().OperationId!, TestApplication.None)).Refusal is null ? 1 : 0;
        polls.ShouldBe(Registration.MaxOperations);
    }

    [Fact]
    public async Task A_thousand_devices_of_a_group_register_at_once()
    {
        var group = await _app.EnrollAsync(TestApplication.Group("g"));
        var views = await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => Task.Run(()
            => _app.RegisterAsync(_app.Call($"d{i}", DerivedKey.FromGroupKey(group.Attestation.PrimaryKey, $"d{i}"))))));
        views.ShouldAllBe(v => v.Good().Registration.Status == RegistrationStatus.Assigned);
        (await _app.HubStore.CountAsync(TestApplication.None)).Total.ShouldBe(1000);
    }

    [Fact]
    public async Task A_flood_of_unknown_devices_leaves_nothing_behind()
    {
        await _app.EnrollAsync(TestApplication.Group("g"));
        for (var i = 0; i < 1000; i++)
            (await _app.Registrations.RegisterAsync(_app.Call($"flood{i}", new byte[32]), TestApplication.None)).Bad().Error.ShouldBe(ProvisioningErrors.CredentialMismatch);
        _app.RegistrationStore.Count.ShouldBe(0);
        _app.HubStore.Writes.ShouldBe(0);
    }
}
