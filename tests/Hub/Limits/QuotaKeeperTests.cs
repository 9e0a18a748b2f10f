using Homeport.Contract.Errors;
using Homeport.Hub.Limits;

namespace Homeport.Tests.Hub.Limits;

/// <summary>The count of a day over restarts.</summary>
public sealed class QuotaKeeperTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly MemoryQuotaStore _store = new();

    [Fact]
    public async Task A_restart_goes_on_with_the_count_and_a_new_day_begins_anew()
    {
        var first = await RunAsync(t => Take(t, 399_999));
        first.ShouldBe(399_999);
        _store.Saved!.Value.Used.ShouldBe(399_999);
        (await RunAsync(t => Take(t, 5))).ShouldBe(1, "one was left");
        _time.Advance(TimeSpan.FromDays(1));
        (await RunAsync(t => Take(t, 5))).ShouldBe(5);
    }

    [Fact]
    public async Task It_is_saved_once_a_second_and_only_when_it_grew()
    {
        var throttles = new Throttles(ThrottleProfile.Azure(1, 1), _time);
        using var stop = new CancellationTokenSource();
        var running = Keeper(throttles).RunAsync(stop.Token);
        Take(throttles, 3);
        for (var i = 0; i < 500 && _store.Saves == 0; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
        (_store.Saves, _store.Saved!.Value.Used).ShouldBe((1, 3));
        await stop.CancelAsync();
        await running;
        _store.Saves.ShouldBe(1);
    }

    [Fact]
    public async Task The_limits_of_the_machine_have_nothing_to_save()
    {
        await Keeper(new Throttles(ThrottleProfile.Machine(), _time)).RunAsync(TestContext.Current.CancellationToken);
        _store.Saves.ShouldBe(0);
    }

    private QuotaKeeper Keeper(Throttles throttles) => new(throttles, _store, _time, new ListLogger<QuotaKeeper>());

    /// <summary>A server from its start to its end.</summary>
    private async Task<int> RunAsync(Func<Throttles, int> use)
    {
        var throttles = new Throttles(ThrottleProfile.Azure(1, 1), _time);
        using var stop = new CancellationTokenSource();
        var running = Keeper(throttles).RunAsync(stop.Token);
        var taken = use(throttles);
        await stop.CancelAsync();
        await running;
        return taken;
    }

    private static int Take(Throttles throttles, int times)
    {
        for (var i = 0; i < times; i++)
        {
            if (throttles.TryCount(1) is not { } refused)
                continue;
            refused.Refusal.Error.ShouldBe(HubErrors.IotHubQuotaExceeded);
            return i;
        }
        return times;
    }

    private sealed class MemoryQuotaStore : IQuotaStore
    {
        public DayCount? Saved { get; private set; }

        public int Saves { get; private set; }

        public DayCount? Read() => Saved;

        public Task SaveAsync(DayCount count, CancellationToken token)
        {
            (Saved, Saves) = (count, Saves + 1);
            return Task.CompletedTask;
        }
    }
}
