using Homeport.Contract.Errors;
using Homeport.Operations.Groups;
using Homeport.Provisioning;
using Homeport.Templates;

namespace Homeport.Operations.Jobs;

/// <summary>Jobs over device groups: made, looked at, stopped and resumed by operators; <see cref="GroupJobRunner"/> runs them.</summary>
public sealed class GroupJobs(IGroupJobStore store, DeviceGroups groups, TemplateService templates, TimeProvider time)
{
    /// <summary>Jobs that may wait or run.</summary>
    public const int MaxOpen = 1000;

    /// <summary>Raised when the runner has something new to look at. Handlers must only post.</summary>
    public Action? Changed { get; set; }

    /// <summary>Makes a job, which begins as soon as it is its turn.</summary>
    public async Task<Outcome<GroupJob>> CreateAsync(GroupJob wanted, string by, CancellationToken token)
    {
        if (CheckForm(wanted) is { } wrong)
            return wrong;
        if ((await groups.GetAsync(wanted.Group, token)).Refusal is { } noGroup)
            return noGroup with { Error = FleetErrors.JobTargetMissing };
        foreach (var data in wanted.Data)
        {
            if (await JobTarget.CheckAsync(data, templates, token) is { } missing)
                return missing;
        }
        return await InsertAsync(wanted, null, by, token);
    }

    /// <summary>Finds a job.</summary>
    public async Task<Outcome<GroupJob>> GetAsync(string id, CancellationToken token) => await store.FindAsync(id, token) is { } job ? job : NotFound(id);

    /// <summary>Jobs, the newest first; ask for one more than are shown to know whether there is a next page.</summary>
    public Task<IReadOnlyList<GroupJob>> ListAsync(long before, int max, CancellationToken token) => store.ListAsync(before, max, token);

    /// <summary>Devices of a job in the order of their ids.</summary>
    public async Task<Outcome<IReadOnlyList<GroupJobDevice>>> DevicesAsync(string id, string? after, int max, CancellationToken token)
        => (await GetAsync(id, token)).Refusal is { } refusal ? refusal : new Outcome<IReadOnlyList<GroupJobDevice>>(await store.DevicesAsync(id, after, max, token));

    /// <summary>Stops a job: devices in work are finished, those that wait go on waiting. Null when it is done.</summary>
    public Task<Refusal?> StopAsync(string id, CancellationToken token) => MoveAsync(id, [GroupJobStatus.Pending, GroupJobStatus.Running], GroupJobStatus.Stopped, "Stop jobs that wait or run.", token);

    /// <summary>Lets a stopped job go on. Null when it is done.</summary>
    public Task<Refusal?> ResumeAsync(string id, CancellationToken token) => MoveAsync(id, [GroupJobStatus.Stopped], GroupJobStatus.Pending, "Resume jobs that were stopped.", token);

    /// <summary>Does on the failed devices of a job once more what it did: a new job.</summary>
    public async Task<Outcome<GroupJob>> RerunAsync(string id, string rerunId, string by, CancellationToken token)
    {
        if (!(await GetAsync(id, token)).Succeeded(out var job, out var refusal))
            return refusal;
        if (!job.IsOver)
            return new Refusal(FleetErrors.JobState, $"The job '{id}' is {Word(job.Status)}", "Wait until it is over.");
        if (job.Devices.Failed == 0)
            return new Refusal(FleetErrors.JobState, $"No device of the job '{id}' failed", "There is nothing to run again.");
        var again = job with { Id = rerunId, Status = GroupJobStatus.Pending, Reason = null, Listed = true, Began = null, Ended = null };
        return CheckForm(again) is { } wrong ? wrong : await InsertAsync(again, id, by, token);
    }

    /// <summary>The state in words of a sentence.</summary>
    public static string Word(GroupJobStatus status) => status.ToString().ToLowerInvariant();

    private async Task<Outcome<GroupJob>> InsertAsync(GroupJob wanted, string? failedOf, string by, CancellationToken token)
    {
        if ((await store.OpenAsync(MaxOpen, token)).Count >= MaxOpen)
            return new Refusal(FleetErrors.TooManyJobs, $"{MaxOpen} wait or run", "Wait until some are done, or stop some.");
        var job = wanted with { Created = DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds()), CreatedBy = by };
        if (!await store.InsertAsync(job, failedOf, token))
            return new Refusal(FleetErrors.JobExists, $"There is a job '{job.Id}'", "Choose another id; ids are free again 30 days after the end of the job.");
        Changed?.Invoke();
        return await GetAsync(job.Id, token);
    }

    private async Task<Refusal?> MoveAsync(string id, IReadOnlyCollection<GroupJobStatus> from, GroupJobStatus to, string fix, CancellationToken token)
    {
        if (!(await GetAsync(id, token)).Succeeded(out var job, out var refusal))
            return refusal;
        if (!await store.MoveAsync(id, from, to, null, time.GetUtcNow(), token))
            return job.Status == to ? null : new Refusal(FleetErrors.JobState, $"The job '{id}' is {Word(job.Status)}", fix);
        Changed?.Invoke();
        return null;
    }

    private static Refusal? CheckForm(GroupJob wanted)
    {
        if (!DeviceGroups.IsId(wanted.Id))
            return Invalid($"id is '{Shown.Text(wanted.Id)}'", $"Use 1 to {DeviceGroup.MaxId} letters, digits, - and _.");
        if (wanted.DisplayName.Length is 0 or > DeviceGroup.MaxName || wanted.DisplayName.Any(char.IsControl) || wanted.Description?.Length > DeviceGroup.MaxDescription)
            return Invalid("displayName or description is too long, or has control characters", $"Send a name of 1 to {DeviceGroup.MaxName} characters, and {DeviceGroup.MaxDescription} for the description.");
        if (wanted.Data.Count is 0 or > GroupJob.MaxData)
            return Invalid($"data has {wanted.Data.Count} elements", $"Send 1 to {GroupJob.MaxData}.");
        var first = wanted.Data[0];
        if (wanted.Data.Any(d => d.Type != first.Type || d.Target != first.Target))
            return Invalid("data has elements of different type or target", "Make a job for each.");
        if (wanted.Data.Count > 1 && first.Type is (JobDataType.Command or JobDataType.DeviceTemplateMigration))
            return Invalid("data has more than one command or migration", "Make a job for each.");
        if (wanted.Data.Select(d => d.Path).Distinct(StringComparer.Ordinal).Count() < wanted.Data.Count)
            return Invalid("data has the same path twice", "Send each once.");
        return CheckShare("batch", wanted.Batch, 1) ?? CheckShare("cancellationThreshold", wanted.CancellationThreshold?.Failures, 0);
    }

    private static Refusal? CheckShare(string name, JobShare? share, int min) => share is null || (share.Value >= min && (!share.IsPercentage || share.Value <= 100))
        ? null
        : Invalid($"{name} is {share.Value}{(share.IsPercentage ? " %" : "")}", share.IsPercentage ? $"Use {min} to 100." : $"Use {min} or more.");

    private static Refusal Invalid(string seen, string fix) => new(PeopleErrors.InvalidBody, seen, fix);

    private static Refusal NotFound(string id) => new(FleetErrors.JobNotFound, $"There is no job '{Shown.Text(id)}'", "Check the id; jobs are kept for 30 days after their end.");
}
