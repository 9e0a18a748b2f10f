namespace Homeport.Device.Hub;

/// <summary>
/// The time that tokens are made with: the device's, corrected by what the hub says the time is. A device without a battery for its clock starts
/// years away, and the hub refuses tokens that ended long ago. The hub's time comes over TLS, so from a server that is trusted.
/// </summary>
internal sealed class ServerClock(TimeProvider inner) : TimeProvider
{
    /// <summary>Smaller differences do no harm: a hub allows five minutes.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(4);

    private long _offsetTicks;

    /// <summary>What is added to the device's time.</summary>
    public TimeSpan Offset => TimeSpan.FromTicks(Interlocked.Read(ref _offsetTicks));

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => inner.GetUtcNow() + Offset;

    /// <inheritdoc/>
    public override long GetTimestamp() => inner.GetTimestamp();

    /// <inheritdoc/>
    public override long TimestampFrequency => inner.TimestampFrequency;

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        => inner.CreateTimer(callback, state, dueTime, period);

    /// <summary>True when the clock was wrong and is corrected now.</summary>
    public bool Correct(DateTimeOffset serverTime)
    {
        if ((serverTime - GetUtcNow()).Duration() < Tolerance)
            return false;
        Interlocked.Exchange(ref _offsetTicks, (serverTime - inner.GetUtcNow()).Ticks);
        return true;
    }
}
