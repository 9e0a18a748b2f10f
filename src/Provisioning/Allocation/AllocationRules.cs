using System.Net;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Allocation;

/// <summary>Reads and shows how hubs are chosen when an enrollment does not say it.</summary>
internal static class AllocationRules
{
    private const int MaxRegions = 256;

    public static Outcome<HubTopology> Read(AllocationSettingsDescription sent, IReadOnlyList<LinkedHub> hubs)
    {
        AllocationPolicy? policy = sent.AllocationPolicy?.ToLowerInvariant() switch
        {
            null or "" or "hashed" => AllocationPolicy.Hashed,
            "geolatency" => AllocationPolicy.GeoLatency,
            "static" => AllocationPolicy.Static,
            _ => null,
        };
        if (policy is null)
            return EnrollmentForm.Invalid("allocationPolicy", $"'{Shown.Text(sent.AllocationPolicy)}' is no policy of the service", "Send hashed, geoLatency or static; custom is for enrollments.");
        if (sent.Regions?.Count > MaxRegions)
            return EnrollmentForm.Invalid("regions", $"there are {sent.Regions.Count}", $"Send at most {MaxRegions}.");
        var regions = new List<HubRegion>();
        foreach (var region in sent.Regions ?? [])
        {
            if (!IPNetwork.TryParse(region?.Network, out var network))
                return EnrollmentForm.Invalid("regions.network", $"'{Shown.Text(region?.Network)}' is no network", "Write it as 10.1.0.0/16 or 2001:db8::/32, without bits behind the prefix.");
            if (region!.Locations is not { Count: > 0 and <= 50 } locations || locations.Any(string.IsNullOrEmpty))
                return EnrollmentForm.Invalid("regions.locations", $"those of {network} are missing", "Name the locations of hubs, the nearest first.");
            regions.Add(new HubRegion(network, locations));
        }
        return new HubTopology(hubs) { Policy = policy.Value, Regions = regions };
    }

    public static AllocationSettingsDescription Show(HubTopology topology) => new()
    {
        AllocationPolicy = topology.Policy switch
        {
            AllocationPolicy.GeoLatency => "geoLatency",
            AllocationPolicy.Static => "static",
            _ => "hashed",
        },
        Regions = [.. topology.Regions.Select(r => new RegionDescription(r.Network.ToString(), r.Locations))],
    };
}
