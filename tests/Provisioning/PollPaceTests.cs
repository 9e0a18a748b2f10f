using System.Net;
using Homeport.Gateway.Provisioning;
using Homeport.Hub.Access;
using Homeport.Provisioning.Registrations;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Tests.Provisioning;

/// <summary>When devices are asked to come back: soon when few register, spread over a longer time when many do.</summary>
public sealed class PollPaceTests
{
    private readonly TestApplication _app = new();

    [Fact]
    public void A_single_device_polls_after_a_second_and_a_fleet_is_spread_as_far_as_it_is_large()
    {
        var pace = new PollPace(_app.Time);
        Waits(pace, PollPace.PerSecond - 1).ShouldAllBe(w => w == 1);
        Waits(pace, 1000 - PollPace.PerSecond + 1);
        var many = Waits(pace, 1000);
        many.ShouldAllBe(w => w >= 1 && w <= 11);
        many.Distinct().Count().ShouldBeGreaterThanOrEqualTo(6, "they do not come back at once");
        Enumerable.Range(1, 10).Average(w => many.Count(m => m == w)).ShouldBeLessThan(PollPace.PerSecond);

        Waits(pace, 20_000);
        Waits(pace, 1000).Max().ShouldBeLessThanOrEqualTo(PollPace.Longest);
        _app.Time.Now += TimeSpan.FromSeconds(1);
        Waits(pace, 200).Distinct().Count().ShouldBeGreaterThan(10, "those of the second before still have to come");
        _app.Time.Now += TimeSpan.FromSeconds(2);
        Waits(pace, 100).ShouldAllBe(w => w == 1, "the flood is over");
    }

    [Fact]
    public async Task A_throttled_device_is_given_a_wait_with_some_chance_in_it()
    {
        var door = Door();
        await _app.EnrollAsync(TestApplication.Individual("d1"));
        var call = _app.Call("d1", new byte[32]) with { Address = IPAddress.Parse("192.0.2.9") };
        var waits = new HashSet<int>();
        for (var i = 0; i < 400; i++)
        {
            if (await door.RegisterAsync(call, "{}"u8.ToArray(), default) is { Status: 429, RetryAfter: { } wait })
                waits.Add(wait);
        }
        waits.Count.ShouldBeGreaterThanOrEqualTo(3, "those who were sent away do not come back all at once");
        waits.ShouldAllBe(w => w >= 1 && w <= 30);
    }

    [Fact]
    public async Task A_registration_tells_when_to_poll_and_a_poll_of_a_finished_one_needs_no_wait()
    {
        var door = Door();
        var key = (await _app.EnrollAsync(TestApplication.Individual("d1"))).Attestation.PrimaryKey!;
        var started = await door.RegisterAsync(_app.Call("d1", key), "{}"u8.ToArray(), default);
        started.Status.ShouldBe(202);
        started.RetryAfter.ShouldBe(1);
        var polled = await door.PollAsync(_app.Call("d1", key), started.OperationId!, default);
        polled.Status.ShouldBe(200);
        polled.RetryAfter.ShouldBeNull();
    }

    private static List<int> Waits(PollPace pace, int count) => [.. Enumerable.Range(0, count).Select(_ => pace.Next())];

    private RegistrationDoor Door() => new(
        TestApplication.IdScope, _app.Registrations, new RegistrationLimits(_app.Time), new Explanations(_app.Time, NullLogger<Explanations>.Instance), _app.Time, NullLogger<RegistrationDoor>.Instance);
}
