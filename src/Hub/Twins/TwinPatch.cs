using System.Text.Json.Nodes;
using Homeport.Contract.Errors;

namespace Homeport.Hub.Twins;

/// <summary>What a service wants to write of a twin.</summary>
/// <param name="Tags">Members of the tags, or null to leave them.</param>
/// <param name="Desired">Members of the desired properties, or null to leave them.</param>
public sealed record TwinPatch(JsonObject? Tags, JsonObject? Desired)
{
    /// <summary>Reads the JSON of a twin; only <c>tags</c> and <c>properties.desired</c> count, and a null there means nothing.</summary>
    public static Outcome<TwinPatch> Read(JsonObject twin)
    {
        if (twin["tags"] is { } tags and not JsonObject)
            return Wrong("tags", tags);
        if (twin["properties"] is { } properties and not JsonObject)
            return Wrong("properties", properties);
        var desired = twin["properties"]?["desired"];
        if (desired is not (null or JsonObject))
            return Wrong("properties.desired", desired);
        return Check((JsonObject?)twin["tags"], (JsonObject?)desired);
    }

    /// <summary>Makes a patch of checked members.</summary>
    public static Outcome<TwinPatch> Check(JsonObject? tags, JsonObject? desired)
    {
        foreach (var section in new[] { tags, desired })
        {
            if (section is not null)
                TwinJson.RemoveOwn(section);
        }
        if (tags is not null && TwinLimits.Check("tags", tags) is { } badTags)
            return badTags;
        if (desired is not null && TwinLimits.Check("properties.desired", desired) is { } badDesired)
            return badDesired;
        return new TwinPatch(tags, desired);
    }

    private static Refusal Wrong(string path, JsonNode found)
        => new(HubErrors.ArgumentInvalid, $"{path} is {found.GetValueKind()}", "Send a JSON object there, or leave the member out.");
}
