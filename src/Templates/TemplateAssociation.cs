using Homeport.Contract.Errors;
using Microsoft.Extensions.Logging;

namespace Homeport.Templates;

/// <summary>
/// Gives devices their template when they name their model for the first time, at registration or when they connect: a published template
/// with that model first, then one made from a model of the repositories. Later a device keeps what it has.
/// </summary>
public sealed partial class TemplateAssociation(ITemplateStore store, TemplateService templates, TimeProvider time, ILogger<TemplateAssociation> logger)
{
    /// <summary>Longest model id that is noted.</summary>
    public const int MaxModelId = 2048;

    /// <summary>Notes the model that a device named. A fault is logged: it keeps no device from registering or connecting.</summary>
    public async Task NoteModelAsync(string deviceId, string? modelId, CancellationToken token)
    {
        if (string.IsNullOrEmpty(modelId) || modelId.Length > MaxModelId)
            return;
        try
        {
            await AssociateAsync(deviceId, modelId, token);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(e, deviceId);
        }
    }

    /// <summary>The assignment of a device; null when it never named a model and nobody chose a template.</summary>
    public Task<TemplateAssignment?> FindAsync(string deviceId, CancellationToken token) => store.FindAssignmentAsync(deviceId, token);

    /// <summary>The published template of a device, or null.</summary>
    public async Task<DeviceTemplate?> TemplateOfAsync(string deviceId, CancellationToken token)
        => await store.FindAssignmentAsync(deviceId, token) is { TemplateId: { } id } && await store.FindAsync(id, token) is { } template ? template : null;

    /// <summary>Gives devices without a template that named a template's model this template. Gives how many.</summary>
    public async Task<Outcome<AdoptedDevices>> AdoptAsync(string templateId, CancellationToken token)
    {
        const int Page = 500;
        if (!(await templates.GetPublishedAsync(templateId, token)).Succeeded(out var template, out var refusal))
            return refusal;
        var count = 0;
        while (await store.ListWaitingAsync(template.ModelId, Page, token) is { Count: > 0 } waiting)
        {
            foreach (var deviceId in waiting)
                await store.SaveAssignmentAsync(new TemplateAssignment(deviceId, templateId, template.ModelId, AssignedBy.Model, time.GetUtcNow()), onlyFirst: true, token);
            count += waiting.Count;
        }
        return new AdoptedDevices(count);
    }

    private async Task AssociateAsync(string deviceId, string modelId, CancellationToken token)
    {
        var known = await store.FindAssignmentAsync(deviceId, token);
        if (known?.TemplateId is not null)
        {
            if (!string.Equals(known.ModelId, modelId, StringComparison.Ordinal))
                await store.SaveAssignmentAsync(known with { ModelId = modelId }, onlyFirst: true, token);
            return;
        }
        var (template, by) = await FindTemplateAsync(modelId, token);
        if (template is null && string.Equals(known?.ModelId, modelId, StringComparison.Ordinal))
            return;
        await store.SaveAssignmentAsync(new TemplateAssignment(deviceId, template?.Id, modelId, by, time.GetUtcNow()), onlyFirst: true, token);
        LogAssociated(deviceId, modelId, template?.Id ?? "no template");
    }

    private async Task<(DeviceTemplate? Template, AssignedBy By)> FindTemplateAsync(string modelId, CancellationToken token)
    {
        foreach (var name in NamesOf(modelId))
        {
            if ((await store.FindPublishedAsync(name, token)).MaxBy(t => (t.PublishedTime, t.Version)) is { } published)
                return (published, AssignedBy.Model);
        }
        var made = await templates.ImportAsync(modelId, token);
        return made.Value is { } template ? (template, AssignedBy.Repository) : (null, AssignedBy.Nobody);
    }

    /// <summary>Samples of 2019 name the template, with its version behind a slash.</summary>
    private static IEnumerable<string> NamesOf(string modelId)
    {
        yield return modelId;
        var slash = modelId.LastIndexOf('/');
        if (slash <= 0)
            yield break;
        yield return $"{modelId[..slash]};{modelId[(slash + 1)..]}";
        yield return modelId[..slash];
    }

    [LoggerMessage(EventId = 6001, Level = LogLevel.Error, Message = "The template of device '{DeviceId}' could not be looked for.")]
    private partial void LogFailed(Exception e, string deviceId);

    [LoggerMessage(EventId = 6002, Level = LogLevel.Debug, Message = "Device '{DeviceId}' names the model '{ModelId}': {Template}.")]
    private partial void LogAssociated(string deviceId, string modelId, string template);
}

/// <summary>Devices that got a template.</summary>
public sealed record AdoptedDevices(int Count);
