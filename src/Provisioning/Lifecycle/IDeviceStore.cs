using Homeport.Contract.Errors;

namespace Homeport.Provisioning.Lifecycle;

/// <summary>
/// Keeps the devices of one application as operators see them. Writes are durable when they return. What a hub's registry and
/// provisioning write by themselves (an identity made or deleted, an assignment) is here in the same transaction.
/// </summary>
public interface IDeviceStore
{
    /// <summary>Finds one.</summary>
    Task<DeviceFacts?> FindAsync(string deviceId, CancellationToken token);

    /// <summary>Changes one, or makes it: the change gets what is there, or null, and nobody else writes meanwhile. A refusal, or the same object, writes nothing.</summary>
    Task<Outcome<DeviceFacts>> ChangeAsync(string deviceId, Func<DeviceFacts?, Outcome<DeviceFacts>> change, CancellationToken token);

    /// <summary>Deletes one. False when it is not there.</summary>
    Task<bool> DeleteAsync(string deviceId, CancellationToken token);

    /// <summary>One page in the order that the filter asks for.</summary>
    /// <param name="filter">Which ones.</param>
    /// <param name="after">The last one of the page before, or null.</param>
    /// <param name="max">At most so many.</param>
    /// <param name="token">Ends the call.</param>
    Task<IReadOnlyList<DeviceFacts>> ListAsync(DeviceFilter filter, DeviceFacts? after, int max, CancellationToken token);

    /// <summary>How many there are in each state.</summary>
    /// <param name="organizations">Only those of these organizations; null for all.</param>
    /// <param name="token">Ends the call.</param>
    Task<IReadOnlyDictionary<DeviceStatus, long>> CountAsync(IReadOnlyCollection<string>? organizations, CancellationToken token);

    /// <summary>Who is let in without being asked for.</summary>
    Task<ApprovalPolicy> ReadPolicyAsync(CancellationToken token);

    /// <summary>Sets that.</summary>
    Task SavePolicyAsync(ApprovalPolicy policy, CancellationToken token);
}

/// <summary>Which devices are looked for. Members that are null ask for nothing.</summary>
public sealed record DeviceFilter
{
    /// <summary>In this state.</summary>
    public DeviceStatus? Status { get; init; }

    /// <summary>With a template, or without one.</summary>
    public bool? Unassociated { get; init; }

    /// <summary>With this template.</summary>
    public string? Template { get; init; }

    /// <summary>Of one of these organizations.</summary>
    public IReadOnlyCollection<string>? Organizations { get; init; }

    /// <summary>The id begins so, in these letters, or the name begins so in any case.</summary>
    public string? Search { get; init; }

    /// <summary>In which order; ids unless it says otherwise.</summary>
    public DeviceOrder Order { get; init; }

    /// <summary>What else a device has to be.</summary>
    public Func<DeviceFacts, bool>? Where { get; init; }
}

/// <summary>The order of a list.</summary>
public enum DeviceOrder
{
    /// <summary>By ids, letters as they are written. A search has those found by their name behind those found by their id.</summary>
    Id,

    /// <summary>By names, in any case.</summary>
    Name,

    /// <summary>By names, the last one first.</summary>
    NameDescending,
}

/// <summary>Who is let in without being asked for, where an enrollment group does not say it.</summary>
/// <param name="AutoApprove">Devices that come with a good credential of a group for the first time need nobody's approval.</param>
/// <param name="ConnectWithoutTemplate">Devices without a template may register.</param>
public sealed record ApprovalPolicy(bool AutoApprove = true, bool ConnectWithoutTemplate = true);
