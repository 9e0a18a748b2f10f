using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Tests.Provisioning;

/// <summary>The table of the life cycle: what each event makes of each state, and what who caused it is told.</summary>
public sealed class LifeCycleTests(LifeCycleFixture life) : IClassFixture<LifeCycleFixture>, IAsyncDisposable
{
    private const string Operator = "ada";
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly string[] States = ["NX", "W", "R", "P", "B(W)", "B(R)", "B(P)"];
    private static readonly byte[] OwnKey = [.. Enumerable.Range(100, 32).Select(i => (byte)i)];

    /// <summary>A cell is the state afterwards, and the error if there is one.</summary>
    private static readonly (string Event, string[] Cells)[] Table =
    [
        //                        NX           W            R            P            B(W)            B(R)            B(P)
        ("create",               ["R",         "W 409206",  "R 409206",  "P 409206",  "B(W) 409206",  "B(R) 409206",  "B(P) 409206"]),
        ("create and disable",   ["B(R)",      "B(W)",      "B(R)",      "B(P)",      "B(W)",         "B(R)",         "B(P)"]),
        ("register, automatic",  ["P",         "W 400209",  "P",         "P",         "B(W) 400209",  "B(R) 400209",  "B(P) 400209"]),
        ("register, manual",     ["W 400209",  "W 400209",  "P",         "P",         "B(W) 400209",  "B(R) 400209",  "B(P) 400209"]),
        ("register, individual", ["P",         "P",         "P",         "P",         "B(W) 400209",  "B(R) 400209",  "B(P) 400209"]),
        ("register, wrong key",  ["NX 401002", "W 401002",  "R 401002",  "P 401002",  "B(W) 401002",  "B(R) 401002",  "B(P) 401002"]),
        ("approve",              ["NX 404206", "R",         "R",         "P",         "B(W) 409207",  "B(R) 409207",  "B(P) 409207"]),
        ("block",                ["NX 404206", "B(W)",      "B(R)",      "B(P)",      "B(W)",         "B(R)",         "B(P)"]),
        ("unblock",              ["NX 404206", "W",         "R",         "P",         "W",            "R",            "P"]),
        ("enable",               ["NX 404206", "R",         "R",         "P",         "R",            "R",            "P"]),
        ("migrate",              ["NX 404206", "W",         "R",         "P",         "B(W)",         "B(R)",         "B(P)"]),
        ("enroll",               ["NX",        "W",         "R",         "P",         "B(W)",         "B(R)",         "B(P)"]),
        ("rename",               ["NX 404206", "W",         "R",         "P",         "B(W)",         "B(R)",         "B(P)"]),
        ("approve all new",      ["NX",        "W",         "R",         "P",         "B(W)",         "B(R)",         "B(P)"]),
        ("delete",               ["NX 404206", "NX",        "NX",        "NX",        "NX",           "NX",           "NX"]),
    ];

