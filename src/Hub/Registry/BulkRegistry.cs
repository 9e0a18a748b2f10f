using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Registry;

/// <summary>What is to be done with one identity of many.</summary>
public enum BulkMode
{
    /// <summary>Add it; an existing one is a conflict.</summary>
    Create,
    /// <summary>Replace it, whatever its ETag.</summary>
    Update,
    /// <summary>Replace it if it has the ETag.</summary>
    UpdateIfMatchETag,
    /// <summary>Delete it, whatever its ETag.</summary>
    Delete,
    /// <summary>Delete it if it has the ETag.</summary>
    DeleteIfMatchETag,
    /// <summary>Merge tags and desired properties into its twin.</summary>
    UpdateTwin,
    /// <summary>Merge them if the twin has the ETag.</summary>
    UpdateTwinIfMatchETag,
    /// <summary>Add it, or replace it whatever its ETag. In import files only.</summary>
    CreateOrUpdate,
    /// <summary>Add it, or replace it if it has the ETag. In import files only.</summary>
    CreateOrUpdateIfMatchETag,
}

/// <summary>One element of a bulk call.</summary>
/// <param name="Mode">What to do.</param>
/// <param name="Identity">The entry; to delete and for twins only its ids count.</param>
/// <param name="ETag">Of the identity, for the modes that ask for it.</param>
/// <param name="TwinETag">Of the twin.</param>
/// <param name="Twin">Tags and desired properties, or null.</param>
public sealed record BulkElement(BulkMode Mode, Identity Identity, string? ETag, string? TwinETag, TwinPatch? Twin)
{
    /// <summary>What a device that comes from another hub reported there; for a new entry only, or null.</summary>
    public JsonObject? Reported { get; init; }
}

/// <summary>Many identities at once. Each stands for itself; those of different devices run side by side and share commits.</summary>
public sealed class BulkRegistry(IdentityRegistry registry, DeviceTwins twins)
{
    /// <summary>Runs the elements; those of one device in their order. Gives for each null, or why it was refused.</summary>
    public async Task<IReadOnlyList<Refusal?>> RunAsync(IReadOnlyList<BulkElement> elements, CancellationToken token)
    {
        var refusals = new Refusal?[elements.Count];
        var devices = elements.Select((element, place) => (Element: element, Place: place)).GroupBy(e => e.Element.Identity.DeviceId, StringComparer.Ordinal);
        await Task.WhenAll(devices.Select(async device =>
        {
            foreach (var (element, place) in device)
                refusals[place] = await RunAsync(element, token);
        }));
        return refusals;
    }

    private async Task<Refusal?> RunAsync(BulkElement element, CancellationToken token)
    {
        var (identity, any) = (element.Identity, IfMatch.Parse("*"));
        return element.Mode switch
        {
            BulkMode.Create => await CreateAsync(element, token),
            BulkMode.Update => await ReplaceAsync(element, any, token),
            BulkMode.UpdateIfMatchETag => await ReplaceAsync(element, Asked(element.ETag), token),
            BulkMode.Delete => await registry.DeleteAsync(identity.DeviceId, identity.ModuleId, any, token),
            BulkMode.DeleteIfMatchETag => await registry.DeleteAsync(identity.DeviceId, identity.ModuleId, Asked(element.ETag), token),
            BulkMode.CreateOrUpdate => await CreateOrReplaceAsync(element, any, token),
            BulkMode.CreateOrUpdateIfMatchETag => await CreateOrReplaceAsync(element, Asked(element.ETag), token),
            BulkMode.UpdateTwin => await WriteTwinAsync(element, any, token),
            _ => await WriteTwinAsync(element, Asked(element.TwinETag), token),
        };
    }

    private async Task<Refusal?> CreateAsync(BulkElement element, CancellationToken token)
    {
        Twin? first = null;
        if (element.Twin is not null || element.Reported is not null)
        {
            if (!twins.First(element.Identity, element.Twin ?? new TwinPatch(null, null), element.Reported).Succeeded(out first, out var refusal))
                return refusal;
        }
        return (await registry.PutAsync(element.Identity, first, IfMatch.Absent, token)).Refusal;
    }

    private async Task<Refusal?> CreateOrReplaceAsync(BulkElement element, IfMatch condition, CancellationToken token)
    {
        var created = await CreateAsync(element, token);
        return created is null || (created.Error != HubErrors.DeviceAlreadyExists && created.Error != HubErrors.ModuleAlreadyExistsOnDevice)
            ? created
            : await ReplaceAsync(element, condition, token);
    }

    private async Task<Refusal?> ReplaceAsync(BulkElement element, IfMatch condition, CancellationToken token)
        => (await registry.PutAsync(element.Identity, condition, token)).Refusal ?? (element.Twin is null ? null : await WriteTwinAsync(element, IfMatch.Parse("*"), token));

    private async Task<Refusal?> WriteTwinAsync(BulkElement element, IfMatch condition, CancellationToken token)
        => (await twins.PatchAsync(element.Identity.DeviceId, element.Identity.ModuleId, element.Twin ?? new TwinPatch(null, null), condition, token)).Refusal;

    /// <summary>An element that asks for an ETag and names none must match nothing.</summary>
    private static IfMatch Asked(string? etag) => IfMatch.Parse(string.IsNullOrEmpty(etag) ? "(none)" : etag);
}
