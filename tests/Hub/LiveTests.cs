using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Live;

namespace Homeport.Tests.Hub;

/// <summary>Who is connected, since when, and why others were not let in.</summary>
public sealed class LiveTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly LiveConnections _live = new();

    [Fact]
    public void The_newest_connection_of_an_identity_wins()
    {
        var (first, second) = (new FakeLink("dev1"), new FakeLink("dev1"));
        _live.Open(first);
        _live.Open(second);
        (first.Reason, second.Reason).ShouldBe((CloseReason.TakenOver, CloseReason.None));
        _live.Remove(first).ShouldBeFalse("the identity is still online");
        _live.TryGet("dev1", out var link).ShouldBeTrue();
        link.ShouldBeSameAs(second);
        _live.Remove(second).ShouldBeTrue();
        (_live.IsConnected("dev1"), _live.Count).ShouldBe((false, 0));
    }

    [Fact]
    public void A_device_and_its_modules_are_different_identities()
    {
        var (device, module) = (new FakeLink("dev1"), new FakeLink("dev1/m1"));
        _live.Open(device);
        _live.Open(module);
        (device.Reason, module.Reason, _live.Count).ShouldBe((CloseReason.None, CloseReason.None, 2));
        _live.Close("dev1/m1", CloseReason.IdentityChanged);
        (device.Reason, module.Reason).ShouldBe((CloseReason.None, CloseReason.IdentityChanged));
    }

    [Fact]
    public void Ids_that_differ_in_case_are_different() => Should.NotThrow(() =>
    {
        var (lower, upper) = (new FakeLink("dev1"), new FakeLink("DEV1"));
        _live.Open(lower);
        _live.Open(upper);
        lower.Reason.ShouldBe(CloseReason.None);
    });

    [Fact]
    public async Task Of_many_connections_at_once_exactly_one_stays()
    {
        for (var round = 0; round < 50; round++)
        {
            var links = Enumerable.Range(0, 16).Select(_ => new FakeLink("dev1")).ToList();
            await Task.WhenAll(links.Select(link => Task.Run(() => _live.Open(link))));
            links.Count(l => l.Reason == CloseReason.None).ShouldBe(1);
            _live.TryGet("dev1", out var live).ShouldBeTrue();
            ((FakeLink)live!).Reason.ShouldBe(CloseReason.None);
            links.ForEach(link => _live.Remove(link));
            _live.Count.ShouldBe(0);
        }
    }

    [Fact]
    public async Task Activity_is_written_once_a_second_and_once_more_at_the_end()
    {
        var store = new MemoryIdentityStore();
        var logger = new ListLogger<ActivityJournal>();
        var journal = new ActivityJournal(store, _time, logger);
        using var stop = new CancellationTokenSource();
        var running = journal.RunAsync(stop.Token);
        journal.NoteOpened("dev1", null, "mqtt", null);
        journal.NoteOpened("dev1", null, "mqtt", null);
        journal.NoteOpened("dev2", "m1", "mqtt", null);
        _time.Advance(TimeSpan.FromSeconds(1));
        await Eventually(() => store.Activities.Count == 2);
        journal.NoteOpened("dev3", null, "mqtt", null);
        await stop.CancelAsync();
        await running;
        store.Activities.Select(a => a.DeviceId).ShouldBe(["dev1", "dev2", "dev3"], ignoreOrder: true);
        logger.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task Activity_that_cannot_be_written_is_an_error_in_the_log_and_no_more()
    {
        var store = new MemoryIdentityStore { Failure = new IOException("disk full") };
        var logger = new ListLogger<ActivityJournal>();
        var journal = new ActivityJournal(store, _time, logger);
        using var stop = new CancellationTokenSource();
        var running = journal.RunAsync(stop.Token);
        journal.NoteOpened("dev1", null, "mqtt", null);
        _time.Advance(TimeSpan.FromSeconds(1));
        await Eventually(() => logger.Problems.Any());
        logger.Problems.ShouldBe([2101]);
        await stop.CancelAsync();
        await running;
    }

    [Fact]
    public void Explanations_are_found_by_their_id_newest_first_and_bounded()
    {
        var explanations = new Explanations(_time, new ListLogger<Explanations>());
        var first = explanations.Keep(new Refusal(HubErrors.DeviceNotFound, "first", "fix"), "mqtt");
        _time.Advance(TimeSpan.FromSeconds(1));
        var second = explanations.Keep(new Refusal(HubErrors.DeviceNotFound, "second", "fix"), "https");
        explanations.Newest(10).Select(k => k.Refusal.Seen).ShouldBe(["second", "first"]);
        explanations.TryFind(second.TrackingId, out var kept).ShouldBeTrue();
        (kept!.Door, kept.Time).ShouldBe(("https", _time.GetUtcNow()));
        for (var i = 0; i < Explanations.Capacity; i++)
            explanations.Keep(new Refusal(HubErrors.DeviceNotFound, $"{i}", "fix"), "mqtt");
        explanations.TryFind(first.TrackingId, out _).ShouldBeFalse();
        explanations.TryFind(second.TrackingId, out _).ShouldBeFalse();
        explanations.Newest(int.MaxValue).Count.ShouldBe(Explanations.Capacity);
    }

    [Fact]
    public void A_device_that_is_refused_without_end_leaves_the_explanations_of_others()
    {
        var explanations = new Explanations(_time, new ListLogger<Explanations>());
        var quiet = explanations.Keep(new Refusal(HubErrors.IotHubUnauthorized, "quiet", "fix"), "mqtt", "quiet");
        for (var i = 0; i < 2 * Explanations.Capacity; i++)
            explanations.Keep(new Refusal(HubErrors.IotHubUnauthorized, $"{i}", "fix"), "mqtt", "loud");
        explanations.Of("quiet").ShouldHaveSingleItem().Refusal.ShouldBe(quiet);
        explanations.Of("loud").Select(k => k.Refusal.Seen).ShouldBe(Enumerable.Range(1, Explanations.PerSubject).Select(i => $"{(2 * Explanations.Capacity) - i}"));
        explanations.Newest(int.MaxValue).Count.ShouldBe(Explanations.PerSubject + 1);
        explanations.Of("nobody").ShouldBeEmpty();
    }

    [Fact]
    public void A_device_keeps_a_rare_refusal_among_many_of_one_kind()
    {
        var explanations = new Explanations(_time, new ListLogger<Explanations>());
        explanations.Keep(new Refusal(HubErrors.IotHubUnauthorized, "its key is wrong", "fix"), "mqtt", "d1");
        for (var i = 0; i < 100; i++)
            explanations.Keep(new Refusal(HubErrors.DeviceNotOnline, $"{i}", "fix"), "service", "d1");
        var kept = explanations.Of("d1");
        kept.Count.ShouldBe(Explanations.PerSubject);
        kept[0].Refusal.Seen.ShouldBe("99");
        kept[^1].Refusal.Seen.ShouldBe("its key is wrong");
    }

    [Fact]
    public void Refusals_that_concern_no_device_leave_those_of_devices()
    {
        var explanations = new Explanations(_time, new ListLogger<Explanations>());
        explanations.Keep(new Refusal(HubErrors.IotHubUnauthorized, "kept", "fix"), "mqtt", "d1");
        for (var i = 0; i < 2 * Explanations.Capacity; i++)
            explanations.Keep(new Refusal(HubErrors.IotHubUnauthorized, $"{i}", "fix"), "service", i % 2 == 0 ? null : "no device/id");
        explanations.Of("d1").ShouldHaveSingleItem();
        explanations.Newest(int.MaxValue).Count.ShouldBe(Explanations.Capacity);
    }

    [Fact]
    public void Explanations_of_many_devices_are_bounded_in_all()
    {
        var explanations = new Explanations(_time, new ListLogger<Explanations>());
        var first = explanations.Keep(new Refusal(HubErrors.IotHubUnauthorized, "first", "fix"), "mqtt", "first");
        for (var i = 0; i < Explanations.Capacity; i++)
            explanations.Keep(new Refusal(HubErrors.IotHubUnauthorized, $"{i}", "fix"), "mqtt", $"d{i}");
        explanations.Newest(int.MaxValue).Count.ShouldBe(Explanations.Capacity);
        explanations.Of("first").ShouldBeEmpty();
        explanations.TryFind(first.TrackingId, out _).ShouldBeFalse();
        explanations.Of("d0").ShouldHaveSingleItem();
    }

    [Fact]
    public void Default_policies_have_keys_of_their_own()
    {
        var keys = SharedAccessPolicy.HubDefaults().Concat(SharedAccessPolicy.ProvisioningDefaults()).SelectMany(p => (byte[][])[p.PrimaryKey, p.SecondaryKey]).Select(Convert.ToHexString).ToList();
        keys.ShouldBeUnique();
        keys.ShouldAllBe(k => k.Length == 64);
    }

    private static async Task Eventually(Func<bool> condition)
    {
        for (var i = 0; i < 1000 && !condition(); i++)
            await Task.Delay(10);
        condition().ShouldBeTrue();
    }
}
