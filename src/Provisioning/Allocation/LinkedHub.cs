using Homeport.Hub.Registry;

namespace Homeport.Provisioning.Allocation;

/// <summary>A hub to which devices can be assigned.</summary>
/// <param name="HostName">What a device gets to know as its hub.</param>
/// <param name="Registry">Its identities.</param>
/// <param name="Weight">Share of the devices in the hashed policy; more than 0.</param>
/// <param name="ApplyAllocationPolicy">False: only for enrollments that name it.</param>
public sealed record LinkedHub(string HostName, IdentityRegistry Registry, int Weight = 1, bool ApplyAllocationPolicy = true)
{
    /// <summary>The host name.</summary>
    public override string ToString() => HostName;
}
