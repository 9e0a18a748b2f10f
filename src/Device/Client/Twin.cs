using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Homeport.Device.Client;

/// <summary>The desired or the reported properties of a device, or a change of them.</summary>
[SuppressMessage("Naming", "CA1710", Justification = "The name of the Azure IoT device client.")]
public sealed class TwinCollection : IEnumerable<KeyValuePair<string, JsonNode?>>
{
    private const string VersionMember = "$version";

    private readonly JsonObject _members;

    /// <summary>An empty change.</summary>
    public TwinCollection() => _members = [];

    /// <summary>From a JSON object.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public TwinCollection(string json)
        : this(Parse(Encoding.UTF8.GetBytes(json)))
    {
    }

    internal TwinCollection(JsonObject members) => _members = members;

    /// <summary>Number of this state; grows with each change. 0 when the hub gave none.</summary>
    public long Version => _members[VersionMember] is JsonValue value && value.TryGetValue(out long version) ? version : 0;

    /// <summary>Properties, without <c>$version</c> and <c>$metadata</c>.</summary>
    public int Count => _members.Count(static member => !member.Key.StartsWith('$'));

    /// <summary>A property; null both for a null and for one that is not there. Setting null deletes the property at the hub.</summary>
    public JsonNode? this[string propertyName]
    {
        get => _members[propertyName];
        set => _members[propertyName] = value;
    }

    public bool Contains(string propertyName) => _members.ContainsKey(propertyName);

    public string ToJson() => _members.ToJsonString();

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, JsonNode?>> GetEnumerator()
        => _members.Where(static member => !member.Key.StartsWith('$')).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal static JsonObject Parse(ReadOnlySpan<byte> json)
        => JsonNode.Parse(json) as JsonObject ?? throw new JsonException("Properties are a JSON object.");

    internal byte[] ToBytes() => Encoding.UTF8.GetBytes(ToJson());
}

/// <summary>What hub and device tell each other by state, not by message.</summary>
/// <param name="Properties">Desired and reported.</param>
public sealed record Twin(TwinProperties Properties)
{
    internal static Twin Parse(ReadOnlySpan<byte> json)
    {
        var whole = TwinCollection.Parse(json);
        return new Twin(new TwinProperties(Part(whole, "desired"), Part(whole, "reported")));
    }

    private static TwinCollection Part(JsonObject whole, string name)
        => new(whole[name]?.DeepClone() as JsonObject ?? throw new JsonException($"The twin has no '{name}'."));
}

/// <summary>Both sides of a twin.</summary>
/// <param name="Desired">What the hub wants; the device reads.</param>
/// <param name="Reported">What the device says; the hub reads.</param>
public sealed record TwinProperties(TwinCollection Desired, TwinCollection Reported);

/// <summary>Called with the changed part of the desired properties; after a disconnection during which they changed, with all of them.</summary>
public delegate Task DesiredPropertyUpdateCallback(TwinCollection desiredProperties, object? userContext);
