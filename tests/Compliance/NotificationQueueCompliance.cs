using System.Text;
using Homeport.Hub.Files;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="INotificationQueue"/> does, with the rules <see cref="Rules"/>.</summary>
public abstract class NotificationQueueCompliance : IAsyncLifetime
{
    protected static readonly NotificationRules Rules = new(TimeSpan.FromHours(1), TimeSpan.FromSeconds(60), MaxDeliveries: 3, Capacity: 5);
    private static readonly DateTimeOffset Now = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private protected StoreFixture<INotificationQueue> Fixture { get; private set; } = null!;

    private INotificationQueue Queue => Fixture.Store;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<INotificationQueue>> CreateAsync();

    [Fact]
    public async Task Records_come_oldest_first_and_after_a_restart()
    {
        (await Queue.LockAsync(Now, default)).ShouldBeNull();
        await AddAsync("a");
        await AddAsync("b");
        await Fixture.ReopenAsync();
        var first = (await Queue.LockAsync(Now, default)).ShouldNotBeNull();
        (first.Notification.Id, Encoding.UTF8.GetString(first.Notification.Body), first.Notification.EnqueuedTime, first.DeliveryCount).ShouldBe(("a", "{a}", Now, 0));
        var second = (await Queue.LockAsync(Now, default)).ShouldNotBeNull();
        second.Notification.Id.ShouldBe("b");
        second.SequenceNumber.ShouldBeGreaterThan(first.SequenceNumber);
        (await Queue.LockAsync(Now, default)).ShouldBeNull();
    }

    [Fact]
    public async Task A_completed_record_is_gone_and_an_abandoned_one_comes_back()
    {
        await AddAsync("a");
        var one = (await Queue.LockAsync(Now, default))!;
        (await Queue.AbandonAsync(one.LockToken, Now, default)).ShouldBeTrue();
        (await Queue.CompleteAsync(one.LockToken, Now, default)).ShouldBeFalse();
        var two = (await Queue.LockAsync(Now, default))!;
        two.DeliveryCount.ShouldBe(1);
        two.LockToken.ShouldNotBe(one.LockToken);
        (await Queue.CompleteAsync(two.LockToken, Now, default)).ShouldBeTrue();
        (await Queue.CompleteAsync(two.LockToken, Now, default)).ShouldBeFalse();
        (await Queue.LockAsync(Now, default)).ShouldBeNull();
    }

    [Fact]
    public async Task A_lock_ends_with_its_time()
    {
        await AddAsync("a");
        var one = (await Queue.LockAsync(Now, default))!;
        (await Queue.LockAsync(Now + Rules.Lock - TimeSpan.FromMilliseconds(1), default)).ShouldBeNull();
        (await Queue.CompleteAsync(one.LockToken, Now + Rules.Lock, default)).ShouldBeFalse();
        (await Queue.LockAsync(Now + Rules.Lock, default)).ShouldNotBeNull().DeliveryCount.ShouldBe(1);
    }

    [Fact]
    public async Task After_the_last_delivery_a_record_is_dropped()
    {
        await AddAsync("a");
        for (var i = 0; i < Rules.MaxDeliveries; i++)
            (await Queue.AbandonAsync((await Queue.LockAsync(Now, default)).ShouldNotBeNull().LockToken, Now, default)).ShouldBeTrue();
        (await Queue.LockAsync(Now, default)).ShouldBeNull();
    }

    [Fact]
    public async Task The_last_delivery_can_be_completed()
    {
        await AddAsync("a");
        for (var i = 1; i < Rules.MaxDeliveries; i++)
            await Queue.AbandonAsync((await Queue.LockAsync(Now, default))!.LockToken, Now, default);
        var last = (await Queue.LockAsync(Now, default)).ShouldNotBeNull();
        await AddAsync("b");
        (await Queue.CompleteAsync(last.LockToken, Now, default)).ShouldBeTrue();
    }

    [Fact]
    public async Task Old_records_are_dropped_and_new_ones_push_out_the_oldest()
    {
        await AddAsync("old");
        (await Queue.LockAsync(Now + Rules.Life, default)).ShouldBeNull();
        for (var i = 0; i < Rules.Capacity + 2; i++)
            await AddAsync($"{i}");
        var seen = new List<string>();
        while (await Queue.LockAsync(Now, default) is { } locked)
            seen.Add(locked.Notification.Id);
        seen.ShouldBe(["2", "3", "4", "5", "6"]);
    }

    [Fact]
    public async Task The_same_record_waits_once()
    {
        await AddAsync("a");
        await AddAsync("a");
        (await Queue.LockAsync(Now, default)).ShouldNotBeNull();
        (await Queue.LockAsync(Now, default)).ShouldBeNull();
    }

    [Fact]
    public async Task Of_many_readers_one_gets_a_record()
    {
        await AddAsync("a");
        var locked = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => Queue.LockAsync(Now, default))));
        locked.Count(l => l is not null).ShouldBe(1);
    }

    [Fact]
    public async Task Hubs_are_apart()
    {
        var other = await Fixture.OpenAnotherHubAsync("hub2");
        await AddAsync("a");
        (await other.LockAsync(Now, default)).ShouldBeNull();
        var locked = (await Queue.LockAsync(Now, default))!;
        (await other.CompleteAsync(locked.LockToken, Now, default)).ShouldBeFalse();
    }

    private Task AddAsync(string id) => Queue.AddAsync(new Notification(id, Encoding.UTF8.GetBytes($"{{{id}}}"), Now), default);
}
