using Homeport.Contract.Errors;
using Homeport.Hub.Query;
using Microsoft.Extensions.Logging;

namespace Homeport.Hub.Jobs;

/// <summary>
/// Runs the jobs of a hub: some at a time, in the order of their start times. What a stop of the server left unfinished goes on at the
/// next start: twins are written again, a method that was under way has failed, since it may have run.
/// </summary>
public sealed partial class JobScheduler : IDisposable
{
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PruneInterval = TimeSpan.FromHours(1);

    // Also the longest time that a change of the clock goes unseen.
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    private static readonly DeviceJobError Interrupted = new(HubErrors.ServiceUnavailable.Name,
        "The server stopped while the method was under way. The device may have run it: call it again if it may run twice.");

    private readonly IJobStore _store;
    private readonly JobRun _run;
    private readonly TimeProvider _time;
    private readonly JobSettings _settings;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _work = new(0);
    private readonly Dictionary<string, Task> _running = new(StringComparer.Ordinal);
    private DateTimeOffset _lastPrune = DateTimeOffset.MinValue;

    public JobScheduler(IJobStore store, IQuerySource source, DeviceWork work, TimeProvider time, JobSettings settings, ILogger<JobScheduler> logger)
    {
        (_store, _time, _settings, _logger) = (store, time, settings, logger);
        _run = new JobRun(store, source, work, time, settings);
    }

    /// <summary>Says that there may be something to do.</summary>
    public void Wake()
    {
        // One permit is enough: every round looks at all.
        if (_work.CurrentCount == 0)
            _work.Release();
    }

    /// <summary>Runs until stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var recovered = false;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (!recovered)
                    await RecoverAsync(stop);
                recovered = true;
                await StartDueAsync(stop);
                await PruneAsync(stop);
                await WaitAsync(stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                LogFailed(e);
                await Task.Delay(PauseAfterFailure, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        await Task.WhenAll(_running.Values);
    }

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    private async Task RecoverAsync(CancellationToken stop)
    {
        foreach (var job in await _store.UnfinishedAsync(stop))
        {
            if (_running.ContainsKey(job.Id))
                continue;
            await _store.ReleaseAsync(job.Id, Interrupted, _time.GetUtcNow(), stop);
            if (!job.IsOver)
            {
                LogResumed(job.Id, job.Devices.Pending + job.Devices.Running);
                Start(job, stop);
                continue;
            }
            var error = job.Status == JobStatus.Cancelled ? null : new DeviceJobError(HubErrors.GatewayTimeout.Name, job.FailureReason ?? "The job is over.");
            while (await _store.CloseDevicesAsync(job.Id, error, _time.GetUtcNow(), stop))
            {
                // More of them.
            }
        }
    }

    private async Task StartDueAsync(CancellationToken stop)
    {
        foreach (var ended in _running.Where(r => r.Value.IsCompleted).Select(r => r.Key).ToList())
            _running.Remove(ended);
        // Asked for also when all places are taken: jobs that are due show that they wait.
        var due = await _store.QueueDueAsync(_time.GetUtcNow(), _settings.Concurrent, stop);
        foreach (var job in due.Where(j => !_running.ContainsKey(j.Id)).Take(Math.Max(0, _settings.Concurrent - _running.Count)))
        {
            var now = _time.GetUtcNow();
            if (await _store.BeginAsync(job.Id, now, stop))
                Start(job with { Status = JobStatus.Running, BeganTime = now }, stop);
        }
    }

    private void Start(Job job, CancellationToken stop)
    {
        var run = Task.Run(() => RunOneAsync(job, stop), CancellationToken.None);
        _running[job.Id] = run;
        _ = WakeAfterAsync(run, stop);
    }

    /// <summary>A job's place is free once its task has ended: a round that came before would find it taken and wait for nothing.</summary>
    private async Task WakeAfterAsync(Task run, CancellationToken stop)
    {
        await run.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!stop.IsCancellationRequested)
            Wake();
    }

    private async Task RunOneAsync(Job job, CancellationToken stop)
    {
        while (true)
        {
            try
            {
                await _run.RunAsync(job, stop);
                return;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogJobFailed(e, job.Id);
            }
            if (await TryAgainAsync(job.Id, stop) is not { } again)
                return;
            job = again;
        }
    }

    /// <summary>The job as it is after a fault, or null when it is over or the server stops.</summary>
    private async Task<Job?> TryAgainAsync(string jobId, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(PauseAfterFailure, _time, stop);
                await _store.ReleaseAsync(jobId, Interrupted, _time.GetUtcNow(), stop);
                return await _store.FindAsync(jobId, stop) is { IsOver: false } job ? job : null;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return null;
            }
            catch (Exception e)
            {
                LogJobFailed(e, jobId);
            }
        }
        return null;
    }

    private async Task PruneAsync(CancellationToken stop)
    {
        var now = _time.GetUtcNow();
        if (now - _lastPrune < PruneInterval)
            return;
        _lastPrune = now;
        while (await _store.PruneAsync(now - _settings.History, stop))
        {
            // More of them.
        }
    }

    private async Task WaitAsync(CancellationToken stop)
    {
        var wait = LongestWait;
        if (await _store.NextStartAsync(stop) is { } next && next - _time.GetUtcNow() is var until && until < wait)
            wait = until > TimeSpan.Zero ? until : TimeSpan.Zero;
        using var timer = new CancellationTokenSource(wait, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, timer.Token);
        try
        {
            await _work.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            // The time came before a change did.
        }
    }

    [LoggerMessage(EventId = 2401, Level = LogLevel.Information, Message = "Job {JobId} goes on with {Devices} devices.")]
    private partial void LogResumed(string jobId, long devices);

    [LoggerMessage(EventId = 2402, Level = LogLevel.Error, Message = "Job {JobId} met a fault; trying again.")]
    private partial void LogJobFailed(Exception e, string jobId);

    [LoggerMessage(EventId = 2403, Level = LogLevel.Error, Message = "Jobs could not be looked at; trying again.")]
    private partial void LogFailed(Exception e);
}
