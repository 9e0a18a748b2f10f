using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Models.Elements;
using Homeport.Operations.Groups;
using Homeport.Provisioning;
using Homeport.Provisioning.Lifecycle;
using Homeport.Templates.Devices;

namespace Homeport.Operations.Relationships;

/// <summary>Which device belongs to which.</summary>
public sealed class DeviceRelationships(IRelationshipStore store, DeviceLifecycle devices, DeviceModels models)
{
    /// <summary>Longest name, in characters. Source: DTDL v3.</summary>
    private const int MaxName = 512;

    /// <summary>Finds one of a source.</summary>
    public async Task<Outcome<DeviceRelationship>> GetAsync(string source, string id, CancellationToken token) => await store.FindAsync(source, id, token) is { } found ? found : NotFound(source, id);

    /// <summary>Those whose source or target is a device; ask for one more than are shown to know whether there is a next page.</summary>
    public async Task<Outcome<IReadOnlyList<DeviceRelationship>>> ListAsync(string deviceId, DeviceRelationship? after, int max, CancellationToken token)
        => (await devices.GetAsync(deviceId, token)).Refusal is { } refusal ? refusal : new Outcome<IReadOnlyList<DeviceRelationship>>(await store.ListAsync(deviceId, after, max, token));

    /// <summary>Makes one, or changes it.</summary>
    /// <param name="source">The device that has it.</param>
    /// <param name="id">Its id.</param>
    /// <param name="change">Gets what is there, or null.</param>
    /// <param name="condition">On the ETag of what is there.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<DeviceRelationship>> WriteAsync(string source, string id, Func<DeviceRelationship?, Outcome<DeviceRelationship>> change, IfMatch condition, CancellationToken token)
    {
        if (!DeviceGroups.IsId(id))
            return Invalid($"id is '{Shown.Text(id)}'", $"Use 1 to {DeviceGroup.MaxId} letters, digits, - and _.");
        if ((await devices.GetAsync(source, token)).Refusal is { } noSource)
            return noSource;
        var before = await store.FindAsync(source, id, token);
        if (!change(before).Succeeded(out var wanted, out var refusal))
            return refusal;
        if (await CheckAsync(wanted, token) is { } bad)
            return bad;
        if (before is null && await store.CountAsync(source, token) >= DeviceRelationship.MaxOfSource)
            return new Refusal(PeopleErrors.LimitReached, $"'{Shown.Text(source)}' has {DeviceRelationship.MaxOfSource} relationships", "Delete some.");
        return await store.ChangeAsync(source, id, present => (present is null ? condition.IsConditional : !condition.Matches(present.ETag))
            ? new Refusal(PeopleErrors.PreconditionFailed, $"The relationship '{id}' {(present is null ? "is gone" : "has another etag")}", "Read it again, repeat your change on that, or leave etag out.")
            : change(present), token);
    }

    /// <summary>Deletes one. Null when it is gone.</summary>
    public async Task<Refusal?> DeleteAsync(string source, string id, CancellationToken token) => await store.DeleteAsync(source, id, token) ? null : NotFound(source, id);

    private async Task<Refusal?> CheckAsync(DeviceRelationship wanted, CancellationToken token)
    {
        if (wanted.Name.Length is 0 or > MaxName || wanted.Name.Any(char.IsControl))
            return Invalid("name is missing, too long, or has control characters", $"Send 1 to {MaxName} characters.");
        if (wanted.Source == wanted.Target)
            return Invalid("source and target are the same device", "Send two devices.");
        if ((await devices.GetAsync(wanted.Target, token)).Refusal is { } noTarget)
            return noTarget with { Error = FleetErrors.RelationshipNotPossible };
        if (await models.FindAsync(wanted.Source, token) is not { } model || model.Find<Relationship>(null, wanted.Name) is not null)
            return null;
        var names = string.Join(", ", model.Root.Contents.OfType<Relationship>().Select(r => r.Name).Take(50));
        return new Refusal(FleetErrors.RelationshipNotPossible, $"The template of '{Shown.Text(wanted.Source)}' has no relationship '{Shown.Text(wanted.Name)}'", names.Length == 0 ? "Add it in a new version of the template." : $"It has {names}.");
    }

    private static Refusal Invalid(string seen, string fix) => new(PeopleErrors.InvalidBody, seen, fix);

    private static Refusal NotFound(string source, string id) => new(FleetErrors.RelationshipNotFound, $"'{Shown.Text(source)}' has no relationship '{Shown.Text(id)}'", "List them; it is found at the device that is its source.");
}
