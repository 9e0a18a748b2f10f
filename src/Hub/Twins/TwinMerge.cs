using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Rest;

namespace Homeport.Hub.Twins;

/// <summary>
/// Merges a patch into a section as RFC 7396 has it: objects are merged, other values replace, null deletes. The metadata tree
/// notes when, and for desired properties with which version, every level changed.
/// </summary>
internal sealed class TwinMerge
{
    private const string LastUpdated = "$lastUpdated";
    private const string LastUpdatedVersion = "$lastUpdatedVersion";
    private readonly string _time;
    private readonly long? _version;

    /// <summary>Prepares a change.</summary>
    /// <param name="now">Time of the change.</param>
    /// <param name="version">Version after the change, for desired properties; null leaves it out.</param>
    public TwinMerge(DateTimeOffset now, long? version)
    {
        _time = new ServiceTime(now).ToString();
        _version = version;
    }

    /// <summary>Merges into both trees.</summary>
    public void Apply(JsonObject target, JsonObject metadata, JsonObject patch)
    {
        Stamp(metadata);
        foreach (var (name, value) in patch)
        {
            if (value is null)
            {
                target.Remove(name);
                metadata.Remove(name);
            }
            else if (value is JsonObject members)
            {
                if (target[name] is not JsonObject existing)
                    target[name] = existing = [];
                Apply(existing, Level(metadata, name), members);
            }
            else
            {
                target[name] = value.DeepClone();
                var level = new JsonObject();
                Stamp(level);
                metadata[name] = level;
            }
        }
    }

    /// <summary>Merges into tags, which have no metadata.</summary>
    public static void Apply(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            if (value is null)
            {
                target.Remove(name);
            }
            else if (value is JsonObject members)
            {
                if (target[name] is not JsonObject existing)
                    target[name] = existing = [];
                Apply(existing, members);
            }
            else
            {
                target[name] = value.DeepClone();
            }
        }
    }

    /// <summary>Joins two patches; the later one wins. Nulls stay, since they delete when the patch is applied.</summary>
    public static void Overlay(JsonObject patch, JsonObject later)
    {
        foreach (var (name, value) in later)
        {
            if (value is JsonObject members && patch[name] is JsonObject existing)
                Overlay(existing, members);
            else
                patch[name] = value?.DeepClone();
        }
    }

    private static JsonObject Level(JsonObject metadata, string name)
    {
        if (metadata[name] is not JsonObject level)
            metadata[name] = level = [];
        return level;
    }

    private void Stamp(JsonObject level)
    {
        level[LastUpdated] = _time;
        if (_version is { } version)
            level[LastUpdatedVersion] = version;
    }

    /// <summary>Reads a stored object.</summary>
    public static JsonObject Read(ReadOnlyMemory<byte> json) => JsonNode.Parse(json.Span)!.AsObject();

    /// <summary>Canonical bytes of an object.</summary>
    public static byte[] Write(JsonObject json)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, TwinJson.Compact))
            json.WriteTo(writer);
        return stream.ToArray();
    }
}
