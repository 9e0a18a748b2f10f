namespace Homeport.Device.Client;

/// <summary>Whether and when to try again, with the signature of the Azure IoT device client.</summary>
public interface IRetryPolicy
{
    /// <summary>Asked after each failure.</summary>
    /// <param name="currentRetryCount">Failures in a row, from 0.</param>
    /// <param name="lastException">The last one.</param>
    /// <param name="retryInterval">How long to wait.</param>
    bool ShouldRetry(int currentRetryCount, Exception lastException, out TimeSpan retryInterval);
}

/// <summary>Waits twice as long after each failure, up to a limit, and by chance up to a quarter less or more, so that a fleet does not come back at once.</summary>
public sealed class ExponentialBackoff(int retryCount, TimeSpan minBackoff, TimeSpan maxBackoff) : IRetryPolicy
{
    private const double Jitter = 0.25;

    /// <summary>Without an end; 0.25 s to 60 s.</summary>
    public ExponentialBackoff()
        : this(int.MaxValue, TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(60))
    {
    }

    /// <inheritdoc/>
    public bool ShouldRetry(int currentRetryCount, Exception lastException, out TimeSpan retryInterval)
    {
        var wait = Math.Min(minBackoff.TotalMilliseconds * Math.Pow(2, Math.Min(currentRetryCount, 30)), maxBackoff.TotalMilliseconds);
        retryInterval = TimeSpan.FromMilliseconds(wait * (1 + (Jitter * ((2 * Random.Shared.NextDouble()) - 1))));
        return currentRetryCount < retryCount;
    }
}

/// <summary>Every failure is the program's.</summary>
public sealed class NoRetry : IRetryPolicy
{
    /// <inheritdoc/>
    public bool ShouldRetry(int currentRetryCount, Exception lastException, out TimeSpan retryInterval)
    {
        retryInterval = TimeSpan.Zero;
        return false;
    }
}
