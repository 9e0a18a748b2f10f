using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;

namespace Homeport.Tests.Hub;

/// <summary>The identity registry: PUT and DELETE with and without conditions, keys, connections, limits and races.</summary>
public sealed class IdentityRegistryTests
{
    private static readonly byte[] Key1 = [.. Enumerable.Repeat((byte)1, 32)];
    private static readonly byte[] Key2 = [.. Enumerable.Repeat((byte)2, 32)];
    private readonly FakeTimeProvider _time = new();
    private readonly MemoryIdentityStore _store = new();
    private readonly LiveConnections _live = new();
    private readonly IdentityRegistry _registry;

    public IdentityRegistryTests() => _registry = new IdentityRegistry(_store, _live, _time);

    [Fact]
    public async Task A_new_device_gets_keys_a_generation_and_a_version()
    {
        var made = await Put(Device("dev1"));
        made.Authentication.PrimaryKey!.Length.ShouldBe(SharedAccessPolicy.KeySize);
        made.Authentication.SecondaryKey!.Length.ShouldBe(SharedAccessPolicy.KeySize);
        made.Authentication.PrimaryKey.ShouldNotBe(made.Authentication.SecondaryKey);
        made.GenerationId.ShouldNotBeNullOrEmpty();
        made.ETag.ShouldBe("MQ==");
        (made.Enabled, made.StatusTime, made.ConnectionTime, made.LastActivity).ShouldBe((true, null, null, null));
        (await Put(Device("dev2"))).Authentication.PrimaryKey.ShouldNotBe(made.Authentication.PrimaryKey);
        (await Get("dev1")).ShouldBe(made);
    }

    [Fact]
    public async Task Given_keys_are_taken_and_a_missing_one_is_made()
    {
        var made = await Put(Device("dev1") with { Authentication = new Authentication(AuthenticationType.Sas, Key1) });
        made.Authentication.PrimaryKey.ShouldBe(Key1);
        made.Authentication.SecondaryKey!.Length.ShouldBe(32);
    }

    [Theory]
    [InlineData(AuthenticationType.SelfSigned)]
    [InlineData(AuthenticationType.CertificateAuthority)]
    [InlineData(AuthenticationType.None)]
    public async Task Devices_without_tokens_get_no_keys(AuthenticationType type)
    {
        var made = await Put(Device("dev1") with { Authentication = new Authentication(type) });
        made.Authentication.PrimaryKey.ShouldBeNull();
        made.Authentication.SecondaryKey.ShouldBeNull();
    }

    [Fact]
    public async Task An_update_without_keys_keeps_them_and_one_with_keys_takes_them()
    {
        var made = await Put(Device("dev1"));
        var kept = await Put(Device("dev1") with { StatusReason = "x" }, "*");
        kept.Authentication.PrimaryKey.ShouldBe(made.Authentication.PrimaryKey);
        kept.Authentication.SecondaryKey.ShouldBe(made.Authentication.SecondaryKey);
        kept.GenerationId.ShouldBe(made.GenerationId);
        var changed = await Put(Device("dev1") with { Authentication = new Authentication(AuthenticationType.Sas, null, Key2) }, "*");
        changed.Authentication.PrimaryKey.ShouldBe(made.Authentication.PrimaryKey);
        changed.Authentication.SecondaryKey.ShouldBe(Key2);
    }

    [Theory]
    [InlineData(null, nameof(HubErrors.DeviceAlreadyExists))]
    [InlineData("", nameof(HubErrors.DeviceAlreadyExists))]
    [InlineData("*", null)]
    [InlineData("\"*\"", null)]
    [InlineData("MQ==", null)]
    [InlineData("\"MQ==\"", null)]
    [InlineData("W/\"MQ==\"", null)]
    [InlineData(" \"MQ==\" ", null)]
    [InlineData("\"Mg==\"", nameof(HubErrors.PreconditionFailed))]
    [InlineData("\"mq==\"", nameof(HubErrors.PreconditionFailed))]
    [InlineData("garbage", nameof(HubErrors.PreconditionFailed))]
    public async Task PUT_on_an_existing_device_follows_If_Match(string? ifMatch, string? error)
    {
        await Put(Device("dev1"));
        var outcome = await _registry.PutAsync(Device("dev1") with { StatusReason = "changed" }, IfMatch.Parse(ifMatch), default);
        (outcome.Refusal?.Error.Name).ShouldBe(error);
        var now = await Get("dev1");
        (now.StatusReason, now.Version).ShouldBe(error is null ? ("changed", 2) : (null, 1));
    }

