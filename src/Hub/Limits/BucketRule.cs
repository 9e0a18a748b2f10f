namespace Homeport.Hub.Limits;

/// <summary>
/// The arithmetic of token buckets of one rate. A bucket's whole state is one number: the time at which it will be full again. It
/// lies where its owner wants it, is 0 for a full one, and is changed without a lock.
/// </summary>
/// <remarks>
/// Times are sixteenths of a nanosecond since the rule was made, so that the price of one token is a whole number that is exact enough
/// at high rates; they last for 18 years.
/// </remarks>
internal sealed class BucketRule
{
    private const long UnitsPerSecond = 16_000_000_000;
    private const long UnitsPerTimeSpanTick = UnitsPerSecond / TimeSpan.TicksPerSecond;

    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly long _unitsPerTick;
    private readonly long _price;
    private readonly long _depth;

    public BucketRule(Rate rate, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rate.PerSecond);
        ArgumentOutOfRangeException.ThrowIfLessThan(rate.Burst, 1);
        _time = time;
        _start = time.GetTimestamp();
        _unitsPerTick = Math.Max(1, UnitsPerSecond / time.TimestampFrequency);
        _price = Math.Max(1, (long)Math.Round(UnitsPerSecond / rate.PerSecond));
        _depth = (long)(_price * rate.Burst);
    }

    /// <summary>True when the bucket is full, so that it need not be kept.</summary>
    public bool IsFull(long state) => state <= Now();

    /// <summary>Takes tokens if they are there. Gives zero, or the time after which they will be.</summary>
    /// <remarks>More than the whole bucket is taken from a full one: it is paid for afterwards.</remarks>
    public TimeSpan TryTake(ref long state, int amount = 1) => Take(ref state, amount, allowed: 0, out _);

    /// <summary>
    /// Takes tokens that may be missing. Gives the time that the taker has to wait then, or null when that would be more than
    /// <paramref name="patience"/>; then nothing was taken.
    /// </summary>
    public TimeSpan? TakeAhead(ref long state, int amount, TimeSpan patience)
    {
        var allowed = (long)(patience.TotalSeconds * UnitsPerSecond);
        var wait = Take(ref state, amount, allowed, out var taken);
        return taken ? wait : null;
    }

    /// <summary>Puts tokens back that were not used.</summary>
    public void Return(ref long state, int amount) => Interlocked.Add(ref state, -Cost(amount));

    private TimeSpan Take(ref long state, int amount, long allowed, out bool taken)
    {
        var cost = Cost(amount);
        var now = Now();
        var seen = Volatile.Read(ref state);
        while (true)
        {
            var full = Math.Max(seen, now);
            // A full bucket gives whatever is asked for.
            var missing = full == now ? 0 : full + cost - now - _depth;
            taken = missing <= allowed;
            if (!taken)
                return ToTime(missing);
            var current = Interlocked.CompareExchange(ref state, full + cost, seen);
            if (current == seen)
                return missing > 0 ? ToTime(missing) : TimeSpan.Zero;
            seen = current;
        }
    }

    private long Cost(int amount) => _price * amount;

    private long Now() => (_time.GetTimestamp() - _start) * _unitsPerTick;

    private static TimeSpan ToTime(long units) => TimeSpan.FromTicks((units + UnitsPerTimeSpanTick - 1) / UnitsPerTimeSpanTick);
}
