using Homeport.Contract.Errors;
using Homeport.Hub.Limits;

namespace Homeport.Tests.Hub.Limits;

/// <summary>The limits of a hub: Azure's numbers, who is refused with what, the quota of a day, and many devices.</summary>
public sealed class ThrottlesTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 23, 0, 0, TimeSpan.Zero));

    /// <summary>Tier, units, operation, what a second gives. Source: Azure "IoT Hub quotas and throttling".</summary>
    public static TheoryData<int, int, HubOperation, double> AzureRates => new()
    {
        { 1, 1, HubOperation.DeviceToCloudSend, 100 },
        { 1, 8, HubOperation.DeviceToCloudSend, 100 },
        { 1, 9, HubOperation.DeviceToCloudSend, 108 },
        { 1, 200, HubOperation.DeviceToCloudSend, 2400 },
        { 2, 1, HubOperation.DeviceToCloudSend, 120 },
        { 2, 200, HubOperation.Connect, 24000 },
        { 3, 10, HubOperation.DeviceToCloudSend, 60000 },
        { 3, 10, HubOperation.Connect, 60000 },
        { 1, 1, HubOperation.Registry, 100 / 60.0 },
        { 2, 6, HubOperation.Registry, 10 },
        { 3, 1, HubOperation.Registry, 5000 / 60.0 },
        { 1, 3, HubOperation.CloudToDeviceSend, 5 },
        { 3, 6, HubOperation.CloudToDeviceSend, 500 },
        { 1, 1, HubOperation.CloudToDeviceReceive, 1000 / 60.0 },
        { 3, 6, HubOperation.CloudToDeviceReceive, 5000 },
        { 2, 3, HubOperation.FileUpload, 5 },
        { 3, 6, HubOperation.FileUpload, 500 },
        { 1, 1, HubOperation.MethodBytes, 160 * 1024 },
        { 2, 2, HubOperation.MethodBytes, 2 * 480 * 1024 },
        { 3, 2, HubOperation.MethodBytes, 2 * 24 * 1024 * 1024 },
        { 1, 1, HubOperation.Query, 20 / 60.0 },
        { 3, 3, HubOperation.Query, 50 },
        { 1, 200, HubOperation.TwinRead, 100 },
        { 2, 10, HubOperation.TwinRead, 100 },
        { 2, 11, HubOperation.TwinRead, 110 },
        { 3, 2, HubOperation.TwinRead, 1000 },
        { 1, 200, HubOperation.TwinUpdate, 50 },
        { 2, 11, HubOperation.TwinUpdate, 55 },
        { 3, 2, HubOperation.TwinUpdate, 500 },
        { 1, 3, HubOperation.Job, 5 },
        { 1, 200, HubOperation.JobDevice, 10 },
        { 2, 11, HubOperation.JobDevice, 11 },
        { 3, 2, HubOperation.JobDevice, 100 },
        { 3, 3, HubOperation.Configuration, 1 },
    };

    [Theory]
    [MemberData(nameof(AzureRates))]
    public void The_rates_are_those_of_the_table(int tier, int units, HubOperation operation, double perSecond)
    {
        var rate = ThrottleProfile.Azure(tier, units).Hub[operation];
        rate.PerSecond.ShouldBe(perSecond, 0.001);
        rate.Burst.ShouldBe(perSecond * 60, 0.1);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 5)]
    [InlineData(3, 10)]
    public void Each_tier_runs_its_number_of_jobs_at_a_time(int tier, int jobs) => ThrottleProfile.Azure(tier, 2).ConcurrentJobs.ShouldBe(jobs);

    [Theory]
    [InlineData(1, 1, 400_000)]
    [InlineData(1, 200, 80_000_000)]
    [InlineData(2, 2, 12_000_000)]
    [InlineData(3, 10, 3_000_000_000)]
    public void So_are_the_messages_of_a_day(int tier, int units, long messages) => ThrottleProfile.Azure(tier, units).DailyMessages.ShouldBe(messages);

    [Theory]
    [InlineData("machine", 1, true)]
    [InlineData("machine", 2, false)]
    [InlineData("azure-s1", 200, true)]
    [InlineData("azure-s2", 200, true)]
    [InlineData("azure-s2", 201, false)]
    [InlineData("azure-s3", 10, true)]
    [InlineData("azure-s3", 11, false)]
    [InlineData("azure-s1", 0, false)]
    [InlineData("azure-f9", 1, false)]
    [InlineData(null, 1, false)]
    public void A_profile_is_found_by_its_name(string? name, int units, bool found)
    {
        var profile = ThrottleProfile.Find(name, units, out var reason);
        (profile?.Name).ShouldBe(found ? name : null);
        (reason is null).ShouldBe(found);
    }

    [Fact]
    public void Every_operation_has_a_limit_in_Azure_and_what_a_device_can_do_has_one_on_the_machine()
    {
        ThrottleProfile.Azure(1, 1).Hub.Keys.ShouldBe(Enum.GetValues<HubOperation>(), ignoreOrder: true);
        ThrottleProfile.Machine().Hub.Keys.Concat([HubOperation.DeviceToCloudSend]).ShouldBe(Enum.GetValues<HubOperation>(), ignoreOrder: true);
        foreach (var (operation, rate) in ThrottleProfile.Machine().Device)
        {
            if (ThrottleProfile.Machine().Hub.TryGetValue(operation, out var all))
                (rate.PerSecond * 20).ShouldBeLessThanOrEqualTo(all.PerSecond * 1.0001 + 0, $"{operation}: one device takes at most a twentieth");
        }
    }

    [Fact]
    public void Over_the_limit_of_the_hub_the_refusal_says_when_to_come_again()
    {
        var throttles = new Throttles(ThrottleProfile.Azure(1, 1), _time);
        for (var i = 0; i < 100; i++)
            throttles.TryTake(HubOperation.Registry).ShouldBeNull();
        var refused = throttles.TryTake(HubOperation.Registry).ShouldNotBeNull();
        refused.Refusal.Error.ShouldBe(HubErrors.ThrottlingException);
        refused.Refusal.Error.HttpStatus.ShouldBe(429);
        refused.Refusal.Text.ShouldContain("azure-s1");
        refused.RetryAfter.TotalSeconds.ShouldBe(0.6, 0.001);
        throttles.TryTake(HubOperation.CloudToDeviceSend).ShouldBeNull("another operation has its own limit");
        _time.Advance(TimeSpan.FromSeconds(0.6));
        throttles.TryTake(HubOperation.Registry).ShouldBeNull();
        throttles.TryTake(HubOperation.Registry).ShouldNotBeNull();
    }

    [Fact]
    public void A_device_over_its_limit_costs_the_others_nothing()
    {
        var throttles = Small(hub: 100, device: 5);
        for (var i = 0; i < 5; i++)
            throttles.TryTake(HubOperation.FileUpload, "greedy").ShouldBeNull();
        for (var i = 0; i < 1000; i++)
            throttles.TryTake(HubOperation.FileUpload, "greedy").ShouldNotBeNull().Refusal.Error.ShouldBe(HubErrors.DeviceThrottlingLimitExceeded);
        for (var i = 0; i < 95; i++)
            throttles.TryTake(HubOperation.FileUpload, $"d{i}").ShouldBeNull();
        throttles.TryTake(HubOperation.FileUpload, "late").ShouldNotBeNull().Refusal.Error.ShouldBe(HubErrors.ThrottlingException);
        _time.Advance(TimeSpan.FromSeconds(1));
        for (var i = 0; i < 5; i++)
            throttles.TryTake(HubOperation.FileUpload, "late").ShouldBeNull("a refusal of the hub was not counted for the device");
    }

    [Fact]
    public void The_table_of_devices_is_bounded_and_forgets_those_that_are_quiet()
    {
        var throttles = Small(hub: 10_000_000, device: 1);
        for (var i = 0; i < DeviceBuckets.Capacity; i++)
            throttles.TryTake(HubOperation.FileUpload, $"d{i}").ShouldBeNull();
        throttles.TryTake(HubOperation.FileUpload, "d0").ShouldNotBeNull();
        throttles.TryTake(HubOperation.FileUpload, "more").ShouldBeNull();
        throttles.TryTake(HubOperation.FileUpload, "more").ShouldBeNull("there is no room for a limit of its own");
        _time.Advance(TimeSpan.FromSeconds(2));
        throttles.TryTake(HubOperation.FileUpload, "more").ShouldBeNull();
        throttles.TryTake(HubOperation.FileUpload, "more").ShouldNotBeNull("the quiet ones made room");
    }

    [Fact]
    public void A_connection_is_slowed_down_to_its_rate()
    {
        var throttles = new Throttles(new ThrottleProfile { Name = "t", Hub = new Dictionary<HubOperation, Rate>(), Device = new Dictionary<HubOperation, Rate> { [HubOperation.DeviceToCloudSend] = new(10, 5) } }, _time);
        var (one, other) = (throttles.ForConnection("one"), throttles.ForConnection("other"));
        var start = _time.GetUtcNow();
        for (var i = 0; i < 105; i++)
        {
            one.TakeMessage(100, out var pause).ShouldBeNull();
            _time.Advance(pause);
        }
        (_time.GetUtcNow() - start).TotalSeconds.ShouldBe(10, 0.01);
        other.TakeMessage(100, out var none).ShouldBeNull();
        none.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public void The_hub_shapes_a_thousand_devices_to_its_rate_and_then_refuses()
    {
        var throttles = new Throttles(ThrottleProfile.Azure(1, 1), _time);
        var devices = Enumerable.Range(0, 1000).Select(i => throttles.ForConnection($"d{i}")).ToList();
        var (taken, longest) = (0, TimeSpan.Zero);
        Throttled? refused = null;
        for (var i = 0; refused is null; i++)
        {
            refused = devices[i % 1000].TakeMessage(100, out var pause);
            taken += refused is null ? 1 : 0;
            longest = pause > longest ? pause : longest;
        }
        taken.ShouldBe(12_000, "a minute's burst, and a minute's worth that waits");
        longest.ShouldBe(Throttles.Patience);
        refused.Refusal.Error.ShouldBe(HubErrors.ThrottlingException);
    }

    [Fact]
    public void Large_messages_count_several_times_and_midnight_in_UTC_begins_anew()
    {
        var throttles = new Throttles(new ThrottleProfile { Name = "t", Hub = new Dictionary<HubOperation, Rate>(), DailyMessages = 10 }, _time);
        foreach (var (bytes, messages) in ((int, int)[])[(0, 1), (1, 2), (4096, 3), (4097, 5), (8192, 7)])
        {
            throttles.TryCount(bytes).ShouldBeNull();
            throttles.Quota!.Used.ShouldBe(messages);
        }
        var refused = throttles.TryCount(16_384).ShouldNotBeNull();
        refused.Refusal.Error.Code.ShouldBe(403002);
        refused.RetryAfter.ShouldBe(TimeSpan.FromHours(1));
        throttles.TryCount(12_288).ShouldBeNull("three are left");
        throttles.ForConnection("d").TakeMessage(1, out _).ShouldNotBeNull().Refusal.Error.ShouldBe(HubErrors.IotHubQuotaExceeded);
        _time.Advance(TimeSpan.FromHours(1) - TimeSpan.FromSeconds(1));
        throttles.TryCount(1).ShouldNotBeNull();
        _time.Advance(TimeSpan.FromSeconds(1));
        throttles.TryCount(1).ShouldBeNull();
        throttles.Quota!.Used.ShouldBe(1);
        _time.SetBack(TimeSpan.FromMinutes(5));
        throttles.TryCount(9 * 4096).ShouldBeNull();
        throttles.TryCount(1).ShouldNotBeNull("a clock that is set back gives no second quota");
    }

    [Fact]
    public async Task The_quota_holds_for_many_threads()
    {
        var throttles = new Throttles(new ThrottleProfile { Name = "t", Hub = new Dictionary<HubOperation, Rate>(), DailyMessages = 10_000 }, _time);
        var counts = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Enumerable.Range(0, 5_000).Count(_ => throttles.TryCount(1) is null))));
        counts.Sum().ShouldBe(10_000);
    }

    [Fact]
    public void Twins_of_a_connection_have_their_own_limits()
    {
        var device = new Throttles(ThrottleProfile.Machine(), _time).ForConnection("d");
        for (var i = 0; i < 2000; i++)
            device.TakeTwinRead().ShouldBeNull();
        device.TakeTwinRead().ShouldNotBeNull().Refusal.Error.ShouldBe(HubErrors.DeviceThrottlingLimitExceeded);
        device.TakeTwinUpdate().ShouldBeNull();
    }

    [Fact]
    public void A_message_of_a_connection_allocates_nothing()
    {
        var device = new Throttles(ThrottleProfile.Machine(), TimeProvider.System).ForConnection("d");
        device.TakeMessage(100, out _);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            device.TakeMessage(100, out _);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    private Throttles Small(double hub, double device) => new(
        new ThrottleProfile
        {
            Name = "small",
            Hub = new Dictionary<HubOperation, Rate> { [HubOperation.FileUpload] = Rate.Over(hub, 1) },
            Device = new Dictionary<HubOperation, Rate> { [HubOperation.FileUpload] = Rate.Over(device, 1) },
        },
        _time);
}
