using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Homeport.Contract.Errors;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Allocation;

/// <summary>Chooses the hub of a device by the policies that need no one else.</summary>
public sealed class HubAllocator(Func<HubTopology> topology)
{
    /// <summary>Chooses among hubs that never change.</summary>
    public HubAllocator(IReadOnlyList<LinkedHub> hubs)
        : this(Fixed(new HubTopology(hubs)))
    {
    }

    /// <summary>The linked hubs at this moment.</summary>
    public IReadOnlyList<LinkedHub> Hubs => topology().Hubs;

    private string Names => string.Join(", ", Hubs);

    /// <summary>Finds a linked hub by its host name.</summary>
    public LinkedHub? Find(string? hostName)
        => hostName is null ? null : Hubs.FirstOrDefault(h => h.HostName.Equals(hostName, StringComparison.OrdinalIgnoreCase));

    /// <summary>The policy in force for an enrollment.</summary>
    public AllocationPolicy PolicyOf(EnrollmentSettings settings)
        => settings.AllocationPolicy ?? (settings.IotHubHostName is null ? topology().Policy : AllocationPolicy.Static);

    /// <summary>Null when an enrollment with these settings can be allocated, else what is wrong.</summary>
    public Refusal? Check(EnrollmentSettings settings)
    {
        string?[] named = [settings.IotHubHostName, .. settings.IotHubs ?? []];
        if (named.FirstOrDefault(name => name is not null && Find(name) is null) is { } unknown)
            return EnrollmentForm.Invalid(settings.IotHubHostName == unknown ? "iotHubHostName" : "iotHubs", $"'{Shown.Text(unknown)}' is not linked", $"The linked hubs are {Names}.");
        if (settings.AllocationPolicy == AllocationPolicy.Static && StaticHub(settings) is null)
            return EnrollmentForm.Invalid("iotHubHostName", "the static policy needs one hub", $"Name one of {Names}.");
        if (settings.AllocationPolicy == AllocationPolicy.Custom && AllocationWebhook.CheckAddress(settings.CustomAllocation?.WebhookUrl) is { } address)
            return EnrollmentForm.Invalid("customAllocationDefinition.webhookUrl", address, "Send the https address of the webhook.");
        return settings.InitialTwin is { } twin && TwinContent.Read(twin.GetRawText()).Refusal is { } badTwin
            ? EnrollmentForm.Invalid("initialTwin", badTwin.Seen, badTwin.Fix)
            : null;
    }

    /// <summary>The hubs that an enrollment may use, whatever its policy.</summary>
    public IReadOnlyList<LinkedHub> AllowedHubs(EnrollmentSettings settings) => settings.IotHubs is { Count: > 0 } chosen
        ? [.. Hubs.Where(h => chosen.Contains(h.HostName, StringComparer.OrdinalIgnoreCase))]
        : [.. Hubs.Where(h => h.ApplyAllocationPolicy)];

    /// <summary>Chooses the hub by the enrollment's policy.</summary>
    public Outcome<LinkedHub> Choose(EnrollmentSettings settings, string registrationId)
        => Rank(settings, new AllocationSubject(registrationId)).Succeeded(out var ranked, out var refusal) ? ranked[0] : refusal;

    /// <summary>The hubs for a device, the best one first; the others are for when that one is full.</summary>
    public Outcome<IReadOnlyList<LinkedHub>> Rank(EnrollmentSettings settings, AllocationSubject subject)
    {
        if (PolicyOf(settings) == AllocationPolicy.Static)
        {
            return StaticHub(settings) is { } one
                ? new Outcome<IReadOnlyList<LinkedHub>>([one])
                : new Refusal(ProvisioningErrors.HubNotSpecified, "The static policy does not name one linked hub", $"Set iotHubHostName of the enrollment to one of {Names}.");
        }
        var candidates = AllowedHubs(settings);
        if (candidates.Count == 0)
            return new Refusal(ProvisioningErrors.HubNotSpecified, "None of the linked hubs may take the device", $"Name one of {Names} in the enrollment.");
        var hashed = candidates.OrderByDescending(hub => Score(hub, subject.RegistrationId));
        return new Outcome<IReadOnlyList<LinkedHub>>(PolicyOf(settings) == AllocationPolicy.GeoLatency ? Nearest(hashed, subject) : [.. hashed]);
    }

    private static Func<HubTopology> Fixed(HubTopology hubs) => () => hubs;

    /// <summary>By what the device measured; else by the locations that are near its network; hubs that are equally near share by weight.</summary>
    private List<LinkedHub> Nearest(IEnumerable<LinkedHub> hashed, AllocationSubject subject)
    {
        var near = topology().LocationsNear(subject.Address);
        return [.. hashed.OrderBy(Measured).ThenBy(Distance)];

        double Measured(LinkedHub hub) => subject.Latencies is { } measured
            ? measured.FirstOrDefault(m => m.Key.Equals(hub.HostName, StringComparison.OrdinalIgnoreCase), new("", double.MaxValue)).Value
            : 0;

        int Distance(LinkedHub hub)
        {
            for (var i = 0; i < near.Count; i++)
            {
                if (near[i].Equals(hub.Location, StringComparison.OrdinalIgnoreCase))
                    return i;
            }
            return near.Count;
        }
    }

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
