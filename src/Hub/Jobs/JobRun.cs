using System.Globalization;
using Homeport.Contract.Errors;
using Homeport.Hub.Query;

namespace Homeport.Hub.Jobs;

/// <summary>Runs one job: lists its devices, works on a few of them at a time, and notes what each gave before it takes more.</summary>
internal sealed class JobRun(IJobStore store, IQuerySource source, DeviceWork work, TimeProvider time, JobSettings settings)
{
    /// <summary>Devices whose rows are written at a time.</summary>
    private const int Chunk = 500;

    /// <summary>Runs until all is done, the job's time is over, or the server stops.</summary>
    /// <param name="job">A job that began, maybe before a stop of the server.</param>
    /// <param name="stop">Ends the run; the job goes on with the next run.</param>
    public async Task RunAsync(Job job, CancellationToken stop)
    {
        if (!JobAction.Read(job).Succeeded(out var action, out var refusal) || !HubQuery.ParseCondition(job.Condition).Succeeded(out var condition, out refusal))
        {
            await FailAsync(job, refusal.Text, DeviceJobError.Of(refusal), stop);
            return;
        }
        var left = job.BeganTime!.Value + job.MaxExecution - time.GetUtcNow();
        using var limit = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        try
        {
            if (!job.Listed)
                await ListAsync(job, condition, linked.Token);
            await WorkAsync(job, action, linked.Token, stop);
            linked.Token.ThrowIfCancellationRequested();
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            var over = TimeOver(job);
            await FailAsync(job, over.Description, over, stop);
            return;
        }
        await store.EndAsync(job.Id, JobStatus.Completed, null, time.GetUtcNow(), stop);
    }

    /// <summary>A list that a stop cut short is made again: rows that are there stay.</summary>
    private async Task ListAsync(Job job, QueryCondition condition, CancellationToken token)
    {
        var devices = new List<string>(Chunk);
        await foreach (var row in source.ScanAsync(new QueryScan(QueryCollection.Devices, condition.Index, condition.Parts, null), token).WithCancellation(token))
        {
            if (!condition.Matches(row))
                continue;
            devices.Add(row.Key.DeviceId);
            if (devices.Count < Chunk)
                continue;
            await store.AddDevicesAsync(job.Id, devices, time.GetUtcNow(), token);
            devices.Clear();
        }
        if (devices.Count > 0)
            await store.AddDevicesAsync(job.Id, devices, time.GetUtcNow(), token);
        await store.NoteListedAsync(job.Id, token);
    }

    private async Task WorkAsync(Job job, JobAction action, CancellationToken token, CancellationToken stop)
    {
        var running = new List<Task>(settings.Devices);
        try
        {
            while (true)
            {
                // A job that was cancelled gives no more devices.
                foreach (var device in await store.ClaimAsync(job.Id, settings.Devices - running.Count, time.GetUtcNow(), token))
                    running.Add(WorkOnAsync(job, device, action, token, stop));
                if (running.Count == 0)
                    return;
                await Task.WhenAny(running);
                foreach (var done in running.Where(t => t.IsCompleted).ToList())
                {
                    running.Remove(done);
                    await done;
                }
            }
        }
        finally
        {
            // Nobody works on a device of this job after the run's end, also when it ends in a fault.
            await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task WorkOnAsync(Job job, string deviceId, JobAction action, CancellationToken token, CancellationToken stop)
    {
        DeviceJobResult result;
        try
        {
            result = await work.RunAsync(deviceId, action, token);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            result = new DeviceJobResult(Error: TimeOver(job));
        }
        await store.NoteResultAsync(job.Id, deviceId, result, time.GetUtcNow(), CancellationToken.None);
    }

    private async Task FailAsync(Job job, string reason, DeviceJobError error, CancellationToken token)
    {
        await store.EndAsync(job.Id, JobStatus.Failed, reason, time.GetUtcNow(), token);
        while (await store.CloseDevicesAsync(job.Id, error, time.GetUtcNow(), token))
        {
            // More of them.
        }
    }

    private static DeviceJobError TimeOver(Job job) => new(HubErrors.GatewayTimeout.Name,
        string.Create(CultureInfo.InvariantCulture, $"The job's time of {job.MaxExecution.TotalSeconds} seconds (maxExecutionTimeInSeconds) was over before all devices were done."));
}
