namespace Homeport.Provisioning.Allocation;

/// <summary>A hub to which devices can be assigned.</summary>
/// <param name="HostName">What a device gets to know as its hub.</param>
/// <param name="Devices">Its identities and twins.</param>
/// <param name="Weight">Share of the devices in the hashed policy; more than 0.</param>
/// <param name="ApplyAllocationPolicy">False: only for enrollments that name it.</param>
/// <param name="Location">Where it is, for the policy of the lowest latency; null for nowhere in particular.</param>
public sealed record LinkedHub(string HostName, IDeviceHub Devices, int Weight = 1, bool ApplyAllocationPolicy = true, string? Location = null)
{
    /// <summary>The host name.</summary>
    public override string ToString() => HostName;
}
