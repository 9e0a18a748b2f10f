using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Events;

/// <summary>Bodies of twin events.</summary>
internal static class TwinEvents
{
    /// <summary>The whole twin, as when it is created, deleted or replaced.</summary>
    public static byte[] Whole(Twin twin) => Write(writer =>
    {
        writer.WriteString("deviceId", twin.DeviceId);
        if (twin.ModuleId is not null)
            writer.WriteString("moduleId", twin.ModuleId);
        writer.WriteString("etag", twin.ETag);
        writer.WriteNumber("version", twin.Version);
        if (twin.Tags.Length > 2)
            WriteRaw(writer, "tags", twin.Tags.Span);
        writer.WriteStartObject("properties");
        WriteRaw(writer, "desired", twin.Desired.ForService());
        WriteRaw(writer, "reported", twin.Reported.ForService());
        writer.WriteEndObject();
    });

    /// <summary>What an update changed: the members that were sent, with their metadata.</summary>
    /// <param name="twin">The twin after the change.</param>
    /// <param name="tags">Changed tags, or null.</param>
    /// <param name="desired">Changed desired properties, or null.</param>
    /// <param name="reported">Changed reported properties, or null.</param>
    /// <param name="now">Time of the change.</param>
    public static byte[] Changed(Twin twin, JsonObject? tags, JsonObject? desired, JsonObject? reported, DateTimeOffset now) => Write(writer =>
    {
        writer.WriteNumber("version", twin.Version);
        if (tags is not null)
            WriteRaw(writer, "tags", TwinMerge.Write(tags));
        if (desired is null && reported is null)
            return;
        writer.WriteStartObject("properties");
        if (desired is not null)
            WriteRaw(writer, "desired", Section(desired, new TwinMerge(now, twin.Desired.Version), twin.Desired.Version));
        if (reported is not null)
            WriteRaw(writer, "reported", Section(reported, new TwinMerge(now, null), twin.Reported.Version));
        writer.WriteEndObject();
    });

    private static byte[] Section(JsonObject members, TwinMerge merge, long version)
    {
        var metadata = new JsonObject();
        merge.Apply([], metadata, members);
        return new TwinSection(TwinMerge.Write(members), TwinMerge.Write(metadata), version).ForService();
    }

    private static byte[] Write(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, TwinJson.Compact))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }
        return stream.ToArray();
    }

    private static void WriteRaw(Utf8JsonWriter writer, string name, ReadOnlySpan<byte> json)
    {
        writer.WritePropertyName(name);
        writer.WriteRawValue(json, skipInputValidation: true);
    }
}