    [Fact]
    public async Task PUT_with_an_ETag_on_a_missing_device_finds_none()
    {
        var outcome = await _registry.PutAsync(Device("dev1"), IfMatch.Parse("\"MQ==\""), default);
        outcome.Refusal!.Error.ShouldBe(HubErrors.DeviceNotFound);
        (await _store.CountAsync(default)).Total.ShouldBe(0);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("*", null)]
    [InlineData("\"MQ==\"", null)]
    [InlineData("\"Mg==\"", nameof(HubErrors.PreconditionFailed))]
    public async Task DELETE_follows_If_Match(string? ifMatch, string? error)
    {
        await Put(Device("dev1"));
        var refusal = await _registry.DeleteAsync("dev1", null, IfMatch.Parse(ifMatch), default);
        (refusal?.Error.Name).ShouldBe(error);
        (await _store.CountAsync(default)).Total.ShouldBe(error is null ? 0 : 1);
        (await _registry.DeleteAsync("nobody", null, IfMatch.Absent, default))!.Error.ShouldBe(HubErrors.DeviceNotFound);
    }

    [Fact]
    public async Task A_device_made_again_is_another_generation()
    {
        var first = await Put(Device("dev1"));
        await _registry.DeleteAsync("dev1", null, IfMatch.Absent, default);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        (await Put(Device("dev1"))).GenerationId.ShouldNotBe(first.GenerationId);
    }

    [Fact]
    public async Task The_status_time_follows_the_status_only()
    {
        await Put(Device("dev1"));
        _time.Advance(TimeSpan.FromHours(1));
        var disabled = await Put(Device("dev1") with { Enabled = false, StatusReason = "lost" }, "*");
        disabled.StatusTime.ShouldBe(_time.GetUtcNow());
        _time.Advance(TimeSpan.FromHours(1));
        (await Put(Device("dev1") with { Enabled = false, StatusReason = "stolen" }, "*")).StatusTime.ShouldBe(disabled.StatusTime);
        (await Put(Device("dev1"), "*")).StatusTime.ShouldBe(_time.GetUtcNow());
    }

    [Theory]
    [InlineData("disable", true, true)]
    [InlineData("delete", true, true)]
    [InlineData("key", true, true)]
    [InlineData("reason", false, false)]
    [InlineData("delete module", false, true)]
    [InlineData("module key", false, true)]
    public async Task Connections_end_when_their_identity_changes(string change, bool deviceEnds, bool moduleEnds)
    {
        await Put(Device("dev1") with { Authentication = new Authentication(AuthenticationType.Sas, Key1, Key1) });
        await Put(Module("dev1", "m1") with { Authentication = new Authentication(AuthenticationType.Sas, Key1, Key1) });
        var (device, module, other) = (new FakeLink("dev1"), new FakeLink("dev1/m1"), new FakeLink("dev11"));
        foreach (var link in (FakeLink[])[device, module, other])
            _live.Open(link);
        switch (change)
        {
            case "disable": await Put(Device("dev1") with { Enabled = false }, "*"); break;
            case "delete": (await _registry.DeleteAsync("dev1", null, IfMatch.Absent, default)).ShouldBeNull(); break;
            case "key": await Put(Device("dev1") with { Authentication = new Authentication(AuthenticationType.Sas, Key2) }, "*"); break;
            case "reason": await Put(Device("dev1") with { StatusReason = "x" }, "*"); break;
            case "delete module": (await _registry.DeleteAsync("dev1", "m1", IfMatch.Absent, default)).ShouldBeNull(); break;
            default: await Put(Module("dev1", "m1") with { Authentication = new Authentication(AuthenticationType.Sas, Key2) }, "*"); break;
        }
        device.Reason.ShouldBe(deviceEnds ? CloseReason.IdentityChanged : CloseReason.None);
        module.Reason.ShouldBe(moduleEnds ? CloseReason.IdentityChanged : CloseReason.None);
        other.Reason.ShouldBe(CloseReason.None);
    }