    public static TheoryData<string, string, string> Cells()
    {
        var data = new TheoryData<string, string, string>();
        foreach (var (name, cells) in Table)
        {
            for (var i = 0; i < States.Length; i++)
                data.Add(name, States[i], cells[i]);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task An_event_leads_from_a_state_to_a_state(string happens, string before, string expected)
    {
        var id = await life.PrepareAsync(before);
        var error = await HappenAsync(happens, id);
        $"{await life.StateOfAsync(id)}{(error == 0 ? "" : $" {error}")}".ShouldBe(expected);
    }

    [Fact]
    public async Task A_device_that_waits_is_in_no_hub_and_is_assigned_as_soon_as_it_is_approved()
    {
        var id = life.NewId();
        var waiting = new List<string>();
        life.Approval.Waits = (device, _) =>
        {
            waiting.Add(device.DeviceId);
            return Task.CompletedTask;
        };
        var view = (await life.RegisterForViewAsync(id, life.KeyOf(LifeCycleFixture.Manual, id))).Good();
        view.Registration.ErrorCode.ShouldBe(400209);
        view.Registration.ErrorMessage.ShouldNotBeNull().ShouldStartWith("Custom allocation failed with status code: 401. The device");
        view.RetryAfter.ShouldBe(TimeSpan.FromSeconds(60));
        (await life.RegisterAsync(id, LifeCycleFixture.Manual)).ShouldBe(400209);
        waiting.ShouldBe([id], "it is told once");
        (await life.Registry.GetAsync(id, null, None)).Value.ShouldBeNull();

        var device = (await life.Lifecycle.GetAsync(id, None)).Good();
        device.GroupId.ShouldBe(LifeCycleFixture.Manual);
        device.Credential.ShouldBe(Homeport.Provisioning.Attestation.CredentialUsed.PrimaryKey);
        device.Address.ShouldBe("192.0.2.7");
        device.IsEnabled.ShouldBeFalse();

        (await life.Lifecycle.ApproveAsync(id, Operator, None)).Good().ChangedBy.ShouldBe(Operator);
        var assigned = new List<string>();
        life.Registrations.Assigned = (registration, _) =>
        {
            assigned.Add($"{registration.DeviceId} {registration.AssignedHub}");
            return Task.CompletedTask;
        };
        (await life.RegisterAsync(id, LifeCycleFixture.Manual)).ShouldBe(0);
        (await life.RegisterAsync(id, LifeCycleFixture.Manual)).ShouldBe(0);
        assigned.ShouldBe([$"{id} hub1.test"], "it is told once");
        life.Registrations.Assigned = null;
        (await life.Registry.GetAsync(id, null, None)).Good().Enabled.ShouldBeTrue();
    }

    [Fact]
    public async Task Blocking_disables_the_identity_and_unblocking_enables_it()
    {
        var id = await life.PrepareAsync("P");
        (await life.Lifecycle.BlockAsync(id, Operator, None)).Good().Status.ShouldBe(DeviceStatus.Blocked);
        var identity = (await life.Registry.GetAsync(id, null, None)).Good();
        identity.Enabled.ShouldBeFalse();
        identity.StatusReason.ShouldBe("Blocked by ada");
        (await life.RegisterForViewAsync(id, life.KeyOf(LifeCycleFixture.Automatic, id))).Good().RetryAfter.ShouldBe(TimeSpan.FromSeconds(300));
        (await life.Lifecycle.UnblockAsync(id, Operator, None)).Good().Status.ShouldBe(DeviceStatus.Provisioned);
        (await life.Registry.GetAsync(id, null, None)).Good().Enabled.ShouldBeTrue();
    }

    [Fact]
    public async Task A_device_of_the_hub_is_a_device_of_the_application_and_leaves_with_it()
    {
        var id = life.NewId();
        var identity = new Identity { DeviceId = id, GenerationId = "", Authentication = new Authentication(AuthenticationType.Sas) };
        (await life.Registry.PutAsync(identity, IfMatch.Absent, None)).Good();
        (await life.StateOfAsync(id)).ShouldBe("R", "nobody has seen it yet");
        (await life.Registry.SetEnabledAsync(id, enabled: false, "elsewhere", None)).Good();
        (await life.StateOfAsync(id)).ShouldBe("B(R)");
        (await life.Lifecycle.UnblockAsync(id, Operator, None)).Good();
        (await life.Registry.GetAsync(id, null, None)).Good().Enabled.ShouldBeTrue();
        (await life.RegisterAsync(id, LifeCycleFixture.Manual)).ShouldBe(0, "whoever registered it approved it");
        (await life.Registry.DeleteAsync(id, null, IfMatch.Absent, None)).ShouldBeNull();
        (await life.StateOfAsync(id)).ShouldBe("NX");
    }

    [Fact]
    public async Task A_device_that_is_disabled_in_the_hub_alone_registers_as_before()
    {
        var id = await life.PrepareAsync("P");
        (await life.Registry.SetEnabledAsync(id, enabled: false, "maintenance", None)).Good();
        (await life.RegisterAsync(id, LifeCycleFixture.Automatic)).ShouldBe(0, "the service SDK's disabled is the hub's matter");
        (await life.Registry.GetAsync(id, null, None)).Good().Enabled.ShouldBeFalse();
    }

    [Fact]
    public async Task An_individual_enrollment_goes_before_the_group_and_a_disabled_one_keeps_the_device_out()
    {
        var id = await life.PrepareAsync("P");
        await EnrollAsync(id);
        (await life.RegisterAsync(id, LifeCycleFixture.Automatic)).ShouldBe(401002, "the key of the group is worth nothing any more");
        (await life.RegisterAsync(id, OwnKey)).ShouldBe(0);
        await EnrollAsync(id, enabled: false);
        (await life.RegisterAsync(id, OwnKey)).ShouldBe(ProvisioningErrors.EnrollmentDisabled.Code);
        (await life.StateOfAsync(id)).ShouldBe("P");
        (await life.Lifecycle.DeleteAsync(id, None)).ShouldBeNull();
        (await life.Enrollments.GetAsync(EnrollmentKind.Individual, id, None)).Value.ShouldBeNull("it goes with its device");
        (await life.Registrations.GetAsync(id, None)).Value.ShouldBeNull();
        (await life.Registry.GetAsync(id, null, None)).Value.ShouldBeNull();
    }

    [Fact]
    public async Task A_group_that_says_nothing_does_as_the_application_does_and_a_client_of_Azure_does_not_change_what_it_says()
    {
        await life.PutGroupAsync("plain", null);
        (await life.RegisterAsync(life.NewId(), "plain")).ShouldBe(0, "plain provisioning lets devices in");
        await life.Approval.SetPolicyAsync(new ApprovalPolicy(AutoApprove: false), None);
        (await life.RegisterAsync(life.NewId(), "plain")).ShouldBe(400209);
        (await life.RegisterAsync(life.NewId(), LifeCycleFixture.Automatic)).ShouldBe(0);
        await life.Approval.SetPolicyAsync(new ApprovalPolicy(), None);

        await life.PutGroupAsync(LifeCycleFixture.Manual, null);
        (await life.Enrollments.GetAsync(EnrollmentKind.Group, LifeCycleFixture.Manual, None)).Good().Settings.Approval.ShouldBe(ApprovalMode.Manual);
        await life.PutGroupAsync("plain", "manual");
        await life.PutGroupAsync("plain", "inherit");
        (await life.Enrollments.GetAsync(EnrollmentKind.Group, "plain", None)).Good().Settings.Approval.ShouldBeNull();
    }

    [Fact]
    public async Task Where_a_template_is_asked_for_devices_come_once_they_were_migrated()
    {
        await life.Approval.SetPolicyAsync(new ApprovalPolicy(ConnectWithoutTemplate: false), None);
        try
        {
            var id = life.NewId();
            var view = (await life.RegisterForViewAsync(id, life.KeyOf(LifeCycleFixture.Automatic, id))).Good();
            view.Registration.ErrorMessage.ShouldNotBeNull().ShouldStartWith("Custom allocation failed with status code: 404.");
            (await life.Lifecycle.GetAsync(id, None)).Good().IsUnassociated.ShouldBeTrue();
            (await life.Lifecycle.MigrateAsync(id, "dtmi:com:example:Pump;1", Operator, None)).Good();
            (await life.RegisterAsync(id, LifeCycleFixture.Automatic)).ShouldBe(0);
        }
        finally
        {
            await life.Approval.SetPolicyAsync(new ApprovalPolicy(), None);
        }
    }

    [Fact]
    public async Task Many_are_approved_at_once_and_each_stands_for_itself()
    {
        var ids = new List<string>();
        for (var i = 0; i < 5; i++)
            ids.Add(await life.PrepareAsync("W"));
        var blocked = await life.PrepareAsync("B(W)");
        var result = await DeviceLifecycle.EachAsync([.. ids, blocked, "nobody"], async id => (await life.Lifecycle.ApproveAsync(id, Operator, None)).Refusal, None);
        result.Count.ShouldBe(5);
        result.Failures.Select(f => f.DeviceId).ShouldBe([blocked, "nobody"], ignoreOrder: true);
        foreach (var id in ids)
            (await life.StateOfAsync(id)).ShouldBe("R");
        await life.Lifecycle.EachAsync(new DeviceFilter { Status = DeviceStatus.WaitingForApproval }, async id => (await life.Lifecycle.ApproveAsync(id, Operator, None)).Refusal, None);
        (await life.Lifecycle.CountAsync(None))[DeviceStatus.WaitingForApproval].ShouldBe(0);
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("")]
    [InlineData("ü")]
    public async Task A_bad_id_is_refused(string id)
        => (await life.Lifecycle.CreateAsync(new DeviceFacts { DeviceId = id }, Operator, None)).Bad().Error.ShouldBe(ProvisioningErrors.InvalidArgument);

    [Fact]
    public async Task A_name_that_is_too_long_is_refused_and_an_old_etag_changes_nothing()
    {
        var id = await life.PrepareAsync("R");
        (await life.Lifecycle.UpdateAsync(id, d => d with { DisplayName = new string('x', 149) }, IfMatch.Absent, Operator, None)).Bad().Error.ShouldBe(ProvisioningErrors.InvalidArgument);
        (await life.Lifecycle.UpdateAsync(id, d => d with { DisplayName = "x" }, IfMatch.Parse("99"), Operator, None)).Bad().Error.ShouldBe(ProvisioningErrors.PreconditionFailed);
        var named = (await life.Lifecycle.UpdateAsync(id, d => d with { DisplayName = "Pump" }, IfMatch.Parse("1"), Operator, None)).Good();
        named.DisplayName.ShouldBe("Pump");
        named.Version.ShouldBe(2);
    }

    /// <summary>Whatever happened in a test: the counts that are kept are those of the devices.</summary>
    public async ValueTask DisposeAsync()
    {
        var counts = await life.Lifecycle.CountAsync(None);
        var devices = await life.Lifecycle.ListAsync(new DeviceFilter(), null, int.MaxValue, None);
        foreach (var status in Enum.GetValues<DeviceStatus>())
            counts[status].ShouldBe(devices.Count(d => d.Status == status), $"{status}");
    }

    private async Task<int> HappenAsync(string happens, string id)
    {
        switch (happens)
        {
            case "create":
                return Code((await life.Lifecycle.CreateAsync(new DeviceFacts { DeviceId = id }, Operator, None)).Refusal);
            case "create and disable":
                await life.Lifecycle.CreateAsync(new DeviceFacts { DeviceId = id }, Operator, None);
                return Code((await life.Lifecycle.BlockAsync(id, Operator, None)).Refusal);
            case "register, automatic":
                return await life.RegisterAsync(id, LifeCycleFixture.Automatic);
            case "register, manual":
                return await life.RegisterAsync(id, LifeCycleFixture.Manual);
            case "register, individual":
                await EnrollAsync(id);
                return await life.RegisterAsync(id, OwnKey);
            case "register, wrong key":
                return await life.RegisterAsync(id, OwnKey);
            case "approve":
                return Code((await life.Lifecycle.ApproveAsync(id, Operator, None)).Refusal);
            case "block":
                return Code((await life.Lifecycle.BlockAsync(id, Operator, None)).Refusal);
            case "unblock":
                return Code((await life.Lifecycle.UnblockAsync(id, Operator, None)).Refusal);
            case "enable":
                return Code((await life.Lifecycle.EnableAsync(id, Operator, None)).Refusal);
            case "migrate":
                var migrated = await life.Lifecycle.MigrateAsync(id, "dtmi:com:example:Pump;1", Operator, None);
                migrated.Value?.Template.ShouldBe("dtmi:com:example:Pump;1");
                return Code(migrated.Refusal);
            case "enroll":
                await EnrollAsync(id);
                return 0;
            case "rename":
                return Code((await life.Lifecycle.UpdateAsync(id, d => d with { DisplayName = "Pump" }, IfMatch.Absent, Operator, None)).Refusal);
            case "approve all new":
                await life.Approval.SetPolicyAsync(new ApprovalPolicy(AutoApprove: true), None);
                return 0;
            default:
                return Code(await life.Lifecycle.DeleteAsync(id, None));
        }
    }

    private async Task EnrollAsync(string id, bool enabled = true)
    {
        var key = Convert.ToBase64String(OwnKey);
        (await life.Enrollments.PutAsync(EnrollmentKind.Individual, id, new EnrollmentDescription
        {
            Attestation = new AttestationDescription { Type = "symmetricKey", SymmetricKey = new SymmetricKeyDescription(key, key) },
            ProvisioningStatus = enabled ? "enabled" : "disabled",
        }, IfMatch.Parse("*"), None)).Good();
    }

    private static int Code(Refusal? refusal) => refusal?.Error.Code ?? 0;
}
