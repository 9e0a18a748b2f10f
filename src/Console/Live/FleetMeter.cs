using Homeport.Provisioning.Lifecycle;

namespace Homeport.WebConsole.Live;

/// <summary>Figures of the whole fleet, measured once a second for all open pages together.</summary>
public sealed class FleetMeter(ConsoleServices services)
{
    /// <summary>Seconds that are kept.</summary>
    public const int Seconds = 120;

    private readonly Lock _lock = new();
    private readonly Queue<FleetSample> _samples = new(Seconds);
    private (DateTimeOffset Time, long Messages)? _last;
    private IReadOnlyDictionary<DeviceStatus, long> _devices = new Dictionary<DeviceStatus, long>();

    /// <summary>The samples so far, the oldest first. Takes a new one when a second is over.</summary>
    public async Task<IReadOnlyList<FleetSample>> SampleAsync(CancellationToken token)
    {
        var now = services.Time.GetUtcNow();
        bool due;
        lock (_lock)
            due = _last is not { } last || now - last.Time >= TimeSpan.FromMilliseconds(950);
        if (due)
            _devices = await services.Lifecycle.CountAsync(token);
        lock (_lock)
        {
            if (!due || (_last is { } other && now - other.Time < TimeSpan.FromMilliseconds(950)))
                return [.. _samples];
            var messages = Enumerable.Range(0, services.Messages.PartitionCount).Sum(services.Messages.NextOffset);
            var rate = _last is { } last ? Math.Max(0, messages - last.Messages) / (now - last.Time).TotalSeconds : 0;
            // After a pause without pages the mean over it says nothing about this second.
            if (_last is { } before && now - before.Time > TimeSpan.FromSeconds(10))
                _samples.Clear();
            _last = (now, messages);
            if (_samples.Count == Seconds)
                _samples.Dequeue();
            _samples.Enqueue(new FleetSample(now, _devices, services.Live.Count, messages, rate));
            return [.. _samples];
        }
    }
}

/// <summary>The fleet at one time.</summary>
/// <param name="Time">When.</param>
/// <param name="ByStatus">Devices by their state.</param>
/// <param name="Connected">Connections of devices and modules.</param>
/// <param name="Messages">Messages that were ever stored.</param>
/// <param name="MessagesPerSecond">Since the sample before.</param>
public sealed record FleetSample(DateTimeOffset Time, IReadOnlyDictionary<DeviceStatus, long> ByStatus, int Connected, long Messages, double MessagesPerSecond)
{
    /// <summary>All devices.</summary>
    public long Devices => ByStatus.Values.Sum();

    /// <summary>Devices of one state.</summary>
    public long Of(DeviceStatus status) => ByStatus.GetValueOrDefault(status);
}
