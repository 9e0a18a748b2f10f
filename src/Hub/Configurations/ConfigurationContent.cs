using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Configurations;

/// <summary>What a configuration writes.</summary>
/// <param name="Device">Desired properties of devices, or null.</param>
/// <param name="Module">Desired properties of modules, or null.</param>
/// <param name="Modules">Content for modules of edge devices by their ids.</param>
public sealed record ConfigurationContent(JsonObject? Device, JsonObject? Module, JsonObject Modules)
{
    private const string Desired = "properties.desired";

    /// <summary>Reads <c>deviceContent</c>, <c>moduleContent</c> and <c>modulesContent</c>.</summary>
    public static Outcome<ConfigurationContent> Read(JsonObject? content)
    {
        foreach (var name in (string[])["deviceContent", "moduleContent", "modulesContent"])
        {
            if (content?[name] is { } member and not JsonObject)
                return Invalid($"content.{name} is {member.GetValueKind()}", "Send a JSON object there, or leave the member out.");
        }
        if (!ReadPatch("content.deviceContent", content?["deviceContent"]).Succeeded(out var device, out var refusal)
            || !ReadPatch("content.moduleContent", content?["moduleContent"]).Succeeded(out var module, out refusal))
        {
            return refusal;
        }
        var modules = content?["modulesContent"] as JsonObject ?? [];
        if (modules.FirstOrDefault(m => m.Value is not JsonObject) is { Key: { } bad })
            return Invalid($"content.modulesContent.{bad} is no JSON object", "Send an object with the member properties.desired.");
        return new ConfigurationContent(device.Count == 0 ? null : device, module.Count == 0 ? null : module, modules);
    }

    /// <summary>
    /// Desired properties of members <c>properties.desired</c> (an object) and <c>properties.desired.path.to</c> (any value), put
    /// together in the order in which they stand.
    /// </summary>
    public static Outcome<JsonObject> ReadPatch(string at, JsonNode? content)
    {
        var patch = new JsonObject();
        foreach (var (name, value) in content as JsonObject ?? [])
        {
            if (string.Equals(name, Desired, StringComparison.Ordinal))
            {
                if (value is not JsonObject members)
                    return Invalid($"{at}.{name} is no JSON object", "Send an object there, or name a property: properties.desired.name.");
                TwinMerge.Overlay(patch, members);
            }
            else if (!name.StartsWith(Desired + ".", StringComparison.Ordinal))
            {
                return Invalid($"{at} has the member '{(name.Length <= 64 ? name : name[..64])}'", "Members are properties.desired and properties.desired.path.to.");
            }
            else if (name[(Desired.Length + 1)..].Split('.') is var path && path.Length > TwinLimits.Depth + 1)
            {
                return Invalid($"{at} has a member whose path has {path.Length} names: the nesting is deeper than {TwinLimits.Depth}", "Use a shorter path.");
            }
            else if (!Set(patch, path, value))
            {
                return Invalid($"{at}.{name} lies inside of a value that another member sets", "Set each property once.");
            }
        }
        return TwinLimits.Check(at, patch) is { } bad ? bad : patch;
    }

    private static bool Set(JsonObject patch, string[] path, JsonNode? value)
    {
        foreach (var step in path[..^1])
        {
            if (!patch.ContainsKey(step))
                patch[step] = new JsonObject();
            if (patch[step] is not JsonObject inner)
                return false;
            patch = inner;
        }
        patch[path[^1]] = value?.DeepClone();
        return true;
    }

    private static Refusal Invalid(string seen, string fix) => new(HubErrors.ArgumentInvalid, seen, fix);
}
