using System.Globalization;

namespace Homeport.Operations.Groups;

/// <summary>A saved filter: devices that belong together. Who is in it is looked up when somebody asks, so it follows the devices.</summary>
public sealed record DeviceGroup
{
    /// <summary>Groups of an application. Source: IoT Central "Quotas and limits".</summary>
    public const int MaxGroups = 1000;

    /// <summary>Longest id, in characters. Source: IoT Central data plane, api-version 2022-07-31.</summary>
    public const int MaxId = 255;

    /// <summary>Longest display name, in characters; one line.</summary>
    public const int MaxName = 148;

    /// <summary>Longest description, in characters.</summary>
    public const int MaxDescription = 1024;

    /// <summary>Letters, digits, <c>-</c> and <c>_</c>.</summary>
    public required string Id { get; init; }

    public required string DisplayName { get; init; }

    public string? Description { get; init; }

    /// <summary><c>SELECT * FROM devices WHERE ...</c>, see <see cref="DeviceGroupFilter"/>.</summary>
    public required string Filter { get; init; }

    /// <summary>Only devices of this organization; null for all.</summary>
    public string? Organization { get; init; }

    /// <summary>When it was last changed, in whole milliseconds.</summary>
    public DateTimeOffset Changed { get; init; }

    /// <summary>Who did that.</summary>
    public string? ChangedBy { get; init; }

    /// <summary>Changes with every write.</summary>
    public long Version { get; init; } = 1;

    /// <summary>The ETag, without quotes.</summary>
    public string ETag => Version.ToString(CultureInfo.InvariantCulture);
}
