namespace Homeport.Hub.Limits;

/// <summary>
/// Messages of a day, which ends at midnight UTC. Large ones count as several. See <see cref="QuotaKeeper"/> for what outlives a restart.
/// </summary>
/// <param name="limit">Messages a day.</param>
/// <param name="meter">Bytes that count as one message.</param>
/// <param name="time">The clock.</param>
internal sealed class DailyQuota(long limit, int meter, TimeProvider time)
{
    /// <summary>Day since 1970 in the upper bits, messages below: one number, so no lock.</summary>
    private const int DayShift = 40;

    private long _state;

    /// <summary>Messages of today.</summary>
    public long Used => Volatile.Read(ref _state) is var state && state >> DayShift >= Today() ? state & ((1L << DayShift) - 1) : 0;

    /// <summary>The day and its messages.</summary>
    public DayCount State => Volatile.Read(ref _state) is var state ? new DayCount(state >> DayShift, state & ((1L << DayShift) - 1)) : default;

    /// <summary>Goes on with a count of before.</summary>
    public void Restore(DayCount count) => Volatile.Write(ref _state, (count.Day << DayShift) + count.Used);

    /// <summary>Time until the count begins anew.</summary>
    public TimeSpan UntilMidnight => TimeSpan.FromDays(1) - time.GetUtcNow().TimeOfDay;

    /// <summary>How many messages so many bytes are.</summary>
    public long MessagesOf(int bytes) => Math.Max(1, ((long)bytes + meter - 1) / meter);

    /// <summary>Counts a message of so many bytes. False when the quota is used up.</summary>
    public bool TryTake(int bytes)
    {
        var messages = MessagesOf(bytes);
        var today = Today();
        var seen = Volatile.Read(ref _state);
        while (true)
        {
            // A clock that is set back does not give a second quota.
            var next = (seen >> DayShift >= today ? seen : today << DayShift) + messages;
            if ((next & ((1L << DayShift) - 1)) > limit)
                return false;
            var current = Interlocked.CompareExchange(ref _state, next, seen);
            if (current == seen)
                return true;
            seen = current;
        }
    }

    private long Today() => time.GetUtcNow().ToUnixTimeSeconds() / 86_400;
}
