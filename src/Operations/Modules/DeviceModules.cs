using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.DigitalTwins;
using Homeport.Hub.Methods;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Provisioning;
using Homeport.Templates.Devices;

namespace Homeport.Operations.Modules;

/// <summary>
/// Modules of a device as IoT Central's data plane has them: their properties, components and commands. A module follows no template, so
/// its values are shown and written as they are; its components are those that its twin marks.
/// </summary>
public sealed class DeviceModules(IdentityRegistry registry, DeviceTwins twins, DirectMethods methods, ICommandStore commands, TimeProvider time)
{
    private const string Metadata = "$metadata";

    /// <summary>The modules of a device, in the order of their ids.</summary>
    public Task<Outcome<IReadOnlyList<Identity>>> ListAsync(string deviceId, CancellationToken token) => registry.ListModulesAsync(deviceId, token);

    /// <summary>Names of the components of a module.</summary>
    public async Task<Outcome<IReadOnlyList<string>>> ComponentsAsync(string deviceId, string module, CancellationToken token)
        => (await twins.GetAsync(deviceId, module, token)).Succeeded(out var twin, out var refusal)
            ? new Outcome<IReadOnlyList<string>>([.. Both(twin).Where(p => IsComponent(p.Value)).Select(p => p.Key).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)])
            : refusal;

    /// <summary>Properties of a module or of one of its components, with what is known of each under <c>$metadata</c>.</summary>
    public async Task<Outcome<JsonObject>> GetAsync(string deviceId, string module, string? component, CancellationToken token)
        => (await twins.GetAsync(deviceId, module, token)).Succeeded(out var twin, out var refusal) ? Read(twin, component) : refusal;

    /// <summary>Writes desired properties. Gives all afterwards.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="module">Its module.</param>
    /// <param name="component">A component, or null for the module.</param>
    /// <param name="values">By name; null deletes.</param>
    /// <param name="replace">What is left out is deleted.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<JsonObject>> WriteAsync(string deviceId, string module, string? component, JsonObject values, bool replace, CancellationToken token)
    {
        if (!(await twins.GetAsync(deviceId, module, token)).Succeeded(out var before, out var refusal))
            return refusal;
        var wanted = new JsonObject();
        var target = wanted;
        var present = JsonNode.Parse(before.Desired.Properties.Span)!.AsObject();
        if (component is not null)
        {
            wanted[component] = target = new JsonObject { [DigitalTwinDocument.ComponentMark] = "c" };
            present = present[component] as JsonObject ?? [];
        }
        if (replace)
        {
            // A component of the module is written below its own address.
            foreach (var (name, value) in present.Where(p => p.Key != DigitalTwinDocument.ComponentMark && !IsComponent(p.Value)))
                target[name] = null;
        }
        foreach (var (name, value) in values.Where(v => v.Key != Metadata))
            target[name] = value?.DeepClone();
        if (!TwinPatch.Check(null, wanted).Succeeded(out var patch, out refusal) || !(await twins.PatchAsync(deviceId, module, patch, IfMatch.Parse("*"), token)).Succeeded(out var after, out refusal))
            return refusal;
        return Read(after, component);
    }

    /// <summary>Runs a command, a direct method of the module, of a component with its name and <c>*</c> in front, and keeps what came of it.</summary>
    public async Task<Outcome<CommandRecord>> RunAsync(string deviceId, string module, string? component, MethodCall call, CancellationToken token)
    {
        if ((await registry.GetAsync(deviceId, module, token)).Refusal is { } unknown)
            return unknown;
        var method = MethodOf(component, call.Name);
        if (!(await methods.InvokeAsync(deviceId, module, call with { Name = method }, token)).Succeeded(out var result, out var refusal))
            return refusal;
        var response = result.Payload.IsEmpty ? null : Encoding.UTF8.GetString(result.Payload.Span);
        var record = new CommandRecord(deviceId, method, Guid.NewGuid().ToString("D"), Encoding.UTF8.GetString(call.Payload.Span), response, result.Status, time.GetUtcNow()) { ModuleId = module };
        await commands.AddAsync(record, DeviceCommands.Kept, CancellationToken.None);
        return record;
    }

    /// <summary>Runs of a command, the newest first.</summary>
    public async Task<Outcome<IReadOnlyList<CommandRecord>>> RunsAsync(string deviceId, string module, string? component, string name, CancellationToken token)
        => (await registry.GetAsync(deviceId, module, token)).Refusal is { } unknown
            ? unknown
            : new Outcome<IReadOnlyList<CommandRecord>>(await commands.ListAsync(deviceId, module, MethodOf(component, name), DeviceCommands.Kept, token));

    private static string MethodOf(string? component, string name) => component is null ? name : $"{component}*{name}";

    private static Outcome<JsonObject> Read(Twin twin, string? component)
    {
        var all = JsonNode.Parse(DigitalTwinDocument.ToBytes(twin))!.AsObject();
        all.Remove("$dtId");
        (all[Metadata] as JsonObject)?.Remove("$model");
        if (component is null)
            return all;
        return all[component] is JsonObject inside
            ? (JsonObject)inside.DeepClone()
            : new Refusal(TemplateErrors.CapabilityNotFound, $"The module has no component '{Shown.Text(component)}'", "A component is what its twin marks with __t.");
    }

    private static IEnumerable<KeyValuePair<string, JsonNode?>> Both(Twin twin)
        => JsonNode.Parse(twin.Reported.Properties.Span)!.AsObject().Concat(JsonNode.Parse(twin.Desired.Properties.Span)!.AsObject());

    private static bool IsComponent(JsonNode? value)
        => value is JsonObject members && members[DigitalTwinDocument.ComponentMark] is JsonValue mark && mark.TryGetValue<string>(out var text) && text == "c";
}
