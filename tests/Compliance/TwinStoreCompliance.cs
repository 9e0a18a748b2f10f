using System.Collections.Concurrent;
using System.Text;
using Homeport.Contract.Errors;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="ITwinStore"/> does. An adapter's tests inherit this and say how to open theirs.</summary>
public abstract class TwinStoreCompliance : IAsyncLifetime
{
    private protected StoreFixture<DeviceStores> Fixture { get; private set; } = null!;

    private DeviceStores Stores => Fixture.Store;

    private ITwinStore Twins => Fixture.Store.Twins;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<DeviceStores>> CreateAsync();

    [Fact]
    public async Task A_new_identity_has_a_new_twin()
    {
        await Stores.CreateAsync("dev1");
        await Stores.CreateAsync("dev1", "m1");
        Same(await Twins.FindAsync("dev1", null, default), new Twin { DeviceId = "dev1" });
        Same(await Twins.FindAsync("dev1", "m1", default), new Twin { DeviceId = "dev1", ModuleId = "m1" });
        (await Twins.FindAsync("dev2", null, default)).ShouldBeNull();
        (await Twins.FindAsync("dev1", "m2", default)).ShouldBeNull();
        (await Twins.FindAsync("DEV1", null, default)).ShouldBeNull("ids are case-sensitive");
    }

    [Fact]
    public async Task A_change_is_stored_field_by_field_and_survives()
    {
        await Stores.CreateAsync("dev1");
        await Stores.CreateAsync("dev1", "m1");
        foreach (var moduleId in (string?[])[null, "m1"])
        {
            var outcome = await Twins.ChangeTwinAsync("dev1", moduleId, Full, _ => { }, default);
            Same(outcome!.Value.Value, Filled(new Twin { DeviceId = "dev1", ModuleId = moduleId }));
        }
        Same(await Twins.FindAsync("dev1", null, default), Filled(new Twin { DeviceId = "dev1" }));
        await Fixture.ReopenAsync();
        Same(await Twins.FindAsync("dev1", null, default), Filled(new Twin { DeviceId = "dev1" }));
        Same(await Twins.FindAsync("dev1", "m1", default), Filled(new Twin { DeviceId = "dev1", ModuleId = "m1" }));
    }

    [Theory]
    [InlineData("a-b:c.d+e%f_g#h*i?j!k(l)m,n=o@p;q$r's")]
    [InlineData("'; DROP TABLE twins; --")]
    [InlineData("%")]
    public async Task Every_character_of_an_id_is_a_character(string id)
    {
        await Stores.CreateAsync("other");
        await Stores.CreateAsync(id);
        await ChangeAsync(id, t => t with { Version = 7 });
        (await Twins.FindAsync(id, null, default))!.Version.ShouldBe(7);
        (await Twins.FindAsync("other", null, default))!.Version.ShouldBe(2);
    }

    [Fact]
    public async Task What_is_not_there_is_not_changed()
    {
        var called = false;
        Outcome<Twin> Change(Twin twin)
        {
            called = true;
            return twin;
        }
        (await Twins.ChangeTwinAsync("nobody", null, Change, _ => called = true, default)).ShouldBeNull();
        called.ShouldBeFalse();
        (await Twins.FindAsync("nobody", null, default)).ShouldBeNull();
    }

    [Fact]
    public async Task A_refused_change_stores_nothing_and_is_told_to_nobody()
    {
        await Stores.CreateAsync("dev1");
        var refusal = new Refusal(HubErrors.ArgumentInvalid, "seen", "fix");
        var told = false;
        var outcome = await Twins.ChangeTwinAsync("dev1", null, _ => refusal, _ => told = true, default);
        outcome!.Value.Refusal.ShouldBe(refusal);
        told.ShouldBeFalse();
        Same(await Twins.FindAsync("dev1", null, default), new Twin { DeviceId = "dev1" });
    }

    [Fact]
    public async Task A_change_that_fails_takes_nothing_else_along()
    {
        await Stores.CreateAsync("dev1");
        await Stores.CreateAsync("dev2");
        var told = new ConcurrentQueue<string>();
        var good = Enumerable.Range(0, 20).Select(_ => Twins.ChangeTwinAsync("dev1", null, t => t with { Version = t.Version + 1 }, t => told.Enqueue(t.DeviceId), default)).ToList();
        var bad = Twins.ChangeTwinAsync("dev2", null, _ => throw new InvalidOperationException("in the middle"), t => told.Enqueue(t.DeviceId), default);
        good.AddRange(Enumerable.Range(0, 20).Select(_ => Twins.ChangeTwinAsync("dev1", null, t => t with { Version = t.Version + 1 }, t => told.Enqueue(t.DeviceId), default)));
        (await Should.ThrowAsync<InvalidOperationException>(bad)).Message.ShouldBe("in the middle");
        await Task.WhenAll(good);
        (await Twins.FindAsync("dev1", null, default))!.Version.ShouldBe(42);
        Same(await Twins.FindAsync("dev2", null, default), new Twin { DeviceId = "dev2" });
        told.Count(t => t == "dev1").ShouldBe(40);
        told.ShouldNotContain("dev2");
    }

