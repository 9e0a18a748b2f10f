using System.Globalization;

namespace Homeport.Operations.Relationships;

/// <summary>That one device belongs to another, for example a sensor to its gateway. Source: IoT Central data plane, api-version 2022-07-31.</summary>
public sealed record DeviceRelationship
{
    /// <summary>Relationships of one source.</summary>
    public const int MaxOfSource = 10_000;

    /// <summary>Unique among those of the source: letters, digits, <c>-</c> and <c>_</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Name of the relationship in the template of the source.</summary>
    public required string Name { get; init; }

    /// <summary>The device that has it, such as the gateway.</summary>
    public required string Source { get; init; }

    /// <summary>The device at its other end.</summary>
    public required string Target { get; init; }

    /// <summary>Changes with every write.</summary>
    public long Version { get; init; } = 1;

    /// <summary>The ETag, without quotes.</summary>
    public string ETag => Version.ToString(CultureInfo.InvariantCulture);
}
