using Microsoft.Extensions.Logging;

namespace Homeport.Hub.CloudToDevice;

/// <summary>Ends what is over, once a second: locks, messages, feedback that nobody read.</summary>
public sealed partial class CloudToDeviceSweep(CloudToDeviceMessages messages, IReadOnlyList<ServiceBoundQueue> serviceBound, TimeProvider time, ILogger<CloudToDeviceSweep> logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Runs until stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
                await SweepAsync(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Locks end with the process; what expired is found at the next start.
        }
    }

    private async Task SweepAsync(CancellationToken token)
    {
        try
        {
            await messages.SweepAsync(token);
            foreach (var queue in serviceBound)
                await queue.SweepAsync(token);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogSweepFailed(e);
        }
    }

    [LoggerMessage(EventId = 2201, Level = LogLevel.Error, Message = "Messages whose time is over could not be taken out; trying again.")]
    private partial void LogSweepFailed(Exception e);
}
