using System.Net;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Allocation;

/// <summary>The hubs of an application and the rules for choosing among them.</summary>
/// <param name="Hubs">All linked hubs, the server's own first.</param>
public sealed record HubTopology(IReadOnlyList<LinkedHub> Hubs)
{
    /// <summary>Policy of enrollments that name none.</summary>
    public AllocationPolicy Policy { get; init; } = AllocationPolicy.Hashed;

    /// <summary>Which locations are near to which networks.</summary>
    public IReadOnlyList<HubRegion> Regions { get; init; } = [];

    /// <summary>The locations of the smallest network that has the address; none when there is no such network.</summary>
    public IReadOnlyList<string> LocationsNear(IPAddress? address)
    {
        if (address is null)
            return [];
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return Regions.Where(r => r.Network.Contains(plain)).MaxBy(r => r.Network.PrefixLength)?.Locations ?? [];
    }
}

/// <summary>The locations that are near to the devices of a network.</summary>
/// <param name="Network">Addresses of the devices.</param>
/// <param name="Locations">The nearest first.</param>
public sealed record HubRegion(IPNetwork Network, IReadOnlyList<string> Locations);

/// <summary>What is known of a device whose hub is to be chosen.</summary>
/// <param name="RegistrationId">Case does not count.</param>
/// <param name="Address">From where it called, or null.</param>
/// <param name="Latencies">What it measured itself: milliseconds by host name; null for nothing.</param>
public sealed record AllocationSubject(string RegistrationId, IPAddress? Address = null, IReadOnlyDictionary<string, double>? Latencies = null);
