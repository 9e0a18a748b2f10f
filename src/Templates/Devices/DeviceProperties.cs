using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.DigitalTwins;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Models;
using Homeport.Models.Elements;

namespace Homeport.Templates.Devices;

/// <summary>
/// Properties of a device as its template has them: what it reports, what is wanted of it, and cloud properties, which stand in the tags
/// under <c>cloud</c>. In the form of IoT Central: values by name, with what is known of each under <c>$metadata</c>.
/// </summary>
public sealed class DeviceProperties(DeviceModels models, DeviceTwins twins)
{
    private const string CloudTag = "cloud";
    private const string Metadata = "$metadata";

    /// <summary>Properties of the device with those of its components, or of one component.</summary>
    public async Task<Outcome<JsonObject>> GetAsync(string deviceId, string? component, CancellationToken token)
    {
        if (!(await twins.GetAsync(deviceId, null, token)).Succeeded(out var twin, out var refusal))
            return refusal;
        return Read(twin, await models.FindAsync(deviceId, token), component);
    }

    /// <summary>Writes properties: writable ones become desired properties, cloud properties tags. Gives all afterwards.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="component">A component, or null for the device.</param>
    /// <param name="values">By name; null deletes.</param>
    /// <param name="replace">What is left out is deleted.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<JsonObject>> WriteAsync(string deviceId, string? component, JsonObject values, bool replace, CancellationToken token)
    {
        if (!(await twins.GetAsync(deviceId, null, token)).Succeeded(out _, out var refusal))
            return refusal;
        var model = await models.FindAsync(deviceId, token);
        var write = new Write();
        if ((model is null ? Unmodeled(write, component, values) : Collect(write, model, component, values, replace)) is { } bad)
            return bad;
        if (!TwinPatch.Check(write.Tags, write.Desired).Succeeded(out var patch, out refusal)
            || !(await twins.PatchAsync(deviceId, null, patch, IfMatch.Parse("*"), token)).Succeeded(out var twin, out refusal))
        {
            return refusal;
        }
        return Read(twin, model, component);
    }

    private static Outcome<JsonObject> Read(Twin twin, Model? model, string? component)
    {
        var all = JsonNode.Parse(DigitalTwinDocument.ToBytes(twin))!.AsObject();
        all.Remove("$dtId");
        (all[Metadata] as JsonObject)?.Remove("$model");
        var tags = JsonNode.Parse(twin.Tags.Span)!.AsObject();
        foreach (var property in (model?.Root.Contents ?? []).OfType<Property>().Where(p => p.IsCloud))
        {
            if ((tags[CloudTag] as JsonObject)?[property.Name] is { } value)
                all[property.Name] = value.DeepClone();
        }
        if (component is null)
            return all;
        if (all[component] is JsonObject inside)
            return (JsonObject)inside.DeepClone();
        return model is null || model.Root.Contents.Any(c => c is Component && c.Name == component)
            ? new JsonObject { [Metadata] = new JsonObject() }
            : DeviceModels.Unknown(model, component, "property", "");
    }

    /// <summary>Without a template all is wanted of the device as it is sent.</summary>
    private static Refusal? Unmodeled(Write write, string? component, JsonObject values)
    {
        var target = component is null ? write.Wanted() : write.Wanted(component);
        foreach (var (name, value) in values.Where(v => v.Key != Metadata))
            target[name] = value?.DeepClone();
        return null;
    }

    private static Refusal? Collect(Write write, Model model, string? component, JsonObject values, bool replace)
    {
        if (component is not null && !model.Root.Contents.Any(c => c is Component && c.Name == component))
            return DeviceModels.Unknown(model, component, "property", "");
        foreach (var (name, value) in values.Where(v => v.Key != Metadata))
        {
            var refusal = component is null && value is JsonObject inside && model.Root.Contents.Any(c => c is Component && c.Name == name)
                ? Collect(write, model, name, inside, replace)
                : Add(write, model, component, name, value);
            if (refusal is not null)
                return refusal;
        }
        if (!replace)
            return null;
        foreach (var property in model.ContentsOf(component).OfType<Property>().Where(p => (p.Writable || p.IsCloud) && !values.ContainsKey(p.Name)))
            Put(write, component, property, null);
        return null;
    }

    private static Refusal? Add(Write write, Model model, string? component, string name, JsonNode? value)
    {
        if (model.Find<Property>(component, name) is not { } property)
            return DeviceModels.Unknown(model, component, "property", name) with { Error = TemplateErrors.ValueNotAllowed };
        if (property is { Writable: false, IsCloud: false })
            return new Refusal(TemplateErrors.ValueNotAllowed, $"'{name}' is read-only: the device reports it", "Leave it out, or make it writable in a new version of the template.");
        using var document = JsonDocument.Parse(value?.ToJsonString() ?? "null");
        if (SchemaCheck.Mismatch(property.Schema, document.RootElement) is { } wrong)
            return new Refusal(TemplateErrors.ValueNotAllowed, $"'{name}': {wrong}", "Send a value of the form that the template says.");
        Put(write, component, property, value);
        return null;
    }

    private static void Put(Write write, string? component, Property property, JsonNode? value)
    {
        var target = property.IsCloud ? write.Cloud() : component is null ? write.Wanted() : write.Wanted(component);
        target[property.Name] = value?.DeepClone();
    }

    private sealed class Write
    {
        public JsonObject? Tags { get; private set; }

        public JsonObject? Desired { get; private set; }

        public JsonObject Cloud()
        {
            Tags ??= new JsonObject { [CloudTag] = new JsonObject() };
            return (JsonObject)Tags[CloudTag]!;
        }

        public JsonObject Wanted() => Desired ??= [];

        public JsonObject Wanted(string component)
        {
            if (Wanted()[component] is not JsonObject inside)
                Wanted()[component] = inside = new JsonObject { [DigitalTwinDocument.ComponentMark] = "c" };
            return inside;
        }
    }
}
