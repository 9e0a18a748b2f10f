using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Registrations;

namespace Homeport.Tests.Provisioning;

/// <summary>What goes along when a device gets another hub, and what happens when a hub is full, away or gone.</summary>
public sealed class MoveTests
{
    private const string Initial = """{"tags":{"site":"A"},"properties":{"desired":{"interval":5}}}""";
    private readonly TestApplication _app = new("old.test", "new.test");
    private readonly Dictionary<string, FlakyHub> _hubs = [];

    public MoveTests()
    {
        _app.Between = (name, hub) => _hubs[name] = new FlakyHub(hub);
        _app.Link("old.test", "new.test");
    }

    [Fact]
    public async Task A_new_device_gets_the_initial_twin_with_its_identity()
    {
        await EnrollAsync("old.test", migrate: true);
        await AssignedAsync("old.test", RegistrationSubstatus.InitialAssignment);
        (await TwinAsync("old.test")).ShouldBe("""{"tags":{"site":"A"},"desired":{"interval":5},"reported":{}}""");
    }

    [Fact]
    public async Task Registering_again_leaves_the_twin_alone()
    {
        await EnrollAsync("old.test", migrate: true);
        await AssignedAsync("old.test", RegistrationSubstatus.InitialAssignment);
        await ChangeTwinAsync("old.test");
        await AssignedAsync("old.test", RegistrationSubstatus.InitialAssignment);
        (await TwinAsync("old.test")).ShouldBe("""{"tags":{"site":"B"},"desired":{"interval":9},"reported":{"temperature":20}}""");
    }

    [Theory]
    [InlineData(true, RegistrationSubstatus.DeviceDataMigrated, """{"tags":{"site":"B"},"desired":{"interval":9},"reported":{"temperature":20}}""")]
    [InlineData(false, RegistrationSubstatus.DeviceDataReset, """{"tags":{"site":"A"},"desired":{"interval":5},"reported":{}}""")]
    public async Task A_move_takes_the_twin_along_or_starts_anew(bool migrate, RegistrationSubstatus substatus, string twin)
    {
        await MoveAsync(migrate);
        await AssignedAsync("new.test", substatus);
        (await TwinAsync("new.test")).ShouldBe(twin);
        _app.HubStores["old.test"]["d1"].ShouldBeNull();
    }

    [Theory]
    [InlineData(true, """{"tags":{"site":"B"},"desired":{"interval":9},"reported":{"temperature":20}}""")]
    [InlineData(false, """{"tags":{"site":"A"},"desired":{"interval":5},"reported":{}}""")]
    public async Task A_twin_that_was_left_in_the_new_hub_long_ago_gives_way(bool migrate, string twin)
    {
        var stale = new HubAssignment("d1", new Authentication(AuthenticationType.None), false, TwinContent.Read("""{"tags":{"stale":true}}""").Good(), false);
        (await _hubs["new.test"].AssignAsync(stale, default)).ShouldBeNull();
        await MoveAsync(migrate);
        await AssignedAsync("new.test", migrate ? RegistrationSubstatus.DeviceDataMigrated : RegistrationSubstatus.DeviceDataReset);
        (await TwinAsync("new.test")).ShouldBe(twin);
    }

    [Fact]
    public async Task While_the_old_hub_is_away_a_device_with_data_to_take_along_waits()
    {
        await MoveAsync(migrate: true);
        _hubs["old.test"].IsAway = true;
        var refusal = (await _app.RegisterAsync(Call())).Bad();
        refusal.Error.ShouldBe(ProvisioningErrors.HubUnavailable);
        refusal.Error.HttpStatus.ShouldBe(503);
        refusal.RetryAfter.ShouldBe(FlakyHub.Wait);
        _app.HubStores["new.test"]["d1"].ShouldBeNull("nothing happened yet");
        _hubs["old.test"].IsAway = false;
        await AssignedAsync("new.test", RegistrationSubstatus.DeviceDataMigrated);
        (await TwinAsync("new.test")).ShouldContain("temperature");
    }

    [Fact]
    public async Task What_is_left_in_a_hub_that_is_away_is_removed_when_it_is_back()
    {
        await MoveAsync(migrate: false);
        _hubs["old.test"].IsAway = true;
        await AssignedAsync("new.test", RegistrationSubstatus.DeviceDataReset);
        await _app.Registrations.TidyAsync(default);
        _app.HubStores["old.test"]["d1"].ShouldNotBeNull("it is away");
        (await _app.RegistrationStore.ListLeftBehindAsync(null, 10, default)).Single().LeftBehind.ShouldBe([new LeftBehind("old.test", "d1")]);
        _hubs["old.test"].IsAway = false;
        await _app.Registrations.TidyAsync(default);
        _app.HubStores["old.test"]["d1"].ShouldBeNull();
        (await _app.RegistrationStore.ListLeftBehindAsync(null, 10, default)).ShouldBeEmpty();
        _app.HubStores["new.test"]["d1"].ShouldNotBeNull();
    }

