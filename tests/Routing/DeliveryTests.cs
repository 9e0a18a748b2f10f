using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Registry;
using Homeport.Log;
using Homeport.Routing;

namespace Homeport.Tests.Routing;

/// <summary>What reaches an endpoint, in which order, and what becomes of it when the endpoint fails.</summary>
public sealed class DeliveryTests
{
    private static readonly DeliveryFailure Away = new("It is away");

    [Fact]
    public async Task Messages_that_a_route_takes_arrive_in_their_order_and_others_do_not()
    {
        await using var hub = new RoutingFixture();
        await hub.StartAsync();
        await hub.SendAsync("before the route");
        await hub.RouteAsync("e1", "level = 'high'");
        for (var i = 0; i < 100; i++)
            await hub.SendAsync($"{i}", properties: [new("level", i % 2 == 0 ? "high" : "low")]);
        await hub.SendAsync("an event", source: MessageSource.TwinChange, properties: [new("level", "high")]);
        var wanted = Enumerable.Range(0, 50).Select(i => $"{2 * i}").ToList();
        await hub.UntilAsync(() => hub.Sinks["e1"].Taken.Count >= wanted.Count, "the messages arrive");
        hub.Sinks["e1"].Taken.ShouldBe(wanted);
        await hub.UntilAsync(async () => (await hub.HealthAsync("e1")) is { Delivered: 50, Lag: 0, Status: "healthy", Dead: 0, Dropped: 0 }, "the health is told");
        (await hub.Service.GetRouteAsync("to-e1", default)).Value!.Delivered.ShouldBe(50);
    }

    [Fact]
    public async Task An_endpoint_that_is_away_loses_nothing_and_holds_up_no_other()
    {
        await using var hub = new RoutingFixture();
        await hub.StartAsync();
        await hub.RouteAsync("good");
        await hub.RouteAsync("away");
        await hub.RouteAsync("hanging");
        var hangs = new TaskCompletionSource();
        hub.Sinks["hanging"].Hangs = hangs.Task;
        hub.Sinks["away"].Answer = _ => Away;
        for (var i = 0; i < 25; i++)
            await hub.SendAsync($"{i}");
        var all = Enumerable.Range(0, 25).Select(i => $"{i}").ToList();
        await hub.UntilAsync(() => hub.Sinks["good"].Taken.Count == 25 && hub.Sinks["away"].Calls >= 3, "the good one has all, the other is tried again");
        var health = await hub.HealthAsync("away");
        (health.Status, health.LastError, health.Lag, health.Delivered).ShouldBe(("unhealthy", "It is away", 25, 0));
        hub.Sinks["hanging"].Taken.ShouldBeEmpty();
        hub.Sinks["away"].Answer = _ => null;
        hangs.SetResult();
        await hub.UntilAsync(() => hub.Sinks["away"].Taken.Count >= 25 && hub.Sinks["hanging"].Taken.Count >= 25, "both get all");
        hub.Sinks["away"].Taken.ShouldBe(all);
        hub.Sinks["hanging"].Taken.ShouldBe(all);
        await hub.UntilAsync(async () => (await hub.HealthAsync("away")).Status == "healthy", "it is well again");
    }

    [Fact]
    public async Task An_endpoint_that_has_failed_for_an_hour_is_dead_and_is_tried_all_the_same()
    {
        await using var hub = new RoutingFixture();
        await hub.StartAsync();
        await hub.RouteAsync("e1");
        (await hub.HealthAsync("e1")).Status.ShouldBe("unknown");
        hub.Sinks["e1"].Answer = _ => Away;
        await hub.SendAsync("0");
        await hub.UntilAsync(() => hub.Sinks["e1"].Calls > 0, "it is tried");
        await hub.UntilAsync(async () =>
        {
            hub.Time.Advance(TimeSpan.FromMinutes(1));
            return (await hub.HealthAsync("e1")).Status == "dead";
        }, "it is dead");
        hub.Sinks["e1"].Answer = _ => null;
        await hub.UntilAsync(() => hub.Sinks["e1"].Taken.Count == 1, "it gets the message when it is back");
    }

    [Fact]
    public async Task A_message_that_is_refused_is_given_up_with_its_reason_and_the_others_arrive()
    {
        await using var hub = new RoutingFixture();
        await hub.StartAsync();
        await hub.RouteAsync("e1");
        hub.Sinks["e1"].Answer = batch => batch.Contains("bad") ? new DeliveryFailure("It answered with status 400", OfMessages: true) : null;
        for (var i = 0; i < 30; i++)
            await hub.SendAsync(i == 13 ? "bad" : $"{i}");
        await hub.UntilAsync(() => hub.Sinks["e1"].Taken.Count >= 29, "all others arrive");
        hub.Sinks["e1"].Taken.Distinct().ShouldBe(Enumerable.Range(0, 30).Where(i => i != 13).Select(i => $"{i}"));
        var dead = (await hub.Service.ListDeadAsync("e1", default)).Value!.ShouldHaveSingleItem();
        (dead.Offset, dead.DeviceId, dead.Reason).ShouldBe((13, "d1", "It answered with status 400"));
        await hub.UntilAsync(async () => (await hub.HealthAsync("e1")) is { Dead: 1, Delivered: 29, Status: "healthy" }, "it is counted");
    }