    [Fact]
    public async Task Concurrent_changes_are_made_one_after_the_other_and_told_in_their_order()
    {
        await Stores.CreateAsync("dev1");
        var told = new ConcurrentQueue<long>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++)
                await Twins.ChangeTwinAsync("dev1", null, t => t with { Version = t.Version + 1 }, t => told.Enqueue(t.Version), default);
        })));
        (await Twins.FindAsync("dev1", null, default))!.Version.ShouldBe(402);
        told.ShouldBe(Enumerable.Range(3, 400).Select(v => (long)v));
    }

    [Fact]
    public async Task Who_is_told_of_a_change_can_read_it_and_is_told_before_the_caller()
    {
        await Stores.CreateAsync("dev1");
        for (var i = 0; i < 20; i++)
        {
            Task<Twin?>? read = null;
            await Twins.ChangeTwinAsync("dev1", null, t => t with { Version = t.Version + 1 }, t => read = Twins.FindAsync("dev1", null, default), default);
            (await read.ShouldNotBeNull())!.Version.ShouldBe(i + 3);
        }
    }

    [Fact]
    public async Task A_change_that_nobody_waits_for_any_more_is_not_begun()
    {
        await Stores.CreateAsync("dev1");
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(Twins.ChangeTwinAsync("dev1", null, t => t with { Version = 99 }, _ => { }, gone.Token));
        (await Twins.FindAsync("dev1", null, default))!.Version.ShouldBe(2);
    }

    [Fact]
    public async Task A_twin_goes_with_its_identity_and_comes_back_new()
    {
        foreach (var (device, module) in ((string, string?)[])[("dev1", null), ("dev1", "m1"), ("dev1", "m2"), ("dev11", null)])
        {
            await Stores.CreateAsync(device, module);
            await Twins.ChangeTwinAsync(device, module, Full, _ => { }, default);
        }
        await Stores.DeleteAsync("dev1", "m1");
        (await Twins.FindAsync("dev1", "m1", default)).ShouldBeNull();
        (await Twins.FindAsync("dev1", null, default)).ShouldNotBeNull();
        await Stores.DeleteAsync("dev1");
        (await Twins.FindAsync("dev1", null, default)).ShouldBeNull();
        (await Twins.FindAsync("dev1", "m2", default)).ShouldBeNull("a device takes its modules along");
        (await Twins.FindAsync("dev11", null, default)).ShouldNotBeNull();
        (await Twins.ChangeTwinAsync("dev1", null, Full, _ => { }, default)).ShouldBeNull();
        await Stores.CreateAsync("dev1");
        await Stores.CreateAsync("dev1", "m2");
        Same(await Twins.FindAsync("dev1", null, default), new Twin { DeviceId = "dev1" });
        Same(await Twins.FindAsync("dev1", "m2", default), new Twin { DeviceId = "dev1", ModuleId = "m2" });
    }

    [Fact]
    public async Task A_changed_identity_keeps_its_twin_and_a_refused_insertion_spoils_none()
    {
        await Stores.CreateAsync("dev1");
        await ChangeAsync("dev1", Full);
        (await Stores.Identities.ReplaceAsync(DeviceStores.Identity("dev1") with { Enabled = false, Version = 2 }, 1, default)).ShouldBeTrue();
        (await Stores.Identities.InsertAsync(DeviceStores.Identity("dev1"), null, default)).ShouldBeFalse();
        (await Stores.Identities.DeleteAsync("dev1", null, 77, null, default)).ShouldBeFalse();
        Same(await Twins.FindAsync("dev1", null, default), Filled(new Twin { DeviceId = "dev1" }));
    }

    [Fact]
    public async Task Hubs_do_not_see_each_others_twins()
    {
        var other = await Fixture.OpenAnotherHubAsync("hub2");
        await Stores.CreateAsync("dev1");
        await other.CreateAsync("dev1");
        await ChangeAsync("dev1", Full);
        Same(await other.Twins.FindAsync("dev1", null, default), new Twin { DeviceId = "dev1" });
        await other.DeleteAsync("dev1");
        Same(await Twins.FindAsync("dev1", null, default), Filled(new Twin { DeviceId = "dev1" }));
        (await other.Twins.FindAsync("dev1", null, default)).ShouldBeNull();
    }

    private static Twin Filled(Twin twin) => twin with
    {
        Counter = 1L << 40,
        Version = (1L << 41) + 1,
        Tags = Encoding.UTF8.GetBytes("""{"floor":1,"name":"ä€🚢\"\\"}"""),
        Desired = new TwinSection(Encoding.UTF8.GetBytes("""{"d":{"e":[1,null]}}"""), Encoding.UTF8.GetBytes("""{"$lastUpdated":"2026-01-01T00:00:00.0000000Z"}"""), 1L << 42),
        Reported = new TwinSection(Encoding.UTF8.GetBytes("""{"r":1.50}"""), Encoding.UTF8.GetBytes("""{"$lastUpdated":"2027-01-01T00:00:00.0000000Z"}"""), 1L << 43),
        ModelId = "dtmi:com:example:Thermostat;1",
    };

    private static Outcome<Twin> Full(Twin twin) => Filled(twin);

    private static void Same(Twin? actual, Twin expected)
    {
        actual.ShouldNotBeNull();
        Text(actual).ShouldBe(Text(expected));
    }

    private static string Text(Twin twin) =>
        $"{twin.DeviceId} {twin.ModuleId} {twin.Counter} {twin.Version} {twin.ModelId}\n{Text(twin.Tags)}\n{Text(twin.Desired)}\n{Text(twin.Reported)}";

    private static string Text(TwinSection section) => $"{section.Version} {Text(section.Properties)} {Text(section.Metadata)}";

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    private async Task ChangeAsync(string deviceId, Func<Twin, Outcome<Twin>> change) => (await Twins.ChangeTwinAsync(deviceId, null, change, _ => { }, default))!.Value.Refusal.ShouldBeNull();
}
