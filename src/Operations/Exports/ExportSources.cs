using Homeport.Log;

namespace Homeport.Operations.Exports;

/// <summary>The words of exports for what they take. Source: IoT Central data export.</summary>
public static class ExportSources
{
    private static readonly Dictionary<string, MessageSource> ByName = new(StringComparer.Ordinal)
    {
        ["telemetry"] = MessageSource.Telemetry,
        ["properties"] = MessageSource.TwinChange,
        ["deviceLifecycle"] = MessageSource.DeviceStatus,
        ["deviceTemplateLifecycle"] = MessageSource.DeviceTemplate,
        ["deviceConnectivity"] = MessageSource.DeviceConnectionState,
    };

    /// <summary>All words.</summary>
    public static IReadOnlyCollection<string> Names => ByName.Keys;

    /// <summary>The records of a word; null for another word.</summary>
    public static MessageSource? Find(string? name) => name is not null && ByName.TryGetValue(name, out var source) ? source : null;
}
