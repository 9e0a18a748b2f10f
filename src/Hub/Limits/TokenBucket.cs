namespace Homeport.Hub.Limits;

/// <summary>A bucket of tokens that fills at a rate up to its burst. Any number of threads may take from it; it starts full.</summary>
public sealed class TokenBucket
{
    private readonly BucketRule _rule;
    private long _state;

    /// <summary>A full bucket.</summary>
    /// <param name="rate">How fast it fills, and how much it holds.</param>
    /// <param name="time">Its monotonic time counts; setting the clock changes nothing.</param>
    public TokenBucket(Rate rate, TimeProvider time) => _rule = new BucketRule(rate, time);

    /// <summary>Takes tokens if they are there. Gives zero, or the time after which they will be.</summary>
    public TimeSpan TryTake(int amount = 1) => _rule.TryTake(ref _state, amount);

    /// <summary>Takes tokens that may be missing: gives the time to wait then, null when that would be more than <paramref name="patience"/> and nothing was taken.</summary>
    public TimeSpan? TakeAhead(int amount, TimeSpan patience) => _rule.TakeAhead(ref _state, amount, patience);

    /// <summary>Puts tokens back that were not used.</summary>
    public void Return(int amount = 1) => _rule.Return(ref _state, amount);
}
