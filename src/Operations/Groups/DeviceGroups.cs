using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Provisioning;

namespace Homeport.Operations.Groups;

/// <summary>The device groups of an application.</summary>
public sealed class DeviceGroups(IDeviceGroupStore store, DeviceGroupMembers members, TimeProvider time)
{
    /// <summary>Who is in a filter.</summary>
    public DeviceGroupMembers Members => members;

    /// <summary>Finds one.</summary>
    public async Task<Outcome<DeviceGroup>> GetAsync(string id, CancellationToken token) => await store.FindAsync(id, token) is { } found ? found : NotFound(id);

    /// <summary>One page, in the order of their ids; ask for one more than are shown to know whether there is a next one.</summary>
    public Task<IReadOnlyList<DeviceGroup>> ListAsync(string? after, int max, CancellationToken token) => store.ListAsync(after, max, token);

    /// <summary>Devices of a group, in pages.</summary>
    public async Task<Outcome<DeviceGroupPage>> DevicesAsync(string id, string? after, int max, CancellationToken token)
    {
        if (!(await GetAsync(id, token)).Succeeded(out var group, out var refusal) || !DeviceGroupFilter.Parse(group.Filter).Succeeded(out var filter, out refusal))
            return refusal;
        return await members.ListAsync(filter, group.Organization, after, max, token);
    }

    /// <summary>Makes a group, or changes it.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="change">Gets what is there, or null.</param>
    /// <param name="condition">On the ETag of what is there.</param>
    /// <param name="by">Who does it.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<DeviceGroup>> WriteAsync(string id, Func<DeviceGroup?, Outcome<DeviceGroup>> change, IfMatch condition, string by, CancellationToken token)
    {
        if (!IsId(id))
            return Invalid($"id is '{Shown.Text(id)}'", $"Use 1 to {DeviceGroup.MaxId} letters, digits, - and _.");
        var count = await store.CountAsync(token);
        return await store.ChangeAsync(id, before =>
        {
            if (before is null ? condition.IsConditional : !condition.Matches(before.ETag))
                return new Refusal(PeopleErrors.PreconditionFailed, $"The device group '{id}' {(before is null ? "is gone" : "has another etag")}", "Read it again, repeat your change on that, or leave etag out.");
            if (before is null && count >= DeviceGroup.MaxGroups)
                return new Refusal(FleetErrors.TooManyGroups, $"There are {count}", "Delete one that nobody needs.");
            if (!change(before).Succeeded(out var wanted, out var refusal))
                return refusal;
            return Check(wanted) is { } bad ? bad : wanted with { Changed = Now(), ChangedBy = by };
        }, token);
    }

    /// <summary>Deletes one; its devices stay. Null when it is gone.</summary>
    public async Task<Refusal?> DeleteAsync(string id, CancellationToken token) => await store.DeleteAsync(id, token) ? null : NotFound(id);

    internal static bool IsId(string id) => id.Length is > 0 and <= DeviceGroup.MaxId && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');

    private static Refusal? Check(DeviceGroup wanted)
    {
        if (wanted.DisplayName.Length is 0 or > DeviceGroup.MaxName || wanted.DisplayName.Any(char.IsControl))
            return Invalid("displayName is empty, too long, or has control characters", $"Send 1 to {DeviceGroup.MaxName} characters on one line.");
        if (wanted.Description?.Length > DeviceGroup.MaxDescription)
            return Invalid($"description has {wanted.Description.Length} characters", $"Send at most {DeviceGroup.MaxDescription}.");
        return DeviceGroupFilter.Parse(wanted.Filter).Refusal;
    }

    private DateTimeOffset Now() => DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());

    private static Refusal Invalid(string seen, string fix) => new(PeopleErrors.InvalidBody, seen, fix);

    private static Refusal NotFound(string id) => new(FleetErrors.GroupNotFound, $"There is no device group '{Shown.Text(id)}'", "Make it, or correct the id: letters count as they are written.");
}
