using Homeport.Log;
using Microsoft.Extensions.Logging;

namespace Homeport.Hub.Events;

/// <summary>
/// Carries stored events into the log, in their order. An event leaves the store when the log has it on the disk, so that a crash in
/// between brings it twice and never loses it.
/// </summary>
public sealed partial class EventRelay(IEventStore store, HubLog log, ILogger<EventRelay> logger) : IDisposable
{
    private const int Batch = 500;
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(1);
    private readonly SemaphoreSlim _work = new(1);

    /// <summary>Says that there are new events.</summary>
    public void Wake()
    {
        // One permit is enough: the relay empties the store whenever it wakes.
        if (_work.CurrentCount == 0)
            _work.Release();
    }

    /// <summary>Appends an event that is in no store.</summary>
    public void Append(HubEvent happened) => AppendToLog(happened);

    /// <summary>Carries until stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await _work.WaitAsync(stop);
                while (await CarryAsync(stop))
                {
                    // More of them.
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogFailed(e);
                await Task.Delay(PauseAfterFailure, CancellationToken.None);
                Wake();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    private async Task<bool> CarryAsync(CancellationToken stop)
    {
        var events = await store.ReadAsync(Batch, stop);
        if (events.Count == 0)
            return false;
        var commits = events.Where(e => e.Event is not null).Select(e => AppendToLog(e.Event!)).Distinct().ToList();
        foreach (var commit in commits)
            await commit.WhenDurable();
        await store.DeleteAsync(events[^1].Number, stop);
        return events.Count == Batch;
    }

    private Commit AppendToLog(HubEvent happened)
        => log.Append(log.WriterFor(new RecordOrigin(happened.DeviceId, happened.ModuleId, happened.GenerationId, "")), happened.Source, happened.Properties.Span, happened.Body.Span);

    [LoggerMessage(EventId = 2201, Level = LogLevel.Error, Message = "Events could not be carried into the log; trying again.")]
    private partial void LogFailed(Exception e);
}