    [Fact]
    public async Task A_refused_change_ends_no_connection()
    {
        await Put(Device("dev1"));
        var link = new FakeLink("dev1");
        _live.Open(link);
        (await _registry.PutAsync(Device("dev1") with { Enabled = false }, IfMatch.Parse("\"Mg==\""), default)).Refusal.ShouldNotBeNull();
        (await _registry.DeleteAsync("dev1", null, IfMatch.Parse("\"Mg==\""), default)).ShouldNotBeNull();
        link.Reason.ShouldBe(CloseReason.None);
    }

    [Fact]
    public async Task Modules_need_their_device_and_go_with_it()
    {
        (await _registry.PutAsync(Module("dev1", "m1"), IfMatch.Absent, default)).Refusal!.Error.ShouldBe(HubErrors.DeviceNotFound);
        await Put(Device("dev1"));
        await Put(Module("dev1", "m1"));
        (await _registry.PutAsync(Module("dev1", "m1"), IfMatch.Absent, default)).Refusal!.Error.ShouldBe(HubErrors.ModuleAlreadyExistsOnDevice);
        (await _registry.GetAsync("dev1", "m2", default)).Refusal!.Error.ShouldBe(HubErrors.ModuleNotFound);
        (await _registry.ListModulesAsync("dev1", default)).Value!.Count.ShouldBe(1);
        (await _registry.ListModulesAsync("dev2", default)).Refusal!.Error.ShouldBe(HubErrors.DeviceNotFound);
        (await _registry.DeleteAsync("dev1", null, IfMatch.Absent, default)).ShouldBeNull();
        (await _store.FindAsync("dev1", "m1", default)).ShouldBeNull();
    }

