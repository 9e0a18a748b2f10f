namespace Homeport.Hub.Limits;

/// <summary>The limits of a hub.</summary>
public sealed record ThrottleProfile
{
    private const int Kilobyte = 1024;

    /// <summary>For messages: <c>machine</c>, <c>azure-s1</c> and so on.</summary>
    public required string Name { get; init; }

    /// <summary>Limits for all devices and services together. An operation that is not here has none.</summary>
    public required IReadOnlyDictionary<HubOperation, Rate> Hub { get; init; }

    /// <summary>Limits for each device.</summary>
    public IReadOnlyDictionary<HubOperation, Rate> Device { get; init; } = new Dictionary<HubOperation, Rate>();

    /// <summary>Jobs that run at a time; others wait in the queue.</summary>
    public int ConcurrentJobs { get; init; } = 10;

    /// <summary>Messages a day, or null.</summary>
    public long? DailyMessages { get; init; }

    /// <summary>Bytes that count as one message of the day.</summary>
    public int Meter { get; init; } = 4 * Kilobyte;

    /// <summary>Names of the profiles, as the setting has them.</summary>
    public static readonly IReadOnlyList<string> Names = ["machine", "azure-s1", "azure-s2", "azure-s3"];

    /// <summary>
    /// The default: nobody meets these limits in ordinary use. They keep a client that runs wild from taking the machine: what one
    /// device may do is a small part of what a small machine can. Messages have no limit for the hub, as the disk sets it.
    /// </summary>
    public static ThrottleProfile Machine() => new()
    {
        Name = "machine",
        Hub = new Dictionary<HubOperation, Rate>
        {
            [HubOperation.Connect] = Rate.Over(5_000, 10),
            [HubOperation.Registry] = Rate.Over(5_000, 10),
            [HubOperation.CloudToDeviceSend] = Rate.Over(5_000, 10),
            [HubOperation.CloudToDeviceReceive] = Rate.Over(10_000, 10),
            [HubOperation.FileUpload] = Rate.Over(500, 10),
            [HubOperation.MethodBytes] = Rate.Over(100_000 * Kilobyte, 10),
            [HubOperation.Query] = Rate.Over(100, 10),
            [HubOperation.TwinRead] = Rate.Over(20_000, 10),
            [HubOperation.TwinUpdate] = Rate.Over(10_000, 10),
            [HubOperation.Job] = Rate.Over(100, 10),
            [HubOperation.JobDevice] = Rate.Over(2_000, 10),
            [HubOperation.Configuration] = Rate.Over(100, 10),
        },
        Device = new Dictionary<HubOperation, Rate>
        {
            [HubOperation.DeviceToCloudSend] = Rate.Over(20_000, 10),
            [HubOperation.Connect] = Rate.Over(10, 20),
            [HubOperation.CloudToDeviceReceive] = Rate.Over(50, 10),
            [HubOperation.FileUpload] = Rate.Over(5, 10),
            [HubOperation.TwinRead] = Rate.Over(200, 10),
            [HubOperation.TwinUpdate] = Rate.Over(100, 10),
        },
    };

    /// <summary>The limits of a hub in Azure, with a minute's worth as burst. Source: Azure "IoT Hub quotas and throttling".</summary>
    /// <param name="tier">1, 2 or 3.</param>
    /// <param name="units">1 to <see cref="MaxUnits"/>.</param>
    public static ThrottleProfile Azure(int tier, int units)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tier, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tier, 3);
        ArgumentOutOfRangeException.ThrowIfLessThan(units, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(units, MaxUnits(tier));
        var perMinute = units / 60.0;
        var messages = PerTier(tier, Math.Max(100, 12 * units), 120 * units, 6_000 * units);
        var slow = PerTier(tier, 100 * perMinute, 100 * perMinute, 5_000 * perMinute);
        return new ThrottleProfile
        {
            Name = $"azure-s{tier}",
            ConcurrentJobs = PerTier(tier, 1, 5, 10),
            DailyMessages = units * PerTier(tier, 400_000L, 6_000_000L, 300_000_000L),
            Hub = new Dictionary<HubOperation, Rate>
            {
                [HubOperation.DeviceToCloudSend] = Rate.OverAMinute(messages),
                [HubOperation.Connect] = Rate.OverAMinute(messages),
                [HubOperation.Registry] = Rate.OverAMinute(slow),
                [HubOperation.CloudToDeviceSend] = Rate.OverAMinute(slow),
                [HubOperation.CloudToDeviceReceive] = Rate.OverAMinute(PerTier(tier, 1_000 * perMinute, 1_000 * perMinute, 50_000 * perMinute)),
                [HubOperation.FileUpload] = Rate.OverAMinute(slow),
                [HubOperation.MethodBytes] = Rate.OverAMinute((double)units * Kilobyte * PerTier(tier, 160, 480, 24 * Kilobyte)),
                [HubOperation.Query] = Rate.OverAMinute(PerTier(tier, 20 * perMinute, 20 * perMinute, 1_000 * perMinute)),
                [HubOperation.TwinRead] = Rate.OverAMinute(PerTier(tier, 100, Math.Max(100, 10 * units), 500 * units)),
                [HubOperation.TwinUpdate] = Rate.OverAMinute(PerTier(tier, 50, Math.Max(50, 5 * units), 250 * units)),
                [HubOperation.Job] = Rate.OverAMinute(slow),
                [HubOperation.JobDevice] = Rate.OverAMinute(PerTier(tier, 10, Math.Max(10, units), 50 * units)),
                [HubOperation.Configuration] = Rate.OverAMinute(20 * perMinute),
            },
        };
    }

    /// <summary>Units that a hub of a tier may have.</summary>
    public static int MaxUnits(int tier) => tier == 3 ? 10 : 200;

    /// <summary>The profile of a setting, or null with what is wrong.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="units">Units; <c>machine</c> has one.</param>
    /// <param name="reason">What is wrong, or null.</param>
    public static ThrottleProfile? Find(string? name, int units, out string? reason)
    {
        var tier = Names.ToList().IndexOf(name ?? "");
        reason = tier < 0 ? $"there are no limits '{name}'; use {string.Join(", ", Names)}"
            : tier == 0 && units != 1 ? "units belong to the limits of Azure; leave them out with machine"
            : tier > 0 && units > MaxUnits(tier) ? $"{name} has {MaxUnits(tier)} units at most"
            : units < 1 ? "there has to be a unit"
            : null;
        return reason is not null ? null : tier == 0 ? Machine() : Azure(tier, units);
    }

    private static T PerTier<T>(int tier, T first, T second, T third) => tier switch { 1 => first, 2 => second, _ => third };
}
