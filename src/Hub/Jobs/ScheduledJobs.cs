using System.Globalization;
using Homeport.Contract.Errors;
using Homeport.Contract.Naming;
using Homeport.Hub.Methods;
using Homeport.Hub.Query;

namespace Homeport.Hub.Jobs;

/// <summary>A job as a service asks for it.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Condition">Which devices, as after WHERE; <c>*</c> for all.</param>
/// <param name="Action">What is done on each.</param>
/// <param name="StartTime">Not before this time; null for at once.</param>
/// <param name="MaxExecutionSeconds">How long it may run; null for one hour.</param>
public sealed record JobRequest(string Id, string? Condition, JobAction Action, DateTimeOffset? StartTime, long? MaxExecutionSeconds);

/// <summary>A part of a list of jobs.</summary>
/// <param name="Jobs">The newest first.</param>
/// <param name="Continuation">For the next part, or null at the end.</param>
public sealed record JobPage(IReadOnlyList<Job> Jobs, string? Continuation);

/// <summary>The jobs of a hub: made, looked at and cancelled by services; <see cref="JobScheduler"/> runs them.</summary>
public sealed class ScheduledJobs(IJobStore store, TimeProvider time, JobSettings settings)
{
    /// <summary>Raised when the scheduler has something new to look at. Handlers must only post.</summary>
    public Action? Changed { get; set; }

    /// <summary>Makes a job.</summary>
    public async Task<Outcome<Job>> CreateAsync(JobRequest request, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (Check(request) is { } bad)
            return bad;
        if (await store.FindAsync(request.Id, token) is not null)
            return Exists(request.Id);
        if (await store.CountWaitingAsync(token) >= settings.MaxWaiting)
            return new Refusal(HubErrors.ThrottlingMaxActiveJobCountExceeded, $"{settings.MaxWaiting} jobs wait for their start", "Cancel some of them, or wait until they are done.");
        var now = time.GetUtcNow();
        var start = request.StartTime is { } asked && asked > now ? asked.ToUniversalTime() : now;
        var job = new Job
        {
            Id = request.Id,
            Type = request.Action.Type,
            Condition = request.Condition!,
            Body = request.Action.ToBytes(),
            MaxExecution = request.MaxExecutionSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : JobSettings.DefaultExecution,
            CreatedTime = now,
            StartTime = start,
            Status = start > now ? JobStatus.Scheduled : JobStatus.Queued,
        };
        if (!await store.InsertAsync(job, token))
            return Exists(request.Id);
        Changed?.Invoke();
        return job;
    }

    /// <summary>Finds a job.</summary>
    public async Task<Outcome<Job>> GetAsync(string jobId, CancellationToken token) => await store.FindAsync(jobId, token) is { } job ? job : NotFound(jobId);

    /// <summary>
    /// Cancels a job: devices that wait are left out, those in work are finished. One that is cancelled stays so; one that came to another
    /// end is refused.
    /// </summary>
    public async Task<Outcome<Job>> CancelAsync(string jobId, CancellationToken token)
    {
        if (await store.FindAsync(jobId, token) is not { } found)
            return NotFound(jobId);
        if (!await store.EndAsync(jobId, JobStatus.Cancelled, null, time.GetUtcNow(), token))
        {
            found = await store.FindAsync(jobId, token);
            if (found is null)
                return NotFound(jobId);
            if (found.Status != JobStatus.Cancelled)
                return new Refusal(HubErrors.InvalidOperation, $"Job '{jobId}' is {JobWords.Of(found.Status)}", "Cancel jobs that wait or run.");
        }
        while (await store.CloseDevicesAsync(jobId, null, time.GetUtcNow(), token))
        {
            // More of them.
        }
        Changed?.Invoke();
        return await GetAsync(jobId, token);
    }

    /// <summary>Jobs, the newest first.</summary>
    public async Task<Outcome<JobPage>> ListAsync(JobFilter filter, int? pageSize, string? continuation, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var size = pageSize ?? QueryRunner.DefaultPageSize;
        if (size is < 1 or > QueryRunner.MaxPageSize)
            return new Refusal(HubErrors.ArgumentInvalid, $"The page size is {size.ToString(CultureInfo.InvariantCulture)}", $"Ask for 1 to {QueryRunner.MaxPageSize} items.");
        var before = long.MaxValue;
        if (!string.IsNullOrEmpty(continuation) && !long.TryParse(continuation, NumberStyles.None, CultureInfo.InvariantCulture, out before))
            return new Refusal(HubErrors.ArgumentInvalid, "The continuation token is broken", "Send the token of the page before as it came, or none for the first page.");
        if (filter.Nothing)
            return new JobPage([], null);
        var jobs = await store.ListAsync(filter, before, size + 1, token);
        return jobs.Count <= size ? new JobPage(jobs, null) : new JobPage([.. jobs.Take(size)], jobs[size - 1].Sequence.ToString(CultureInfo.InvariantCulture));
    }

    private static Refusal? Check(JobRequest request)
    {
        if (DeviceIdRules.Check(request.Id) is { } id)
            return Invalid($"jobId: {id}", $"Use 1 to {JobSettings.MaxIdLength} letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '.");
        if (!HubQuery.ParseCondition(request.Condition).Succeeded(out var condition, out var refusal))
            return refusal with { Seen = "queryCondition: " + refusal.Seen };
        if (condition.Collection != QueryCollection.Devices)
            return Invalid("queryCondition: jobs work on devices, not on modules or jobs", "Write what may follow WHERE in a query FROM devices, or *.");
        if (request.MaxExecutionSeconds is { } seconds && (seconds < 1 || seconds > JobSettings.MaxExecution.TotalSeconds))
        {
            return Invalid(string.Create(CultureInfo.InvariantCulture, $"maxExecutionTimeInSeconds is {seconds}"),
                string.Create(CultureInfo.InvariantCulture, $"Use 1 to {JobSettings.MaxExecution.TotalSeconds}."));
        }
        return request.Action is MethodAction method ? DirectMethods.Check(method.Call) : null;
    }

    private static Refusal Invalid(string seen, string fix) => new(HubErrors.ArgumentInvalid, seen, fix);

    private static Refusal Exists(string jobId) => new(HubErrors.JobAlreadyExists, $"There is a job '{jobId}'", "Choose another id; ids are free again when the history of the job is deleted, 30 days after its end.");

    private static Refusal NotFound(string jobId)
        => new(HubErrors.JobNotFound, $"There is no job '{(jobId.Length <= JobSettings.MaxIdLength ? jobId : jobId[..JobSettings.MaxIdLength])}'", "Check the id; jobs are kept for 30 days after their end.");
}
