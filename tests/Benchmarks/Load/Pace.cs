using System.Diagnostics;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>
/// When a caller of several starts its next call. Paced calls count from the time at which they were due, so that a slow answer
/// does not hide the wait of those behind it.
/// </summary>
/// <param name="ratePerSecond">Calls of all callers; 0 is as fast as answers come.</param>
/// <param name="callers">Number of callers.</param>
/// <param name="index">Number of this caller.</param>
internal sealed class Pace(int ratePerSecond, int callers, int index)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private long _calls;

    /// <summary>Waits until a call is due. Gives the time from which it counts.</summary>
    public async ValueTask<long> NextAsync(CancellationToken cancellationToken)
    {
        if (ratePerSecond == 0)
            return Stopwatch.GetTimestamp();

        var due = _start + (long)(((_calls++ * callers) + index) * (double)Stopwatch.Frequency / ratePerSecond);
        var wait = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, cancellationToken);
        return due;
    }
}
