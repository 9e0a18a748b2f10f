using System.Text.Json.Nodes;
using Homeport.Hub.Twins;

namespace Homeport.Hub.DigitalTwins;

/// <summary>
/// A device twin as the digital twin of an IoT Plug and Play device: properties with their values, components, and metadata that holds
/// what is desired and how the device acknowledged it. Source: Azure "Understand IoT Plug and Play digital twins".
/// </summary>
public static class DigitalTwinDocument
{
    /// <summary>Marks an object in a twin as a component, with the value <c>c</c>.</summary>
    public const string ComponentMark = "__t";

    private const string Metadata = "$metadata";

    /// <summary>The JSON of the digital twin, in UTF-8.</summary>
    public static byte[] ToBytes(Twin twin)
    {
        ArgumentNullException.ThrowIfNull(twin);
        var desired = new Side(TwinMerge.Read(twin.Desired.Properties), TwinMerge.Read(twin.Desired.Metadata));
        var reported = new Side(TwinMerge.Read(twin.Reported.Properties), TwinMerge.Read(twin.Reported.Metadata));
        var document = new JsonObject { ["$dtId"] = twin.DeviceId };
        var metadata = new JsonObject { ["$model"] = twin.ModelId };
        foreach (var name in reported.Names.Union(desired.Names, StringComparer.Ordinal))
        {
            if (IsComponent(reported.Values[name]) || IsComponent(desired.Values[name]))
                document[name] = Component(desired.Inside(name), reported.Inside(name));
            else
                AddProperty(document, metadata, name, desired, reported);
        }
        document[Metadata] = metadata;
        return TwinMerge.Write(document);
    }

    /// <summary>True for the object of a component.</summary>
    internal static bool IsComponent(JsonNode? value)
        => value is JsonObject members && members[ComponentMark] is JsonValue mark && mark.TryGetValue<string>(out var text) && text == "c";

    private static JsonObject Component(Side desired, Side reported)
    {
        var component = new JsonObject();
        var metadata = new JsonObject();
        foreach (var name in reported.Names.Union(desired.Names, StringComparer.Ordinal).Where(n => n != ComponentMark))
            AddProperty(component, metadata, name, desired, reported);
        component[Metadata] = metadata;
        return component;
    }

    private static void AddProperty(JsonObject parent, JsonObject metadata, string name, Side desired, Side reported)
    {
        var about = new JsonObject();
        if (desired.Values[name] is { } wanted)
        {
            about["desiredValue"] = wanted.DeepClone();
            about["desiredVersion"] = desired.About(name)?["$lastUpdatedVersion"]?.DeepClone();
        }
        var told = reported.Values[name];
        // A writable property is reported with the device's acknowledgement around its value.
        if (told is JsonObject acknowledged && acknowledged.ContainsKey("value") && acknowledged.ContainsKey("ac"))
        {
            parent[name] = acknowledged["value"]?.DeepClone();
            about["ackVersion"] = acknowledged["av"]?.DeepClone();
            about["ackCode"] = acknowledged["ac"]?.DeepClone();
            if (acknowledged["ad"] is { } description)
                about["ackDescription"] = description.DeepClone();
        }
        else if (told is not null)
        {
            parent[name] = told.DeepClone();
        }
        about["lastUpdateTime"] = (reported.About(name) ?? desired.About(name))?["$lastUpdated"]?.DeepClone();
        metadata[name] = about;
    }

    /// <summary>Desired or reported properties, or those of one component, with their metadata.</summary>
    private readonly record struct Side(JsonObject Values, JsonObject Metadata)
    {
        public IEnumerable<string> Names => Values.Select(v => v.Key);

        public JsonObject? About(string name) => Metadata[name] as JsonObject;

        public Side Inside(string name) => new(Values[name] as JsonObject ?? [], Metadata[name] as JsonObject ?? []);
    }
}