    [Fact]
    public async Task What_a_broker_accepted_of_a_batch_does_not_come_again()
    {
        await using var hub = new RoutingFixture();
        await hub.StartAsync();
        await hub.RouteAsync("e1");
        var first = true;
        hub.Sinks["e1"].Answer = batch =>
        {
            if (!first || batch.Count < 2)
                return null;
            first = false;
            return Away with { Delivered = batch.Count - 1 };
        };
        var sent = Enumerable.Range(0, 20).Select(i => hub.SendAsync($"{i}")).ToList();
        await Task.WhenAll(sent);
        await hub.UntilAsync(() => hub.Sinks["e1"].Taken.Count >= 20, "all arrive");
        hub.Sinks["e1"].Taken.ShouldBe(Enumerable.Range(0, 20).Select(i => $"{i}"));
    }

    [Fact]
    public async Task Delivery_goes_on_where_it_was_when_the_server_starts_again()
    {
        await using var hub = new RoutingFixture();
        await hub.StartAsync();
        await hub.RouteAsync("e1");
        await hub.SendAsync("0");
        await hub.UntilAsync(async () => (await hub.HealthAsync("e1")).Delivered == 1, "the first is confirmed");
        hub.Sinks["e1"].Answer = _ => Away;
        await hub.SendAsync("1");
        await hub.UntilAsync(() => hub.Sinks["e1"].Calls >= 2, "the second is tried");
        hub.Sinks["e1"].Answer = _ => null;
        await hub.RestartAsync();
        await hub.SendAsync("2");
        await hub.UntilAsync(() => hub.Sinks["e1"].Taken.Count >= 3, "both arrive");
        hub.Sinks["e1"].Taken.ShouldBe(["0", "1", "2"]);
        await hub.UntilAsync(async () => (await hub.HealthAsync("e1")).Delivered == 3, "what earlier runs delivered counts too");
    }

    [Fact]
    public async Task A_route_that_was_off_takes_nothing_of_that_time()
    {
        await using var hub = new RoutingFixture();
        await hub.StartAsync();
        await hub.RouteAsync("e1");
        await hub.SendAsync("on");
        await hub.UntilAsync(() => hub.Sinks["e1"].Taken.Count == 1, "the first arrives");
        await SwitchAsync(hub, false);
        await hub.SendAsync("off");
        await SwitchAsync(hub, true);
        await hub.SendAsync("on again");
        await hub.UntilAsync(() => hub.Sinks["e1"].Taken.Count >= 2, "the last arrives");
        hub.Sinks["e1"].Taken.ShouldBe(["on", "on again"]);
        (await hub.HealthAsync("e1")).Dropped.ShouldBe(0);
    }

    [Fact]
    public async Task A_message_that_two_routes_take_to_one_endpoint_arrives_once()
    {
        await using var hub = new RoutingFixture();
        await hub.StartAsync();
        await hub.RouteAsync("e1", "true", route: "a");
        await hub.RouteAsync("e1", "is_defined($connectionDeviceId)", route: "b");
        await hub.SendAsync("0");
        await hub.SendAsync("1");
        await hub.UntilAsync(() => hub.Sinks["e1"].Taken.Count >= 2, "both arrive");
        hub.Sinks["e1"].Taken.ShouldBe(["0", "1"]);
        await hub.UntilAsync(async () => (await hub.Service.ListRoutesAsync(default)).All(r => r.Delivered == 2), "both routes count it");
    }

    [Fact]
    public async Task A_gathering_endpoint_gets_what_came_within_its_time_at_once()
    {
        await using var hub = new RoutingFixture();
        await hub.StartAsync();
        (await hub.Service.PutEndpointAsync("e1", new RoutingEndpointDescription { Type = "played", BatchFrequencyInSeconds = 60 }, IfMatch.Absent, default)).Refusal.ShouldBeNull();
        await hub.RouteAsync("e1");
        await hub.SendAsync("0");
        await hub.SendAsync("1");
        await hub.UntilAsync(() => hub.Sinks["e1"].Taken.Count >= 2, "its time passes");
        hub.Sinks["e1"].Calls.ShouldBe(1);
        for (var i = 2; i < 7; i++)
            await hub.SendAsync($"{i}");
        hub.Sinks["e1"].Answer = _ => hub.Sinks["e1"].Calls < 4 ? Away : null;
        await hub.UntilAsync(() => hub.Sinks["e1"].Taken.Count >= 7, "it is full, and comes back after failures");
        hub.Sinks["e1"].Taken.ShouldBe(Enumerable.Range(0, 7).Select(i => $"{i}"));
        await hub.UntilAsync(async () => (await hub.HealthAsync("e1")) is { Delivered: 7, Lag: 0 }, "it is counted");
    }

    [Fact]
    public async Task What_retention_took_before_it_was_delivered_is_counted()
    {
        await using var hub = new RoutingFixture();
        await hub.StartAsync();
        await hub.RouteAsync("e1");
        hub.Sinks["e1"].Answer = _ => Away;
        for (var i = 0; i < 5; i++)
            await hub.SendAsync($"{i}");
        await hub.UntilAsync(() => hub.Sinks["e1"].Calls > 0, "it is tried");
        await hub.DropAllAsync();
        hub.Sinks["e1"].Answer = _ => null;
        await hub.RestartAsync();
        await hub.SendAsync("5");
        await hub.UntilAsync(() => hub.Sinks["e1"].Taken.Count >= 1, "what is kept arrives");
        await hub.UntilAsync(async () => (await hub.HealthAsync("e1")) is { Dropped: 5, Delivered: 1 }, "what went is counted");
    }

    private static async Task SwitchAsync(RoutingFixture hub, bool on)
    {
        var route = (await hub.Service.GetRouteAsync("to-e1", default)).Value!;
        (await hub.Service.PutRouteAsync("to-e1", route with { IsEnabled = on }, IfMatch.Parse(route.Etag), default)).Refusal.ShouldBeNull();
    }
}
