using System.Collections.Concurrent;
using Homeport.Contract.Errors;
using Homeport.Models.Elements;

namespace Homeport.Templates.Devices;

/// <summary>The models of devices: read once for each version of a template, not for each call.</summary>
public sealed class DeviceModels(ITemplateStore store, TemplateReader reader)
{
    private const int MaxKept = 200;
    private readonly ConcurrentDictionary<(string Id, long Version), Model> _kept = new();

    /// <summary>The model of a device's template; null when it has none.</summary>
    public async Task<Model?> FindAsync(string deviceId, CancellationToken token)
    {
        if (await store.FindAssignmentAsync(deviceId, token) is not { TemplateId: { } id } || await store.FindAsync(id, token) is not { Published: { } published } template)
            return null;
        if (_kept.TryGetValue((id, template.Version), out var kept))
            return kept;
        if ((await reader.ReadAsync(id, published, token)).Content?.Model is not { } model)
            return null;
        if (_kept.Count >= MaxKept)
            _kept.Clear();
        return _kept[(id, template.Version)] = model;
    }

    /// <summary>Refuses what a model does not have.</summary>
    internal static Refusal Unknown(Model model, string? component, string kind, string name)
    {
        if (component is not null && !model.Root.Contents.Any(c => c is Component && c.Name == component))
            return new Refusal(TemplateErrors.CapabilityNotFound, $"There is no component '{Cut(component)}'", $"Components are {Names(model.Root.Contents.Where(c => c is Component))}.");
        return new Refusal(TemplateErrors.CapabilityNotFound, $"There is no {kind} '{Cut(name)}'{(component is null ? "" : $" in '{component}'")}",
            $"It has {Names(model.ContentsOf(component).Where(c => string.Equals(c.Kind, kind, StringComparison.OrdinalIgnoreCase)))}.");
    }

    private static string Names(IEnumerable<Content> contents) => contents.Select(c => c.Name).ToList() is { Count: > 0 } names ? string.Join(", ", names.Take(50)) : "none";

    internal static string Cut(string text) => text.Length <= 80 ? text : text[..80] + "…";
}
