using System.Security.Cryptography;
using Homeport.Contract.Errors;
using Microsoft.Extensions.Logging;

namespace Homeport.Provisioning.Bulk.Jobs;

/// <summary>
/// Runs imports, one at a time. What a stop of the server cut short goes on at the next start after the last row that was counted; rows that
/// were written and not counted are known as its own.
/// </summary>
public sealed partial class ImportJobRunner(ImportJobs jobs, IImportJobStore store, IImportFiles files, DeviceImport import, TimeProvider time, ILogger<ImportJobRunner> logger) : IDisposable
{
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PruneInterval = TimeSpan.FromMinutes(10);
    private readonly SemaphoreSlim _work = new(1);

    /// <summary>Whether there is an organization; null: organizations are not checked.</summary>
    public Func<string, CancellationToken, Task<Refusal?>>? CheckOrganization { get; init; }

    /// <summary>Told before a job is seen to be over, for the audit log; after a fault it may be told again.</summary>
    public Func<ImportJob, CancellationToken, Task>? Ending { get; init; }

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
                await RunQueuedAsync(stop);
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
    }

    /// <summary>Runs all that wait, and removes what is old.</summary>
    public async Task RunQueuedAsync(CancellationToken stop)
    {
        while (await store.OpenAsync(1, stop) is [var job])
            await RunOneAsync(job, stop);
        await jobs.PruneAsync(stop);
    }

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    private async Task RunOneAsync(ImportJob job, CancellationToken stop)
    {
        if (await store.BeginAsync(job.Id, time.GetUtcNow(), stop) is not { } fresh)
            return;
        var journal = new ImportJournal(job.Counts, fresh, (step, token) => store.SaveAsync(job.Id, step, token));
        // The error file is encrypted: what its reader may not see is left out then.
        var options = job.Options with { CheckOrganization = CheckOrganization, KeepKeys = true };
        Refusal? refusal;
        try
        {
            await using var file = files.Open(job.Id);
            refusal = (await import.RunAsync(file, options, journal, null, stop)).Refusal;
        }
        catch (Exception e) when (e is CryptographicException or InvalidDataException or FileNotFoundException)
        {
            LogUnreadable(e, job.Id);
            refusal = new Refusal(HubErrors.ArgumentInvalid, "The file that the server kept cannot be read any more", "Import it again: what is registered already is skipped.");
        }
        var status = refusal is not null ? ImportJobStatus.Failed : journal.IsStopped ? ImportJobStatus.Cancelled : journal.Counts.Status;
        if (Ending is { } ending)
            await ending(job with { Counts = journal.Counts, Status = status }, stop);
        await store.EndAsync(job.Id, status, refusal?.Text, time.GetUtcNow(), stop);
    }

    [LoggerMessage(EventId = 2511, Level = LogLevel.Error, Message = "An import met a fault; trying again.")]
    private partial void LogFailed(Exception e);

    [LoggerMessage(EventId = 2512, Level = LogLevel.Error, Message = "The file of the import {JobId} cannot be read.")]
    private partial void LogUnreadable(Exception e, string jobId);
}