    [Fact]
    public async Task A_device_has_at_most_fifty_modules()
    {
        await Put(Device("dev1"));
        for (var i = 0; i < IdentityRegistry.MaxModules; i++)
            await Put(Module("dev1", $"m{i}"));
        IdentityRegistry.MaxModules.ShouldBe(50);
        (await _registry.PutAsync(Module("dev1", "one-too-many"), IfMatch.Absent, default)).Refusal!.Error.ShouldBe(HubErrors.TooManyModulesOnDevice);
        await Put(Module("dev1", "m0") with { ManagedBy = "x" }, "*");
        (await _registry.DeleteAsync("dev1", "m0", IfMatch.Absent, default)).ShouldBeNull();
        await Put(Module("dev1", "another"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("a b")]
    [InlineData("ä")]
    public async Task Bad_ids_are_invalid_arguments(string id)
    {
        (await _registry.PutAsync(Device(id), IfMatch.Absent, default)).Refusal!.Error.ShouldBe(HubErrors.ArgumentInvalid);
        await Put(Device("dev1"));
        (await _registry.PutAsync(Module("dev1", id), IfMatch.Absent, default)).Refusal!.Error.ShouldBe(HubErrors.ArgumentInvalid);
    }

    [Fact]
    public async Task A_reason_has_at_most_128_characters()
    {
        await Put(Device("dev1") with { StatusReason = new string('x', 128) });
        (await _registry.PutAsync(Device("dev2") with { StatusReason = new string('x', 129) }, IfMatch.Absent, default)).Refusal!.Error.ShouldBe(HubErrors.ArgumentInvalid);
    }

    [Fact]
    public async Task An_unknown_device_has_a_nearest_one()
    {
        await Put(Device("Sensor-1"));
        var refusal = (await _registry.GetAsync("sensor-1", null, default)).Refusal!;
        (refusal.Error, refusal.Nearest).ShouldBe((HubErrors.DeviceNotFound, "Sensor-1"));
    }

    [Fact]
    public async Task Of_two_creations_at_once_one_wins()
    {
        _store.BeforeWrite = async () => await Put(Device("dev1") with { StatusReason = "first" });
        var second = await _registry.PutAsync(Device("dev1") with { StatusReason = "second" }, IfMatch.Absent, default);
        second.Refusal!.Error.ShouldBe(HubErrors.DeviceAlreadyExists);
        (await Get("dev1")).StatusReason.ShouldBe("first");
    }

    [Theory]
    [InlineData("\"MQ==\"")]
    [InlineData("*")]
    public async Task Of_two_updates_at_once_none_is_lost(string ifMatch)
    {
        await Put(Device("dev1"));
        _store.BeforeWrite = async () => await Put(Device("dev1") with { StatusReason = "first" }, "*");
        var second = await _registry.PutAsync(Device("dev1") with { StatusReason = "second" }, IfMatch.Parse(ifMatch), default);
        var now = await Get("dev1");
        if (second.Refusal is { } refusal)
            (refusal.Error, now.StatusReason, now.Version).ShouldBe((HubErrors.PreconditionFailed, "first", 2));
        else
            (ifMatch, now.StatusReason, now.Version).ShouldBe(("*", "second", 3));
    }

    [Fact]
    public async Task A_conditional_delete_does_not_take_a_newer_version()
    {
        await Put(Device("dev1"));
        _store.BeforeWrite = async () => await Put(Device("dev1") with { StatusReason = "first" }, "*");
        (await _registry.DeleteAsync("dev1", null, IfMatch.Parse("\"MQ==\""), default))!.Error.ShouldBe(HubErrors.PreconditionFailed);
        (await Get("dev1")).StatusReason.ShouldBe("first");
    }

    [Fact]
    public async Task Many_creations_of_the_same_device_make_one()
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => Task.Run(() => _registry.PutAsync(Device("dev1"), IfMatch.Absent, default))));
        outcomes.Count(o => o.Refusal is null).ShouldBe(1);
        outcomes.Where(o => o.Refusal is not null).ShouldAllBe(o => o.Refusal!.Error == HubErrors.DeviceAlreadyExists);
        (await Get("dev1")).Authentication.PrimaryKey.ShouldBe(outcomes.Single(o => o.Refusal is null).Value!.Authentication.PrimaryKey);
    }

    [Fact]
    public async Task Provisioning_creates_and_then_gives_new_credentials_but_does_not_enable()
    {
        var made = (await _registry.AssignAsync("dev1", new Authentication(AuthenticationType.Sas, Key1, Key1), iotEdge: true, default)).Value!;
        (made.IotEdge, made.Version).ShouldBe((true, 1));
        (await _registry.AssignAsync("dev1", new Authentication(AuthenticationType.Sas, Key1, Key1), iotEdge: true, default)).Value!.Version.ShouldBe(1, "nothing changed");
        await Put(made with { Enabled = false, StatusReason = "lost" }, "*");
        var again = (await _registry.AssignAsync("dev1", new Authentication(AuthenticationType.Sas, Key2, Key2), iotEdge: true, default)).Value!;
        again.Authentication.PrimaryKey.ShouldBe(Key2);
        (again.Enabled, again.StatusReason).ShouldBe((false, "lost"));
    }

    [Fact]
    public async Task Provisioning_goes_on_when_another_writer_comes_between()
    {
        _store.BeforeWrite = async () => await Put(Device("dev1") with { StatusReason = "operator" });
        var assigned = (await _registry.AssignAsync("dev1", new Authentication(AuthenticationType.Sas, Key1, Key1), iotEdge: false, default)).Value!;
        (assigned.StatusReason, assigned.Version).ShouldBe(("operator", 2));
        assigned.Authentication.PrimaryKey.ShouldBe(Key1);
    }

    [Theory]
    [InlineData(null, true, false)]
    [InlineData("", true, false)]
    [InlineData("  ", true, false)]
    [InlineData("*", false, false)]
    [InlineData("\"*\"", false, false)]
    [InlineData("\"MQ==\"", false, true)]
    public void If_Match_is_absent_any_or_conditional(string? header, bool absent, bool conditional)
    {
        var condition = IfMatch.Parse(header);
        (condition.IsAbsent, condition.IsConditional).ShouldBe((absent, conditional));
    }

    private static Identity Device(string id) => new() { DeviceId = id, GenerationId = "", Authentication = new Authentication(AuthenticationType.Sas) };

    private static Identity Module(string device, string module) => Device(device) with { ModuleId = module };

    private async Task<Identity> Put(Identity identity, string? ifMatch = null)
    {
        var outcome = await _registry.PutAsync(identity, IfMatch.Parse(ifMatch), default);
        outcome.Refusal.ShouldBeNull(outcome.Refusal?.Text);
        return outcome.Value!;
    }

    private async Task<Identity> Get(string id) => (await _registry.GetAsync(id, null, default)).Value!;
}
