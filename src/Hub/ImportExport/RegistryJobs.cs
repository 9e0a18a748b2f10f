using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Files;

namespace Homeport.Hub.ImportExport;

/// <summary>
/// Imports and exports of the registry by files in blob containers, one at a time. Source: Azure "Import and export IoT Hub device
/// identities in bulk".
/// </summary>
public sealed class RegistryJobs(IRegistryJobStore store, IBlobContainers containers, TimeProvider time)
{
    /// <summary>How long jobs that are over are shown.</summary>
    public static readonly TimeSpan History = TimeSpan.FromDays(30);

    private const int MaxListed = 1000;

    /// <summary>Called when there is a new job.</summary>
    public Action Added { get; set; } = static () => { };

    /// <summary>Called with the id of a job that was cancelled.</summary>
    public Action<string> Cancelled { get; set; } = static _ => { };

    /// <summary>Takes a job. It is durable when the task ends.</summary>
    public async Task<Outcome<RegistryJob>> CreateAsync(ImportExportJob request, CancellationToken token)
    {
        if (Check(request) is { } refusal)
            return refusal;
        var now = time.GetUtcNow();
        var job = new RegistryJob(Guid.NewGuid().ToString(), request with
        {
            InputBlobName = NameOf(request.InputBlobName),
            OutputBlobName = NameOf(request.OutputBlobName),
            StorageAuthenticationType = "keyBased",
        }, now) { Progress = new RegistryJobProgress(0, 0, RegistryImport.BatchSize) };
        await store.PruneAsync(now - History, token);
        if (!await store.InsertAsync(job, token))
            return new Refusal(HubErrors.JobQuotaExceeded, "One job may wait or run at a time", "Wait for the other job, or cancel it: GET /jobs shows it.");
        Added();
        return job;
    }

    /// <summary>Jobs, the newest first.</summary>
    public Task<IReadOnlyList<RegistryJob>> ListAsync(CancellationToken token) => store.ListAsync(MaxListed, token);

    /// <summary>Finds a job.</summary>
    public async Task<Outcome<RegistryJob>> GetAsync(string jobId, CancellationToken token)
        => await store.FindAsync(jobId, token) is { } job ? job : NotFound(jobId);

    /// <summary>Cancels a job that is not over; what it did stays. Null when it is done, or was over.</summary>
    public async Task<Refusal?> CancelAsync(string jobId, CancellationToken token)
    {
        if (await store.EndAsync(jobId, RegistryJobStatus.Cancelled, null, time.GetUtcNow(), token))
            Cancelled(jobId);
        else if (await store.FindAsync(jobId, token) is null)
            return NotFound(jobId);
        return null;
    }

    private Refusal? Check(ImportExportJob request)
    {
        var import = string.Equals(request.Type, "import", StringComparison.OrdinalIgnoreCase);
        if (!import && !string.Equals(request.Type, "export", StringComparison.OrdinalIgnoreCase))
            return Invalid($"type is '{request.Type}'", "Use import or export.");
        if (!string.IsNullOrEmpty(request.StorageAuthenticationType) && !string.Equals(request.StorageAuthenticationType, "keyBased", StringComparison.OrdinalIgnoreCase))
            return Invalid($"storageAuthenticationType is '{request.StorageAuthenticationType}'", "Use keyBased, and addresses with signatures.");
        if (request.IncludeConfigurations)
            return Invalid("includeConfigurations is true", "Leave it out: this hub imports and exports identities and twins. GET /configurations gives the configurations.");
        foreach (var name in (string[])[NameOf(request.InputBlobName), NameOf(request.OutputBlobName)])
        {
            if (BlobAddress.CheckName(name) is { } bad)
                return Invalid($"A blob's name cannot be used: {bad}", "Choose another name.");
        }
        return (import ? containers.Open(request.InputBlobContainerUri, "r").Refusal : null) ?? containers.Open(request.OutputBlobContainerUri, "w").Refusal;
    }

    private static string NameOf(string? asked) => string.IsNullOrEmpty(asked) ? RegistryJob.DefaultBlob : asked;

    private static Refusal Invalid(string seen, string fix) => new(HubErrors.ArgumentInvalid, seen, fix);

    private static Refusal NotFound(string jobId) => new(HubErrors.JobNotFound, $"There is no import or export '{jobId}'", "GET /jobs lists those of the last 30 days.");
}
