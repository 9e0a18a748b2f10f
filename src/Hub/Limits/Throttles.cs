using System.Globalization;
using Homeport.Contract.Errors;

namespace Homeport.Hub.Limits;

/// <summary>Keeps devices and services within the limits of a profile. Its memory is bounded; all members may be called by any thread.</summary>
public sealed class Throttles
{
    /// <summary>
    /// How long a device's messages may be held up by the limit of the hub before it is refused: what Azure queues before it answers 429.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly TokenBucket?[] _hub;
    private readonly BucketRule?[] _deviceRules;
    private readonly DeviceBuckets?[] _devices;

    /// <summary>Starts with full buckets.</summary>
    public Throttles(ThrottleProfile profile, TimeProvider time)
    {
        Profile = profile;
        var operations = Enum.GetValues<HubOperation>();
        _hub = [.. operations.Select(o => profile.Hub.TryGetValue(o, out var rate) ? new TokenBucket(rate, time) : null)];
        _deviceRules = [.. operations.Select(o => profile.Device.TryGetValue(o, out var rate) ? new BucketRule(rate, time) : null)];
        _devices = [.. _deviceRules.Select(rule => rule is null ? null : new DeviceBuckets(rule, time))];
        Quota = profile.DailyMessages is { } limit ? new DailyQuota(limit, profile.Meter, time) : null;
    }

    /// <summary>The limits.</summary>
    public ThrottleProfile Profile { get; }

    internal DailyQuota? Quota { get; }

    /// <summary>Takes an operation's tokens. Null when it may go on.</summary>
    /// <param name="operation">What is done.</param>
    /// <param name="deviceKey">Device that does it, once it has proved who it is; null for services.</param>
    /// <param name="amount">How often, or how many bytes.</param>
    public Throttled? TryTake(HubOperation operation, string? deviceKey = null, int amount = 1)
    {
        // The device first: what it is refused must cost the others nothing.
        var devices = deviceKey is null ? null : _devices[(int)operation];
        var wait = devices?.TryTake(deviceKey!, amount) ?? TimeSpan.Zero;
        if (wait > TimeSpan.Zero)
            return RefuseDevice(operation, deviceKey!, wait);
        wait = _hub[(int)operation]?.TryTake(amount) ?? TimeSpan.Zero;
        if (wait <= TimeSpan.Zero)
            return null;
        devices?.Return(deviceKey!, amount);
        return RefuseHub(operation, wait);
    }

    /// <summary>Counts something of so many bytes against the messages of the day. Null when there is room.</summary>
    public Throttled? TryCount(int bytes) => Quota is null || Quota.TryTake(bytes) ? null : RefuseDay();

    /// <summary>The limits of one connection, which holds them itself: they go with it.</summary>
    public DeviceThrottle ForConnection(string deviceKey) => new(this, deviceKey);

    internal BucketRule? DeviceRule(HubOperation operation) => _deviceRules[(int)operation];

    internal TokenBucket? HubBucket(HubOperation operation) => _hub[(int)operation];

    internal Throttled RefuseDevice(HubOperation operation, string deviceKey, TimeSpan wait) => new(
        new Refusal(HubErrors.DeviceThrottlingLimitExceeded, $"'{deviceKey}' does more than {Text(Profile.Device[operation])} of {operation}",
            $"Let the device do less, or wait {Seconds(wait)} s."),
        wait);

    internal Throttled RefuseHub(HubOperation operation, TimeSpan wait) => new(
        new Refusal(HubErrors.ThrottlingException, $"The hub has had more than {Text(Profile.Hub[operation])} of {operation} (limits {Profile.Name})",
            $"Wait {Seconds(wait)} s, or start the server with other --limits or more --units."),
        wait);

    internal Throttled RefuseDay() => new(
        new Refusal(HubErrors.IotHubQuotaExceeded, $"The {Profile.DailyMessages} messages of this day are used up (limits {Profile.Name})",
            "Wait for midnight UTC, or start the server with more --units."),
        Quota!.UntilMidnight);

    private static string Text(Rate rate) => string.Create(CultureInfo.InvariantCulture, $"{rate.PerSecond:0.##}/s with bursts of {rate.Burst:0}");

    private static long Seconds(TimeSpan wait) => (long)Math.Ceiling(wait.TotalSeconds);
}