    [Fact]
    public async Task A_device_that_comes_back_to_the_hub_it_left_is_not_removed_there()
    {
        await MoveAsync(migrate: false);
        _hubs["old.test"].IsAway = true;
        await AssignedAsync("new.test", RegistrationSubstatus.DeviceDataReset);
        _hubs["old.test"].IsAway = false;
        await EnrollAsync("old.test", migrate: false, "*");
        await AssignedAsync("old.test", RegistrationSubstatus.DeviceDataReset);
        await _app.Registrations.TidyAsync(default);
        _app.HubStores["old.test"]["d1"].ShouldNotBeNull();
        _app.HubStores["new.test"]["d1"].ShouldBeNull();
    }

    [Fact]
    public async Task A_hub_that_is_not_linked_any_more_is_replaced_by_another_one()
    {
        var enrolled = await _app.EnrollAsync(TestApplication.Individual("d1") with { InitialTwin = JsonDocument.Parse(Initial).RootElement });
        var first = (await _app.RegisterAsync(_app.Call("d1", enrolled.Attestation.PrimaryKey!))).Good().Registration.AssignedHub!;
        var other = first == "old.test" ? "new.test" : "old.test";
        _app.Link(other);
        var again = (await _app.RegisterAsync(_app.Call("d1", enrolled.Attestation.PrimaryKey!))).Good().Registration;
        again.AssignedHub.ShouldBe(other);
        again.Substatus.ShouldBe(RegistrationSubstatus.InitialAssignment);
        (await TwinAsync(other)).ShouldContain("\"interval\":5");
    }

    [Fact]
    public async Task A_full_hub_hands_on_to_the_next_and_the_last_one_says_so()
    {
        var group = await _app.EnrollAsync(TestApplication.Group("g1"));
        _hubs["old.test"].IsFull = true;
        for (var i = 0; i < 10; i++)
            (await _app.RegisterAsync(GroupCall($"full-{i}", group.Attestation.PrimaryKey!))).Good().Registration.AssignedHub.ShouldBe("new.test");
        _hubs["new.test"].IsFull = true;
        var reply = (await _app.Registrations.RegisterAsync(GroupCall("late", group.Attestation.PrimaryKey!), default)).Good();
        var failure = reply.Failure.ShouldNotBeNull();
        failure.Error.ShouldBe(ProvisioningErrors.HubFull);
        failure.Tried.ShouldBe(["hub 'old.test': full", "hub 'new.test': full"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_hub_that_refuses_the_key_of_the_link_fails_the_registration()
    {
        await EnrollAsync("new.test", migrate: true);
        _hubs["new.test"].Refuses = ProvisioningErrors.HubUnauthorized;
        var reply = (await _app.Registrations.RegisterAsync(Call(), default)).Good();
        reply.Failure.ShouldNotBeNull().Error.Code.ShouldBe(400209);
        var seen = (await _app.Registrations.PollAsync(Call(), reply.OperationId!, default)).Good().Registration;
        seen.Status.ShouldBe(RegistrationStatus.Failed);
        seen.ErrorCode.ShouldBe(400209);
    }

    private byte[] Key { get; set; } = [];

    private RegistrationCall Call() => _app.Call("d1", Key);

    private RegistrationCall GroupCall(string id, byte[] groupKey) => _app.Call(id, Homeport.Contract.Access.DerivedKey.FromGroupKey(groupKey, id));

    private async Task EnrollAsync(string hub, bool migrate, string? ifMatch = null)
    {
        var enrolled = await _app.EnrollAsync(TestApplication.Individual("d1") with
        {
            IotHubHostName = hub,
            ReprovisionPolicy = new ReprovisionPolicyDescription(true, migrate),
            InitialTwin = JsonDocument.Parse(Initial).RootElement,
        }, ifMatch);
        Key = enrolled.Attestation.PrimaryKey!;
    }

    /// <summary>Assigns to the old hub, lets the twin change there, and names the new hub.</summary>
    private async Task MoveAsync(bool migrate)
    {
        await EnrollAsync("old.test", migrate);
        await AssignedAsync("old.test", RegistrationSubstatus.InitialAssignment);
        await ChangeTwinAsync("old.test");
        await EnrollAsync("new.test", migrate, "*");
    }

    private async Task AssignedAsync(string hub, RegistrationSubstatus substatus)
    {
        var registration = (await _app.RegisterAsync(Call())).Good().Registration;
        registration.AssignedHub.ShouldBe(hub);
        registration.Substatus.ShouldBe(substatus);
    }

    private async Task ChangeTwinAsync(string hub)
    {
        var content = TwinContent.Read("""{"tags":{"site":"B"},"properties":{"desired":{"interval":9},"reported":{"temperature":20}}}""").Good();
        var identity = _app.HubStores[hub]["d1"]!;
        (await _hubs[hub].AssignAsync(new HubAssignment("d1", identity.Authentication, false, content, ReplaceTwin: true), default)).ShouldBeNull();
    }

    private async Task<string> TwinAsync(string hub)
    {
        var twin = (await _hubs[hub].ReadTwinAsync("d1", default)).Good().Twin.ShouldNotBeNull().Copy();
        return new JsonObject { ["tags"] = twin.Tags, ["desired"] = twin.Desired, ["reported"] = twin.Reported }.ToJsonString();
    }
}
