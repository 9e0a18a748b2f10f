namespace Homeport.Agent.Identity;

/// <summary>
/// The time of the hub: this machine's clock, and what verified answers of the hub say it is off by. Devices without a battery for their clock start
/// in some other year; tokens by this clock are accepted all the same.
/// </summary>
internal sealed class HubClock(TimeProvider machine) : TimeProvider
{
    /// <summary>A token is made for at least a minute, and the header of an answer has whole seconds.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(30);

    private long _behindTicks;

    /// <summary>How far the clock of this machine is behind.</summary>
    public TimeSpan Behind => TimeSpan.FromTicks(Interlocked.Read(ref _behindTicks));

    public override long TimestampFrequency => machine.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => machine.GetUtcNow() + Behind;

    public override long GetTimestamp() => machine.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        => machine.CreateTimer(callback, state, dueTime, period);

    /// <summary>Takes over the time of a server whose certificate was verified. True when that moved this clock.</summary>
    public bool Learn(DateTimeOffset serverTime)
    {
        var behind = serverTime - machine.GetUtcNow();
        if (behind.Duration() < Tolerance)
            behind = TimeSpan.Zero;
        var moved = (behind - Behind).Duration() >= Tolerance || (behind == TimeSpan.Zero && Behind != TimeSpan.Zero);
        if (moved)
            Interlocked.Exchange(ref _behindTicks, behind.Ticks);
        return moved;
    }
}
