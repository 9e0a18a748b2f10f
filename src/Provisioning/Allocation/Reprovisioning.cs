using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Allocation;

/// <summary>What happens to the assignment of a device that registers again.</summary>
public static class Reprovisioning
{
    // Devices that speak an API of that time or earlier know nothing of reprovisioning: they keep their hub.
    private const string LastStickyVersion = "2018-04-01";

    /// <summary>The policy in force: the enrollment's, else by the device's API version.</summary>
    /// <param name="settings">The enrollment's.</param>
    /// <param name="apiVersion"><c>yyyy-MM-dd</c>, with or without <c>-preview</c>.</param>
    public static ReprovisionPolicy PolicyOf(EnrollmentSettings settings, string apiVersion)
        => settings.ReprovisionPolicy ?? (IsSticky(apiVersion) ? new ReprovisionPolicy(false, false) : new ReprovisionPolicy(true, true));

    private static bool IsSticky(string apiVersion)
        => apiVersion.Length >= LastStickyVersion.Length
            && string.CompareOrdinal(apiVersion[..LastStickyVersion.Length], LastStickyVersion) <= 0;
}
