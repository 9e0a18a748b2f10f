using Homeport.Contract.Errors;

namespace Homeport.Provisioning.Lifecycle;

/// <summary>
/// The devices of some organizations, as if there were no others: what is outside is not found, not listed, not counted and not changed,
/// nothing is moved outside, and what is made belongs to one of them.
/// </summary>
/// <param name="all">All devices.</param>
/// <param name="organizations">The organizations.</param>
/// <param name="home">Where new devices belong that name no organization.</param>
internal sealed class ScopedDevices(IDeviceStore all, IReadOnlySet<string> organizations, string home) : IDeviceStore
{
    private const int Page = 5000;

    /// <inheritdoc/>
    public async Task<DeviceFacts?> FindAsync(string deviceId, CancellationToken token) => await all.FindAsync(deviceId, token) is { } found && IsInside(found) ? found : null;

    /// <inheritdoc/>
    public Task<Outcome<DeviceFacts>> ChangeAsync(string deviceId, Func<DeviceFacts?, Outcome<DeviceFacts>> change, CancellationToken token) => all.ChangeAsync(deviceId, facts =>
    {
        if (facts is not null && !IsInside(facts))
        {
            var asNew = change(null);
            return asNew.Value is null ? asNew : Taken(deviceId);
        }
        if (!change(facts).Succeeded(out var wanted, out var refusal))
            return refusal;
        if (facts is null && wanted.Organization is null)
            wanted = wanted with { Organization = home };
        return IsInside(wanted) ? wanted : new Refusal(ProvisioningErrors.OrganizationOutside, $"The device '{deviceId}' would leave what your role reaches", "Choose an organization that your role reaches, or ask somebody whose role reaches both.");
    }, token);

    /// <inheritdoc/>
    public async Task<bool> DeleteAsync(string deviceId, CancellationToken token) => await FindAsync(deviceId, token) is not null && await all.DeleteAsync(deviceId, token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeviceFacts>> ListAsync(DeviceFilter filter, DeviceFacts? after, int max, CancellationToken token) => all.ListAsync(Narrow(filter), after, max, token);

    /// <inheritdoc/>
    public async Task<IReadOnlyDictionary<DeviceStatus, long>> CountAsync(CancellationToken token)
    {
        var counts = Enum.GetValues<DeviceStatus>().ToDictionary(s => s, _ => 0L);
        DeviceFacts? after = null;
        while (await ListAsync(new DeviceFilter(), after, Page, token) is { Count: > 0 } page)
        {
            foreach (var device in page)
                counts[device.Status]++;
            after = page[^1];
        }
        return counts;
    }

    /// <inheritdoc/>
    public Task<ApprovalPolicy> ReadPolicyAsync(CancellationToken token) => all.ReadPolicyAsync(token);

    /// <summary>The whole application's, so nobody's here.</summary>
    public Task SavePolicyAsync(ApprovalPolicy policy, CancellationToken token) => throw new InvalidOperationException("Who is let in is not an organization's to say.");

    private bool IsInside(DeviceFacts facts) => facts.Organization is { } organization && organizations.Contains(organization);

    private DeviceFilter Narrow(DeviceFilter filter) => filter with { Organizations = filter.Organizations is { } asked ? [.. asked.Where(organizations.Contains)] : [.. organizations] };

    private static Refusal Taken(string deviceId) => new(ProvisioningErrors.DeviceExists, $"The id '{deviceId}' is taken", "Choose another id.");
}
