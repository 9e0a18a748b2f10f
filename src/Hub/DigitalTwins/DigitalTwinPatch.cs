using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Twins;

namespace Homeport.Hub.DigitalTwins;

/// <summary>
/// Changes of a digital twin, a JSON Patch (RFC 6902) with <c>add</c>, <c>replace</c> and <c>remove</c> of properties and components.
/// They become desired properties of the device twin.
/// </summary>
public static class DigitalTwinPatch
{
    private const int MaxOperations = 100;

    /// <summary>Reads a patch into members of the desired properties.</summary>
    /// <param name="operations">The JSON Patch.</param>
    /// <param name="twin">The twin, which says what is a component.</param>
    public static Outcome<JsonObject> Read(JsonArray operations, Twin twin)
    {
        ArgumentNullException.ThrowIfNull(operations);
        ArgumentNullException.ThrowIfNull(twin);
        if (operations.Count is 0 or > MaxOperations)
            return Invalid($"The patch has {operations.Count} operations", $"Send 1 to {MaxOperations}.");
        var desired = TwinMerge.Read(twin.Desired.Properties);
        var reported = TwinMerge.Read(twin.Reported.Properties);
        var patch = new JsonObject();
        for (var i = 0; i < operations.Count; i++)
        {
            if (operations[i] is not JsonObject operation || Text(operation["op"]) is not { } op || Text(operation["path"]) is not { } path)
                return Invalid($"Operation {i + 1} has no op or no path", """Send {"op":"add","path":"/property","value":1}.""");
            if (op is not ("add" or "replace" or "remove"))
                return Invalid($"Operation {i + 1} is '{op}'", "Use add, replace or remove.");
            if (op != "remove" && !operation.ContainsKey("value"))
                return Invalid($"Operation {i + 1} has no value", "Add the member value.");
            if (!path.StartsWith('/') || path.Length == 1)
                return Invalid($"The path of operation {i + 1} names no property", "Use /property or /component/property.");
            string[] steps = [.. path[1..].Split('/').Select(s => s.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))];
            if (steps.Length > TwinLimits.Depth || steps.Any(s => s.Length == 0 || s[0] == '$'))
                return Invalid($"The path of operation {i + 1} is too deep, or names what cannot be written", "Use /property or /component/property.");
            Set(patch, steps, op == "remove" ? null : ValueOf(operation["value"]), IsComponent(steps, desired[steps[0]], reported[steps[0]]));
        }
        return TwinLimits.Check("patch", patch) is { } bad ? bad : patch;
    }

    /// <summary>What nobody has written yet and has a member is a component: the hub does not read models.</summary>
    private static bool IsComponent(string[] steps, JsonNode? desired, JsonNode? reported)
        => steps.Length > 1 && ((desired is null && reported is null) || DigitalTwinDocument.IsComponent(desired) || DigitalTwinDocument.IsComponent(reported));

    private static void Set(JsonObject patch, string[] steps, JsonNode? value, bool component)
    {
        var at = patch;
        for (var i = 0; i < steps.Length - 1; i++)
        {
            if (at[steps[i]] is not JsonObject inner)
                at[steps[i]] = inner = [];
            if (i == 0 && component)
                inner[DigitalTwinDocument.ComponentMark] = "c";
            at = inner;
        }
        at[steps[^1]] = value;
    }

    /// <summary>A component comes as an object with an (empty) <c>$metadata</c>.</summary>
    private static JsonNode? ValueOf(JsonNode? value)
    {
        var copy = value?.DeepClone();
        if (copy is JsonObject members && members.Remove("$metadata"))
            members[DigitalTwinDocument.ComponentMark] = "c";
        return copy;
    }

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static Refusal Invalid(string seen, string fix) => new(HubErrors.ArgumentInvalid, seen, fix);
}
