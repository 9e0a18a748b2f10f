using System.Text.Json.Nodes;
using Homeport.Hub.Registry;

namespace Homeport.Hub.Configurations;

/// <summary>Automatic device management: content for the twins that a condition targets. Source: IoT Hub data plane, <c>Configuration</c>.</summary>
public sealed record Configuration
{
    /// <summary>1 to 128 characters; unique in the hub.</summary>
    public required string Id { get; init; }

    /// <summary>Of the caller; kept and shown.</summary>
    public string SchemaVersion { get; init; } = "1.0";

    /// <summary>Which twins, as in <see cref="Query.HubQuery.ParseCondition"/>; empty for none.</summary>
    public string TargetCondition { get; init; } = "";

    /// <summary>The highest one wins; of equal ones the newest configuration.</summary>
    public int Priority { get; init; }

    /// <summary>A JSON object in UTF-8: texts for people.</summary>
    public ReadOnlyMemory<byte> Labels { get; init; } = "{}"u8.ToArray();

    /// <summary>A JSON object in UTF-8, as <see cref="ConfigurationContent.Read"/> takes it.</summary>
    public ReadOnlyMemory<byte> Content { get; init; } = "{}"u8.ToArray();

    /// <summary>A JSON object in UTF-8: queries by their names.</summary>
    public ReadOnlyMemory<byte> MetricQueries { get; init; } = "{}"u8.ToArray();

    public DateTimeOffset CreatedTime { get; init; }

    public DateTimeOffset UpdatedTime { get; init; }

    /// <summary>Changes with every write.</summary>
    public long Version { get; init; } = 1;

    /// <summary>The version in Base64.</summary>
    public string ETag => Identity.ETagOf(Version);
}

/// <summary>A configuration as a service sends it, not yet checked.</summary>
/// <param name="Id">Its name.</param>
/// <param name="TargetCondition">Which twins; null and empty for none.</param>
/// <param name="Priority">0 and up.</param>
/// <param name="SchemaVersion">Of the caller, or null.</param>
/// <param name="Labels">Texts, or null.</param>
/// <param name="Content">Content, or null.</param>
/// <param name="MetricQueries">Queries by their names, or null.</param>
public sealed record ConfigurationRequest(
    string Id, string? TargetCondition, int Priority, string? SchemaVersion, JsonObject? Labels, JsonObject? Content, JsonObject? MetricQueries);

/// <summary>A configuration with what its metrics gave.</summary>
/// <param name="Configuration">The configuration.</param>
/// <param name="Targeted">Twins that it targets.</param>
/// <param name="Applied">Twins that it was written to.</param>
/// <param name="Metrics">Rows of each own metric query, by its name.</param>
public sealed record ConfigurationView(Configuration Configuration, long Targeted, long Applied, IReadOnlyDictionary<string, long> Metrics);

/// <summary>What a target condition and metric queries are worth.</summary>
/// <param name="TargetConditionError">What is wrong with the condition, or null.</param>
/// <param name="MetricErrors">What is wrong with queries, by their names.</param>
public sealed record ConfigurationTest(string? TargetConditionError, IReadOnlyDictionary<string, string> MetricErrors);
