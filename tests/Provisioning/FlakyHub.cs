using Homeport.Contract.Errors;
using Homeport.Provisioning.Allocation;

namespace Homeport.Tests.Provisioning;

/// <summary>A hub that can be away, full, or refuse.</summary>
internal sealed class FlakyHub(IDeviceHub hub) : IDeviceHub
{
    public static readonly TimeSpan Wait = TimeSpan.FromSeconds(10);

    public bool IsAway { get; set; }

    public bool IsFull { get; set; }

    public ServiceError? Refuses { get; set; }

    private Refusal? Trouble => IsAway
        ? new Refusal(ProvisioningErrors.HubUnavailable, "It is away", "Wait.") { RetryAfter = Wait }
        : Refuses is { } error ? new Refusal(error, "It refuses", "Mend it.") : null;

    public async Task<Outcome<HubDevice>> FindAsync(string deviceId, CancellationToken token) => Trouble is { } bad ? bad : await hub.FindAsync(deviceId, token);

    public async Task<Refusal?> AssignAsync(HubAssignment assignment, CancellationToken token)
        => Trouble ?? (IsFull ? new Refusal(ProvisioningErrors.HubFull, "It is full", "Enlarge it.") : await hub.AssignAsync(assignment, token));

    public async Task<Outcome<HubDevice>> ReadTwinAsync(string deviceId, CancellationToken token) => Trouble is { } bad ? bad : await hub.ReadTwinAsync(deviceId, token);

    public async Task<Refusal?> DisableAsync(string deviceId, string reason, CancellationToken token) => Trouble ?? await hub.DisableAsync(deviceId, reason, token);

    public async Task<Refusal?> EnableAsync(string deviceId, CancellationToken token) => Trouble ?? await hub.EnableAsync(deviceId, token);

    public async Task<Refusal?> RemoveAsync(string deviceId, CancellationToken token) => Trouble ?? await hub.RemoveAsync(deviceId, token);
}
