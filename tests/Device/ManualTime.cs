namespace Homeport.Tests.Device;

/// <summary>A clock on the wall that can be set, and time that passes on command. Its timers never tick.</summary>
internal sealed class ManualTime : TimeProvider
{
    private long _passed;

    public DateTimeOffset Wall { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public void Pass(TimeSpan time)
    {
        _passed += time.Ticks;
        Wall += time;
    }

    public override DateTimeOffset GetUtcNow() => Wall;

    public override long GetTimestamp() => _passed;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        => System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
}
