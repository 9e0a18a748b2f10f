using Homeport.Contract.Errors;
using Homeport.Hub.Query;

namespace Homeport.Hub.Registry;

/// <summary>
/// Allows and blocks devices, one by one or in groups. A blocked device is disabled in the registry, and its connection and those of
/// its modules end at once.
/// </summary>
public sealed class DeviceAdmission(IdentityRegistry registry, IQuerySource source)
{
    /// <summary>Devices that one call may name.</summary>
    public const int MaxListed = 10_000;

    /// <summary>Devices that are written at once, to share a commit.</summary>
    private const int Batch = 100;

    /// <summary>Changes the devices of a list.</summary>
    /// <param name="deviceIds">Up to <see cref="MaxListed"/> devices.</param>
    /// <param name="change">What to do.</param>
    /// <param name="token">Ends the call between two batches.</param>
    public async Task<Outcome<AdmissionResult>> ApplyAsync(IReadOnlyCollection<string> deviceIds, AdmissionChange change, CancellationToken token)
    {
        if (deviceIds.Count is 0 or > MaxListed)
            return new Refusal(HubErrors.ArgumentInvalid, $"The list has {deviceIds.Count} devices", $"Name 1 to {MaxListed} devices, or use a condition.");
        var result = new AdmissionResult();
        foreach (var batch in deviceIds.Distinct(StringComparer.Ordinal).Chunk(Batch))
            await ApplyBatchAsync(batch, change, result, token);
        return result;
    }

    /// <summary>Changes the devices that a condition chooses.</summary>
    public async Task<Outcome<AdmissionResult>> ApplyAsync(QueryCondition condition, AdmissionChange change, CancellationToken token)
    {
        if (condition.Collection != QueryCollection.Devices)
            return new Refusal(HubErrors.ArgumentInvalid, "The condition chooses modules or jobs", "Use a condition over devices; their modules follow them.");
        var result = new AdmissionResult();
        var batch = new List<string>(Batch);
        var scan = new QueryScan(QueryCollection.Devices, condition.Index, condition.Parts, null);
        await foreach (var row in source.ScanAsync(scan, token).WithCancellation(token))
        {
            if (!condition.Matches(row))
                continue;
            batch.Add(row.Key.DeviceId);
            if (batch.Count < Batch)
                continue;
            await ApplyBatchAsync(batch, change, result, token);
            batch.Clear();
        }
        await ApplyBatchAsync(batch, change, result, token);
        return result;
    }

    private async Task ApplyBatchAsync(IReadOnlyCollection<string> deviceIds, AdmissionChange change, AdmissionResult result, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        var outcomes = await Task.WhenAll(deviceIds.Select(async id => (Id: id, Outcome: await registry.SetEnabledAsync(id, change.Allow, change.Reason, CancellationToken.None))));
        foreach (var (id, outcome) in outcomes)
            result.Note(id, outcome.Refusal);
    }
}

/// <summary>Whether devices may connect.</summary>
/// <param name="Allow">True to allow, false to block.</param>
/// <param name="Reason">Why, up to 128 characters; null for none.</param>
public sealed record AdmissionChange(bool Allow, string? Reason);

/// <summary>What a change of a group did.</summary>
public sealed class AdmissionResult
{
    /// <summary>Failures that a result lists.</summary>
    private const int MaxFailures = 100;

    /// <summary>Devices that are now as asked for.</summary>
    public int Count { get; set; }

    /// <summary>Devices that could not be changed, the first of them.</summary>
    public IList<(string DeviceId, Refusal Refusal)> Failures { get; } = [];

    /// <summary>Further ones.</summary>
    public int MoreFailures { get; set; }

    /// <summary>Counts a device.</summary>
    /// <param name="deviceId">Which one.</param>
    /// <param name="refusal">Why it could not be changed, or null.</param>
    public void Note(string deviceId, Refusal? refusal)
    {
        if (refusal is null)
            Count++;
        else if (Failures.Count < MaxFailures)
            Failures.Add((deviceId, refusal));
        else
            MoreFailures++;
    }

    /// <summary>Counts those of another result as well.</summary>
    public void Add(AdmissionResult other)
    {
        Count += other.Count;
        MoreFailures += other.MoreFailures;
        foreach (var (deviceId, refusal) in other.Failures)
            Note(deviceId, refusal);
    }
}
