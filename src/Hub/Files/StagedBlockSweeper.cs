using Microsoft.Extensions.Logging;

namespace Homeport.Hub.Files;

/// <summary>Drops staged blocks that nobody committed for a week, once an hour.</summary>
public sealed partial class StagedBlockSweeper(IBlobStore store, TimeProvider time, ILogger<StagedBlockSweeper> logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <summary>Sweeps until stopped.</summary>
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
            LogStopped();
        }
    }

    private async Task SweepAsync(CancellationToken stop)
    {
        try
        {
            var dropped = await store.DropStagedAsync(time.GetUtcNow() - BlobLimits.StagedLife, stop);
            if (dropped > 0)
                LogDropped(dropped);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogFailed(e);
        }
    }

    [LoggerMessage(EventId = 2501, Level = LogLevel.Information, Message = "Dropped the staged blocks of {Count} blobs that were not committed for a week.")]
    private partial void LogDropped(int count);

    [LoggerMessage(EventId = 2502, Level = LogLevel.Error, Message = "Old staged blocks could not be dropped.")]
    private partial void LogFailed(Exception e);

    [LoggerMessage(EventId = 2503, Level = LogLevel.Debug, Message = "No more sweeps of staged blocks.")]
    private partial void LogStopped();
}
