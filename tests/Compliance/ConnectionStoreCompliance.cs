using Homeport.Hub.Live;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="IConnectionStore"/> does. An adapter's tests inherit this and say how to open theirs.</summary>
public abstract class ConnectionStoreCompliance : IAsyncLifetime
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private protected StoreFixture<DeviceStores> Fixture { get; private set; } = null!;

    private DeviceStores Stores => Fixture.Store;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<DeviceStores>> CreateAsync();

    [Fact]
    public async Task Notes_come_back_the_newest_first_with_those_of_modules_and_survive()
    {
        await Stores.CreateAsync("dev1");
        await Stores.CreateAsync("dev2");
        ConnectionNote[] notes =
        [
            new("dev1", null, Noon, "mqtt", "192.0.2.7", CloseReason.None),
            new("dev2", null, Noon, "amqp", null, CloseReason.None),
            new("dev1", "m1", Noon.AddMilliseconds(1), "amqp", "2001:db8::1", CloseReason.None),
            new("dev1", null, Noon.AddMilliseconds(1), "mqtt", "192.0.2.7", CloseReason.TokenExpired),
        ];
        await Stores.Connections.AddAsync(notes[..2], default);
        await Stores.Connections.AddAsync(notes[2..], default);
        await Fixture.ReopenAsync();
        (await Stores.Connections.ListAsync("dev1", default)).ShouldBe([notes[3], notes[2], notes[0]]);
        (await Stores.Connections.ListAsync("dev2", default)).ShouldBe([notes[1]]);
        (await (await Fixture.OpenAnotherHubAsync("hub2")).Connections.ListAsync("dev1", default)).ShouldBeEmpty();
    }

    [Fact]
    public async Task The_oldest_notes_make_room_for_each_device_apart()
    {
        await Stores.CreateAsync("dev1");
        await Stores.CreateAsync("dev2");
        await Stores.Connections.AddAsync([new ConnectionNote("dev2", null, Noon, "mqtt", null, CloseReason.None)], default);
        for (var i = 0; i < 3; i++)
            await Stores.Connections.AddAsync([.. Enumerable.Range(i * 30, 30).Select(n => new ConnectionNote("dev1", null, Noon.AddSeconds(n), "mqtt", null, CloseReason.None))], default);
        var kept = await Stores.Connections.ListAsync("dev1", default);
        kept.Count.ShouldBe(IConnectionStore.PerDevice);
        (kept[0].Time, kept[^1].Time).ShouldBe((Noon.AddSeconds(89), Noon.AddSeconds(90 - IConnectionStore.PerDevice)));
        (await Stores.Connections.ListAsync("dev2", default)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task The_history_goes_with_its_device_and_nothing_is_noted_of_one_that_is_not_there()
    {
        var note = new ConnectionNote("dev1", null, Noon, "mqtt", null, CloseReason.None);
        await Stores.Connections.AddAsync([note], default);
        (await Stores.Connections.ListAsync("dev1", default)).ShouldBeEmpty();
        await Stores.CreateAsync("dev1");
        await Stores.CreateAsync("dev1", "m1");
        await Stores.Connections.AddAsync([note, note with { ModuleId = "m1" }], default);
        await Stores.DeleteAsync("dev1", "m1");
        (await Stores.Connections.ListAsync("dev1", default)).Count.ShouldBe(2, "the device is still there");
        await Stores.DeleteAsync("dev1");
        await Stores.CreateAsync("dev1");
        (await Stores.Connections.ListAsync("dev1", default)).ShouldBeEmpty();
    }
}
