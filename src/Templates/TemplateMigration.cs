using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Hub.Twins;
using Homeport.Models;
using Homeport.Models.Elements;

namespace Homeport.Templates;

/// <summary>What a migration changes for a device.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="From">Its template now, or null.</param>
/// <param name="To">The one that it would have.</param>
/// <param name="Changes">What differs between the two, what matters most first; all additions when it has none now.</param>
/// <param name="Values">Properties that it has now and that do not fit the new template, with the reason.</param>
public sealed record MigrationPreview(string DeviceId, DeviceTemplate? From, DeviceTemplate To, IReadOnlyList<ModelChange> Changes, IReadOnlyList<string> Values)
{
    /// <summary>The device names another model than the new template has, or null.</summary>
    public string? OtherModel { get; init; }
}

/// <summary>Moves devices from one template to another. Nothing of their twins is lost: what the new template does not know stays, unmodeled.</summary>
public sealed class TemplateMigration(ITemplateStore store, TemplateService templates, DeviceTwins twins, TimeProvider time)
{
    /// <summary>Says what would change; changes nothing.</summary>
    public async Task<Outcome<MigrationPreview>> PreviewAsync(string deviceId, string templateId, CancellationToken token)
    {
        if (!(await templates.GetPublishedAsync(templateId, token)).Succeeded(out var target, out var refusal))
            return refusal;
        var known = await store.FindAssignmentAsync(deviceId, token);
        var from = known?.TemplateId is { } id ? await store.FindAsync(id, token) : null;
        var after = (await templates.ContentAsync(target, draft: false, token))!.Model;
        var before = from is null ? null : (await templates.ContentAsync(from, draft: false, token))?.Model;
        var changes = ModelDifference.Between(before ?? new Model(new Interface(after.Root.Id), new Dictionary<string, Interface>(StringComparer.Ordinal)), after);
        var twin = (await twins.GetAsync(deviceId, null, token)).Value;
        return new MigrationPreview(deviceId, from, target, changes, twin is null ? [] : [.. Unfit(twin, after)])
        {
            OtherModel = known?.ModelId is { } model && model != target.ModelId ? model : null,
        };
    }

    /// <summary>Gives a device another template. Null when it is done.</summary>
    /// <param name="deviceId">A registered device, or one that waits.</param>
    /// <param name="templateId">A published template, or null for none.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Refusal?> MigrateAsync(string deviceId, string? templateId, CancellationToken token)
    {
        if (templateId is not null && !(await templates.GetPublishedAsync(templateId, token)).Succeeded(out _, out var refusal))
            return refusal;
        var known = await store.FindAssignmentAsync(deviceId, token);
        await store.SaveAssignmentAsync(new TemplateAssignment(deviceId, templateId, known?.ModelId, templateId is null ? AssignedBy.Nobody : AssignedBy.Operator, time.GetUtcNow()), onlyFirst: false, token);
        return null;
    }

    private static IEnumerable<string> Unfit(Twin twin, Model model)
    {
        var sections = new[] { ("reported", twin.Reported.Properties), ("desired", twin.Desired.Properties) };
        foreach (var (section, json) in sections)
        {
            using var document = JsonDocument.Parse(json);
            foreach (var member in document.RootElement.EnumerateObject())
            {
                var component = IsComponent(member.Value);
                foreach (var (name, value) in component ? member.Value.EnumerateObject().Where(m => m.Name != "__t").Select(m => (m.Name, m.Value)) : [(member.Name, member.Value)])
                {
                    var property = model.Find<Property>(component ? member.Name : null, name);
                    var path = $"{section}.{(component ? $"{member.Name}." : "")}{name}";
                    if (property is null or { IsCloud: true })
                        yield return $"{path} is not in the new template";
                    else if (SchemaCheck.Mismatch(property.Schema, Told(value)) is { } wrong)
                        yield return $"{path}: {wrong}";
                }
            }
        }
    }

    private static bool IsComponent(JsonElement value) => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("__t", out var mark) && mark.ValueKind == JsonValueKind.String && mark.GetString() == "c";

    /// <summary>A writable property is reported with the device's acknowledgement around its value.</summary>
    private static JsonElement Told(JsonElement value)
        => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("ac", out _) && value.TryGetProperty("value", out var inside) ? inside : value;
}
