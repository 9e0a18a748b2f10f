using System.Runtime.CompilerServices;
using Homeport.Hub.Query;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Operations.Groups;

/// <summary>A part of the devices of a group.</summary>
/// <param name="Devices">In the order of their ids; may be empty although more follow.</param>
/// <param name="Continuation">For the next part, or null at the end.</param>
public sealed record DeviceGroupPage(IReadOnlyList<DeviceFacts> Devices, string? Continuation);

/// <summary>Looks up who is in a group: the devices of the application, with their twins when the filter asks for them.</summary>
public sealed class DeviceGroupMembers(IDeviceStore devices, IQuerySource twins)
{
    /// <summary>Devices that one call looks at, at most: a filter that few fulfil does not hold up the server, its pages are shorter.</summary>
    public const int MaxLooked = 20_000;

    private const int Chunk = 500;

    /// <summary>One page.</summary>
    /// <param name="filter">Of the group.</param>
    /// <param name="organization">Only devices of it; null for all.</param>
    /// <param name="after">The continuation of the page before, or null.</param>
    /// <param name="max">At most so many.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<DeviceGroupPage> ListAsync(DeviceGroupFilter filter, string? organization, string? after, int max, CancellationToken token)
    {
        var found = new List<DeviceFacts>();
        for (var looked = 0; ; looked += Chunk)
        {
            var chunk = await ReadAsync(filter, organization, after, token);
            foreach (var device in await FittingAsync(filter, chunk, token))
            {
                if (found.Count == max)
                    return new DeviceGroupPage(found, found[^1].DeviceId);
                found.Add(device);
            }
            if (chunk.Count < Chunk)
                return new DeviceGroupPage(found, null);
            after = chunk[^1].DeviceId;
            if (looked + Chunk >= MaxLooked)
                return new DeviceGroupPage(found, after);
        }
    }

    /// <summary>All of them, as far as the caller reads.</summary>
    public async IAsyncEnumerable<DeviceFacts> AllAsync(DeviceGroupFilter filter, string? organization, [EnumeratorCancellation] CancellationToken token)
    {
        string? after = null;
        do
        {
            var chunk = await ReadAsync(filter, organization, after, token);
            foreach (var device in await FittingAsync(filter, chunk, token))
                yield return device;
            after = chunk.Count < Chunk ? null : chunk[^1].DeviceId;
        }
        while (after is not null);
    }

    private async Task<IReadOnlyList<DeviceFacts>> ReadAsync(DeviceGroupFilter filter, string? organization, string? after, CancellationToken token)
    {
        // Others may have the thread in between.
        await Task.Yield();
        if (filter.Ids is not { } ids)
        {
            var narrowed = filter.Narrowed with { Organizations = organization is null ? null : [organization] };
            return await devices.ListAsync(narrowed, after is null ? null : new DeviceFacts { DeviceId = after }, Chunk, token);
        }
        var named = new List<DeviceFacts>();
        foreach (var id in ids.Where(i => string.CompareOrdinal(i, after) > 0))
        {
            if (await devices.FindAsync(id, token) is { } device && (organization is null || device.Organization == organization))
                named.Add(device);
            if (named.Count == Chunk)
                break;
        }
        return named;
    }

    private async Task<List<DeviceFacts>> FittingAsync(DeviceGroupFilter filter, IReadOnlyList<DeviceFacts> chunk, CancellationToken token)
    {
        var rows = new Dictionary<string, TwinRow>(StringComparer.Ordinal);
        if (filter.Parts != QueryParts.None && chunk.Count > 0)
        {
            await foreach (var row in twins.ScanAsync(QueryScan.OfDevices(chunk.Select(d => d.DeviceId), filter.Parts), token).WithCancellation(token))
                rows[row.Key.DeviceId] = (TwinRow)row;
        }
        return [.. chunk.Where(d => filter.Matches(d, rows.GetValueOrDefault(d.DeviceId)))];
    }
}
