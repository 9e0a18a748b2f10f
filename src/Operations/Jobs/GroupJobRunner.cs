using System.Globalization;
using Homeport.Contract.Errors;
using Homeport.Operations.Groups;
using Microsoft.Extensions.Logging;

namespace Homeport.Operations.Jobs;

/// <summary>
/// Runs jobs over device groups, some at a time. What a stop of the server left unfinished goes on at the next start: properties and
/// templates are written again, a command that was under way has failed, since it may have run.
/// </summary>
public sealed partial class GroupJobRunner(IGroupJobStore store, DeviceGroups groups, GroupJobWork work, TimeProvider time, ILogger<GroupJobRunner> logger) : IDisposable
{
    /// <summary>Jobs at a time. Source: IoT Central "Quotas and limits".</summary>
    private const int Concurrent = 5;

    /// <summary>Devices that one job works on at a time.</summary>
    private const int AtOnce = 32;

    private const int Chunk = 500;
    private const int MaxText = 1000;
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PruneInterval = TimeSpan.FromHours(1);

    private readonly SemaphoreSlim _work = new(1);
    private readonly Dictionary<string, Task> _running = new(StringComparer.Ordinal);

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
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await _work.WaitAsync(PruneInterval, stop);
                await StartAsync(stop);
                while (await store.PruneAsync(time.GetUtcNow() - GroupJob.History, stop))
                {
                    // More of them.
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                LogFailed(e);
                await Task.Delay(PauseAfterFailure, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                Wake();
            }
        }
        await Task.WhenAll(_running.Values);
    }

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    private async Task StartAsync(CancellationToken stop)
    {
        foreach (var done in _running.Where(r => r.Value.IsCompleted).Select(r => r.Key).ToList())
            _running.Remove(done);
        if (_running.Count >= Concurrent)
            return;
        foreach (var job in (await store.OpenAsync(GroupJobs.MaxOpen, stop)).Where(j => !_running.ContainsKey(j.Id)).Take(Concurrent - _running.Count))
        {
            var run = Task.Run(() => GuardAsync(job.Id, stop), CancellationToken.None);
            _running[job.Id] = run;
            _ = WakeAfterAsync(run, stop);
        }
    }

    /// <summary>A job's place is free once its task has ended: a round that came before would find it taken and wait for nothing.</summary>
    private async Task WakeAfterAsync(Task run, CancellationToken stop)
    {
        await run.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!stop.IsCancellationRequested)
            Wake();
    }

    private async Task GuardAsync(string id, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await RunOneAsync(id, stop);
                return;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogJobFailed(e, id);
                await Task.Delay(PauseAfterFailure, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task RunOneAsync(string id, CancellationToken stop)
    {
        if (await store.FindAsync(id, stop) is not { } job || job.IsOver || job.Status == GroupJobStatus.Stopped)
            return;
        // Nobody works on its devices now: a run of before was cut short.
        await store.ReleaseAsync(id, job.Data[0].Type == JobDataType.Command ? (HubErrors.ServiceUnavailable.Name, "The server stopped while the command was under way. The device may have run it.") : null, time.GetUtcNow(), stop);
        if (job.Status == GroupJobStatus.Pending && !await store.MoveAsync(id, [GroupJobStatus.Pending], GroupJobStatus.Running, null, time.GetUtcNow(), stop))
            return;
        if (!job.Listed && await ListAsync(job, stop) is { } refusal)
        {
            await store.MoveAsync(id, [GroupJobStatus.Running], GroupJobStatus.Failed, refusal.Text, time.GetUtcNow(), stop);
            return;
        }
        var total = (await store.FindAsync(id, stop))!.Devices.Total;
        var size = Math.Max(1, job.Batch?.Of(total) ?? total);
        while (await store.FirstPendingAsync(id, stop) is { } first)
        {
            var from = first / size * size;
            if (!await BatchAsync(job, from, Math.Min(from + size, total), total, stop))
                return;
        }
        await store.MoveAsync(id, [GroupJobStatus.Running], GroupJobStatus.Complete, null, time.GetUtcNow(), stop);
    }

    /// <summary>Writes a row for each device of the group. A list that a stop cut short is made again: rows that are there stay.</summary>
    private async Task<Refusal?> ListAsync(GroupJob job, CancellationToken stop)
    {
        if (!(await groups.GetAsync(job.Group, stop)).Succeeded(out var group, out var refusal) || !DeviceGroupFilter.Parse(group.Filter).Succeeded(out var filter, out refusal))
            return refusal;
        var chunk = new List<string>(Chunk);
        await foreach (var device in groups.Members.AllAsync(filter, job.Organization ?? group.Organization, stop).WithCancellation(stop))
        {
            chunk.Add(device.DeviceId);
            if (chunk.Count < Chunk)
                continue;
            await store.AddDevicesAsync(job.Id, chunk, time.GetUtcNow(), stop);
            chunk.Clear();
        }
        await store.AddDevicesAsync(job.Id, chunk, time.GetUtcNow(), stop);
        await store.NoteListedAsync(job.Id, stop);
        return null;
    }

    /// <summary>Works on the devices with places from one up to another. False when the job does not go on.</summary>
    private async Task<bool> BatchAsync(GroupJob job, long from, long limit, long total, CancellationToken stop)
    {
        var running = new List<Task>(AtOnce);
        try
        {
            while (true)
            {
                // A job that was stopped gives no more devices.
                foreach (var device in await store.ClaimAsync(job.Id, limit, AtOnce - running.Count, time.GetUtcNow(), stop))
                    running.Add(WorkOnAsync(job, device, stop));
                if (running.Count == 0)
                    break;
                await Task.WhenAny(running);
                foreach (var done in running.Where(t => t.IsCompleted).ToList())
                {
                    running.Remove(done);
                    await done;
                }
                await CheckThresholdAsync(job, from, limit, total, stop);
            }
        }
        finally
        {
            // Nobody works on a device of this job after the run's end, also when it ends in a fault.
            await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        return await store.FindAsync(job.Id, stop) is { Status: GroupJobStatus.Running };
    }

    private async Task CheckThresholdAsync(GroupJob job, long from, long limit, long total, CancellationToken stop)
    {
        if (job.CancellationThreshold is not { } threshold)
            return;
        var (begin, end) = threshold.PerBatch ? (from, limit) : (0, total);
        var (failed, allowed) = (await store.CountFailedAsync(job.Id, begin, end, stop), threshold.Failures.Of(end - begin));
        if (failed <= allowed)
            return;
        var reason = string.Create(CultureInfo.InvariantCulture, $"{failed} devices failed{(threshold.PerBatch ? " in one batch" : "")}, {allowed} are allowed.");
        await store.MoveAsync(job.Id, [GroupJobStatus.Running], GroupJobStatus.Cancelled, reason, time.GetUtcNow(), stop);
    }

    private async Task WorkOnAsync(GroupJob job, string deviceId, CancellationToken stop)
    {
        var done = (await work.RunAsync(deviceId, job, stop)).Succeeded(out var text, out var refusal);
        var said = done ? text! : refusal!.Text;
        var result = new GroupJobDevice(deviceId, done ? GroupJobDeviceStatus.Completed : GroupJobDeviceStatus.Failed, refusal?.Error.Name, said.Length == 0 ? null : said[..Math.Min(said.Length, MaxText)], time.GetUtcNow());
        await store.NoteResultAsync(job.Id, result, CancellationToken.None);
    }

    [LoggerMessage(EventId = 2501, Level = LogLevel.Error, Message = "Job {JobId} met a fault; trying again.")]
    private partial void LogJobFailed(Exception e, string jobId);

    [LoggerMessage(EventId = 2502, Level = LogLevel.Error, Message = "Jobs over groups could not be looked at; trying again.")]
    private partial void LogFailed(Exception e);
}
