using Homeport.Provisioning.Bulk;
using Homeport.Provisioning.Lifecycle;
using Microsoft.Extensions.Primitives;

namespace Homeport.WebConsole.Components;

/// <summary>Which devices a list or a file shows, as addresses say it.</summary>
internal static class DeviceChoice
{
    /// <summary>The filter of a word of the list and the beginning of an id or name.</summary>
    public static DeviceFilter Filter(string? show, string? search) => new()
    {
        Search = search?.Trim(),
        Unassociated = show == "unassociated" ? true : null,
        Status = show switch
        {
            "provisioned" => DeviceStatus.Provisioned,
            "registered" => DeviceStatus.Registered,
            "waiting" => DeviceStatus.WaitingForApproval,
            "blocked" => DeviceStatus.Blocked,
            _ => null,
        },
    };

    /// <summary>The further columns of a file; unknown ones are left out.</summary>
    public static ExportColumns Columns(StringValues names)
        => Enum.GetValues<ExportColumns>().Where(c => names.Contains(c.ToString())).Aggregate(ExportColumns.None, (all, one) => all | one);
}
