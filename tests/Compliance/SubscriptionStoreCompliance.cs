using Homeport.Hub.Live;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="ISubscriptionStore"/> does. An adapter's tests inherit this and say how to open theirs.</summary>
public abstract class SubscriptionStoreCompliance : IAsyncLifetime
{
    private static readonly Dictionary<string, int> Filters = new(StringComparer.Ordinal)
    {
        ["$iothub/methods/POST/#"] = 0,
        ["$iothub/twin/res/#"] = 0,
        ["devices/a-b:c.d+e%f_g#h*i?j!k(l)m,n=o@p;q$r's/messages/devicebound/#"] = 1,
        ["devices/\"ä€🚢\\/#"] = 1,
    };

    private protected StoreFixture<DeviceStores> Fixture { get; private set; } = null!;

    private DeviceStores Stores => Fixture.Store;

    private ISubscriptionStore Sessions => Fixture.Store.Subscriptions;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<DeviceStores>> CreateAsync();

    [Fact]
    public async Task What_is_saved_is_found_and_survives()
    {
        await Stores.CreateAsync("dev1");
        await Stores.CreateAsync("dev1", "m1");
        (await Sessions.FindAsync("dev1", null, default)).ShouldBeNull();
        await Sessions.SaveAsync("dev1", null, Filters, default);
        await Sessions.SaveAsync("dev1", "m1", One("m"), default);
        await Expect("dev1", null, Filters);
        await Expect("dev1", "m1", One("m"));
        await Fixture.ReopenAsync();
        await Expect("dev1", null, Filters);
        await Expect("dev1", "m1", One("m"));
    }

    [Fact]
    public async Task The_last_save_counts()
    {
        await Stores.CreateAsync("dev1");
        await Sessions.SaveAsync("dev1", null, Filters, default);
        await Sessions.SaveAsync("dev1", null, One("a", 1), default);
        await Expect("dev1", null, One("a", 1));
        await Sessions.SaveAsync("dev1", null, One("a"), default);
        await Expect("dev1", null, One("a"));
        // Started one after the other without waiting: in that order.
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Sessions.SaveAsync("dev1", null, One($"f{i}"), default)));
        await Expect("dev1", null, One("f49"));
    }

    [Fact]
    public async Task A_deleted_session_is_none()
    {
        await Stores.CreateAsync("dev1");
        await Stores.CreateAsync("dev1", "m1");
        await Sessions.DeleteAsync("dev1", null, default);
        await Sessions.SaveAsync("dev1", null, Filters, default);
        await Sessions.SaveAsync("dev1", "m1", Filters, default);
        await Sessions.DeleteAsync("dev1", null, default);
        await Expect("dev1", null, null);
        await Expect("dev1", "m1", Filters);
        await Fixture.ReopenAsync();
        await Expect("dev1", null, null);
    }

    [Fact]
    public async Task A_session_goes_with_its_identity()
    {
        await Stores.CreateAsync("dev1");
        await Stores.CreateAsync("dev1", "m1");
        await Stores.CreateAsync("dev11");
        foreach (var (device, module) in ((string, string?)[])[("dev1", null), ("dev1", "m1"), ("dev11", null)])
            await Sessions.SaveAsync(device, module, Filters, default);
        await Stores.DeleteAsync("dev1");
        await Expect("dev1", null, null);
        await Expect("dev1", "m1", null);
        await Expect("dev11", null, Filters);
        await Stores.CreateAsync("dev1");
        await Stores.CreateAsync("dev1", "m1");
        await Expect("dev1", null, null);
        await Expect("dev1", "m1", null);
        await Sessions.SaveAsync("dev1", "m1", Filters, default);
        await Stores.DeleteAsync("dev1", "m1");
        await Expect("dev1", "m1", null);
    }

    /// <summary>A connection that is ended may save once more, when its identity is gone already.</summary>
    [Fact]
    public async Task An_identity_that_is_not_there_keeps_no_session()
    {
        await Sessions.SaveAsync("nobody", null, Filters, default);
        await Expect("nobody", null, null);
        await Stores.CreateAsync("nobody");
        await Expect("nobody", null, null);
        await Sessions.SaveAsync("nobody", "m1", Filters, default);
        await Stores.CreateAsync("nobody", "m1");
        await Expect("nobody", "m1", null);
    }

    [Fact]
    public async Task A_changed_identity_keeps_its_session()
    {
        await Stores.CreateAsync("dev1");
        await Sessions.SaveAsync("dev1", null, Filters, default);
        (await Stores.Identities.ReplaceAsync(DeviceStores.Identity("dev1") with { Enabled = false, Version = 2 }, 1, default)).ShouldBeTrue();
        await Expect("dev1", null, Filters);
    }

    [Fact]
    public async Task Hubs_do_not_see_each_others_sessions()
    {
        var other = await Fixture.OpenAnotherHubAsync("hub2");
        await Stores.CreateAsync("dev1");
        await other.CreateAsync("dev1");
        await Sessions.SaveAsync("dev1", null, Filters, default);
        (await other.Subscriptions.FindAsync("dev1", null, default)).ShouldBeNull();
        await other.Subscriptions.SaveAsync("dev1", null, One("b"), default);
        await Expect("dev1", null, Filters);
        await other.DeleteAsync("dev1");
        await Expect("dev1", null, Filters);
    }

    private static Dictionary<string, int> One(string filter, int qos = 0) => new(StringComparer.Ordinal) { [filter] = qos };

    private async Task Expect(string deviceId, string? moduleId, Dictionary<string, int>? filters)
    {
        var found = await Sessions.FindAsync(deviceId, moduleId, default);
        if (filters is null)
            found.ShouldBeNull();
        else
            found.ShouldNotBeNull().OrderBy(f => f.Key, StringComparer.Ordinal).ShouldBe(filters.OrderBy(f => f.Key, StringComparer.Ordinal));
    }
}
