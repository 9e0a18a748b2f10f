using Microsoft.Extensions.Logging;

namespace Homeport.Hub.Limits;

/// <summary>Messages of a day.</summary>
/// <param name="Day">Days since 1970-01-01 UTC.</param>
/// <param name="Used">Messages.</param>
public readonly record struct DayCount(long Day, long Used);

/// <summary>Keeps the count of a day over restarts of the server.</summary>
public interface IQuotaStore
{
    /// <summary>The count that was saved last, or null.</summary>
    DayCount? Read();

    /// <summary>Saves a count. Durable when it returns.</summary>
    Task SaveAsync(DayCount count, CancellationToken token);
}

/// <summary>
/// Saves the messages of the day once a second, and reads them at the start: a restart gives no second quota. A crash loses the last
/// second of the count.
/// </summary>
public sealed partial class QuotaKeeper
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private readonly DailyQuota? _quota;
    private readonly IQuotaStore _store;
    private readonly TimeProvider _time;
    private readonly ILogger<QuotaKeeper> _logger;
    private DayCount _saved;

    /// <summary>Reads the count.</summary>
    public QuotaKeeper(Throttles throttles, IQuotaStore store, TimeProvider time, ILogger<QuotaKeeper> logger)
    {
        ArgumentNullException.ThrowIfNull(throttles);
        ArgumentNullException.ThrowIfNull(store);
        (_quota, _store, _time, _logger) = (throttles.Quota, store, time, logger);
        if (_quota is null || store.Read() is not { } count)
            return;
        _quota.Restore(count);
        _saved = count;
    }

    /// <summary>Saves until stopped, and then once more. Profiles without a quota have nothing to save.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        if (_quota is null)
            return;
        using var timer = new PeriodicTimer(Interval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
                await SaveAsync(_quota.State, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await SaveAsync(_quota.State, CancellationToken.None);
        }
    }

    private async Task SaveAsync(DayCount count, CancellationToken token)
    {
        if (count == _saved)
            return;
        try
        {
            await _store.SaveAsync(count, token);
            _saved = count;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogSaveFailed(e);
        }
    }

    [LoggerMessage(EventId = 2601, Level = LogLevel.Error, Message = "The count of the day's messages could not be saved; trying again.")]
    private partial void LogSaveFailed(Exception e);
}
