using Homeport.Contract.Errors;
using Homeport.Hub.Files;
using Microsoft.Extensions.Logging;

namespace Homeport.Hub.ImportExport;

/// <summary>Runs imports and exports, one at a time, and goes on with the one that a stop of the server left.</summary>
public sealed partial class RegistryJobRunner(
    IRegistryJobStore store, IBlobContainers containers, RegistryExport export, RegistryImport import, TimeProvider time, ILogger<RegistryJobRunner> logger) : IDisposable
{
    private static readonly TimeSpan RetryTime = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _wake = new(0);
    private readonly Lock _gate = new();
    private (string JobId, CancellationTokenSource Cancel)? _running;

    /// <summary>There is a new job.</summary>
    public void Wake() => _wake.Release();

    /// <summary>A job was cancelled.</summary>
    public void Cancel(string jobId)
    {
        lock (_gate)
        {
            if (_running is { } running && running.JobId == jobId)
                running.Cancel.Cancel();
        }
    }

    /// <summary>Runs until stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                try
                {
                    while (await store.FindActiveAsync(stop) is { } job)
                        await RunAsync(job, stop);
                    await _wake.WaitAsync(stop);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    LogFailed(e);
                    await Task.Delay(RetryTime, time, stop);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The next start goes on with the job.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _wake.Dispose();

    private async Task RunAsync(RegistryJob job, CancellationToken stop)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(stop);
        lock (_gate)
            _running = (job.JobId, cancel);
        try
        {
            if (!await store.BeginAsync(job.JobId, time.GetUtcNow(), cancel.Token))
                return;
            var refusal = await WorkAsync(job, cancel.Token);
            var status = refusal is null ? RegistryJobStatus.Completed : RegistryJobStatus.Failed;
            await store.EndAsync(job.JobId, status, refusal?.Text, time.GetUtcNow(), stop);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            // Cancelled: the store has it already.
        }
        catch (IOException e)
        {
            // A container's connection, or this server's disk; the job's owner can ask again.
            await store.EndAsync(job.JobId, RegistryJobStatus.Failed, $"A file could not be read or written: {e.Message}", time.GetUtcNow(), stop);
        }
        finally
        {
            lock (_gate)
                _running = null;
        }
    }

    private async Task<Refusal?> WorkAsync(RegistryJob job, CancellationToken token)
    {
        // The signatures may have ended since the job was asked.
        if (!containers.Open(job.Request.OutputBlobContainerUri, "w").Succeeded(out var output, out var refusal))
            return refusal;
        if (!job.IsImport)
            return await export.RunAsync(output, job.Request, percent => store.NoteAsync(job.JobId, new RegistryJobProgress(percent, 0, 0), [], token), token);
        return containers.Open(job.Request.InputBlobContainerUri, "r").Succeeded(out var input, out refusal)
            ? await import.RunAsync(input, output, job, token)
            : refusal;
    }

    [LoggerMessage(EventId = 2551, Level = LogLevel.Error, Message = "An import or export of the registry could not go on; trying again.")]
    private partial void LogFailed(Exception e);
}
