using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Homeport.Contract.Errors;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Allocation;

/// <summary>Chooses the hub of a device.</summary>
public sealed class HubAllocator(IReadOnlyList<LinkedHub> hubs)
{
    /// <summary>The linked hubs.</summary>
    public IReadOnlyList<LinkedHub> Hubs => hubs;

    /// <summary>Finds a linked hub by its host name.</summary>
    public LinkedHub? Find(string? hostName)
        => hostName is null ? null : hubs.FirstOrDefault(h => h.HostName.Equals(hostName, StringComparison.OrdinalIgnoreCase));

    /// <summary>Null when an enrollment with these settings can be allocated, else what is wrong.</summary>
    public Refusal? Check(EnrollmentSettings settings)
    {
        string?[] named = [settings.IotHubHostName, .. settings.IotHubs ?? []];
        if (named.FirstOrDefault(name => name is not null && Find(name) is null) is { } unknown)
            return EnrollmentForm.Invalid(settings.IotHubHostName == unknown ? "iotHubHostName" : "iotHubs", $"'{Shown.Text(unknown)}' is not linked", $"The linked hubs are {Names}.");
        return IsStatic(settings) && StaticHub(settings) is null
            ? EnrollmentForm.Invalid("iotHubHostName", "the static policy needs one hub", $"Name one of {Names}.")
            : null;
    }

    /// <summary>Chooses the hub by the enrollment's policy.</summary>
    /// <param name="settings">The enrollment's.</param>
    /// <param name="registrationId">Case does not count.</param>
    public Outcome<LinkedHub> Choose(EnrollmentSettings settings, string registrationId)
    {
        if (IsStatic(settings))
        {
            return StaticHub(settings) is { } one
                ? one
                : new Refusal(ProvisioningErrors.HubNotSpecified, "The static policy does not name one linked hub", $"Set iotHubHostName of the enrollment to one of {Names}.");
        }
        var candidates = settings.IotHubs is { Count: > 0 } chosen
            ? [.. hubs.Where(h => chosen.Contains(h.HostName, StringComparer.OrdinalIgnoreCase))]
            : hubs.Where(h => h.ApplyAllocationPolicy).ToList();
        if (candidates.Count == 0)
            return new Refusal(ProvisioningErrors.HubNotSpecified, "None of the linked hubs may take the device", $"Name one of {Names} in the enrollment.");
        return candidates.MaxBy(hub => Score(hub, registrationId))!;
    }

    private string Names => string.Join(", ", hubs);

    private static bool IsStatic(EnrollmentSettings settings)
        => settings.AllocationPolicy == AllocationPolicy.Static || (settings.AllocationPolicy is null && settings.IotHubHostName is not null);

    private LinkedHub? StaticHub(EnrollmentSettings settings)
        => Find(settings.IotHubHostName ?? (settings.IotHubs is [var only] ? only : null));

    // Weighted rendezvous hashing: a hub that comes or goes moves only the devices that it takes or leaves.
    private static double Score(LinkedHub hub, string registrationId)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(hub.HostName.ToLowerInvariant() + "\n" + registrationId.ToLowerInvariant()));
        var fraction = ((BinaryPrimitives.ReadUInt64BigEndian(hash) >> 11) + 0.5) / (1UL << 53);
        return -hub.Weight / Math.Log(fraction);
    }
}
