namespace Homeport.Hub.Live;

/// <summary>A connection of a device or module that began or ended.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="ModuleId">The module, or null.</param>
/// <param name="Time">When, to the millisecond.</param>
/// <param name="Protocol"><c>mqtt</c> or <c>amqp</c>, as the log has them.</param>
/// <param name="Address">Where it came from, or null.</param>
/// <param name="Reason">Why it ended; <see cref="CloseReason.None"/> when it began.</param>
public sealed record ConnectionNote(string DeviceId, string? ModuleId, DateTimeOffset Time, string Protocol, string? Address, CloseReason Reason)
{
    /// <summary>True for the beginning of a connection.</summary>
    public bool Opened => Reason == CloseReason.None;
}

/// <summary>The connection history of one hub's devices.</summary>
public interface IConnectionStore
{
    /// <summary>Notes that are kept of a device and its modules; the oldest make room.</summary>
    const int PerDevice = 50;

    /// <summary>Adds notes, in their order. Those of devices that are not registered are passed over.</summary>
    Task AddAsync(IReadOnlyCollection<ConnectionNote> notes, CancellationToken token);

    /// <summary>What is kept of a device and its modules, the newest first.</summary>
    Task<IReadOnlyList<ConnectionNote>> ListAsync(string deviceId, CancellationToken token);
}
