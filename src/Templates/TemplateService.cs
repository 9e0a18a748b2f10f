using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Models;

namespace Homeport.Templates;

/// <summary>Device templates: drafts, publishing, versions.</summary>
public sealed class TemplateService(ITemplateStore store, TemplateReader reader, ModelRepository repository, TimeProvider time)
{
    /// <summary>Templates of an application (IoT Central: 1000).</summary>
    public const int MaxTemplates = 1000;

    /// <summary>Versions that are tried to find a free one.</summary>
    private const int MaxVersion = 999_999_999;

    /// <summary>Raised with the id once what devices follow has changed. Handlers must only post.</summary>
    public Action<string>? Changed { get; set; }

    /// <summary>All templates.</summary>
    public Task<IReadOnlyList<DeviceTemplate>> ListAsync(CancellationToken token) => store.ListAsync(token);

    /// <summary>How many devices follow each.</summary>
    public Task<IReadOnlyDictionary<string, long>> CountDevicesAsync(CancellationToken token) => store.CountDevicesAsync(token);

    /// <summary>Devices that follow a template, the first ones.</summary>
    public Task<IReadOnlyList<string>> ListDevicesAsync(string id, int max, CancellationToken token) => store.ListDevicesAsync(id, null, max, token);

    /// <summary>Finds a template.</summary>
    public async Task<Outcome<DeviceTemplate>> GetAsync(string id, CancellationToken token)
        => await store.FindAsync(id, token) is { } found
            ? found
            : new Refusal(TemplateErrors.TemplateNotFound, $"There is no template '{Cut(id)}'", "List the templates, or create it.");

    /// <summary>Finds a template that devices may follow.</summary>
    public async Task<Outcome<DeviceTemplate>> GetPublishedAsync(string id, CancellationToken token)
    {
        if (!(await GetAsync(id, token)).Succeeded(out var template, out var refusal))
            return refusal;
        return template.IsPublished ? template : new Refusal(TemplateErrors.TemplateNotPublished, $"'{Cut(id)}' is a draft", "Publish it first.");
    }

    /// <summary>Reads a text and says what is wrong with it; stores nothing.</summary>
    public Task<TemplateReading> CheckAsync(string? id, string text, CancellationToken token) => reader.ReadAsync(id, text, token);

    /// <summary>The model of a template, as it is published or, with <paramref name="draft"/>, as it is edited.</summary>
    public async Task<TemplateContent?> ContentAsync(DeviceTemplate template, bool draft, CancellationToken token)
        => (draft ? template.Text : template.Published) is { } text ? (await reader.ReadAsync(template.Id, text, token)).Content : null;

    /// <summary>Keeps a draft: a new template, or one whose devices see nothing of it yet.</summary>
    /// <param name="id">Of the template; null takes that of the text.</param>
    /// <param name="text">JSON of a template, or a model in DTDL.</param>
    /// <param name="condition">ETag that the template must have; absent creates, or replaces a draft.</param>
    /// <param name="token">Ends the call.</param>
    public Task<Outcome<DeviceTemplate>> SaveDraftAsync(string? id, string text, IfMatch condition, CancellationToken token) => SaveAsync(id, text, condition, publish: false, token);

    /// <summary>Creates or changes a template and publishes it, as PUT of IoT Central does.</summary>
    public Task<Outcome<DeviceTemplate>> PutAsync(string id, string text, IfMatch condition, CancellationToken token) => SaveAsync(id, text, condition, publish: true, token);

    /// <summary>Changes what devices do not see by a JSON merge patch (RFC 7396): names, descriptions, cloud properties.</summary>
    public async Task<Outcome<DeviceTemplate>> PatchAsync(string id, JsonObject patch, IfMatch condition, CancellationToken token)
    {
        if (!(await GetAsync(id, token)).Succeeded(out var template, out var refusal))
            return refusal;
        var merged = JsonNode.Parse(template.Text)!.AsObject();
        Merge(merged, patch);
        return await SaveAsync(id, merged.ToJsonString(TemplateText.Readable), condition.IsAbsent ? IfMatch.Parse(template.ETag) : condition, template.Draft is null && template.IsPublished, token);
    }

    /// <summary>Gives devices what is in the draft.</summary>
    public async Task<Outcome<DeviceTemplate>> PublishAsync(string id, CancellationToken token)
    {
        if (!(await GetAsync(id, token)).Succeeded(out var template, out var refusal))
            return refusal;
        return template.Draft is null ? template : await SaveAsync(id, template.Draft, IfMatch.Parse(template.ETag), publish: true, token);
    }

    /// <summary>Makes a new version: a copy whose template and model have the next free version, as a draft.</summary>
    public async Task<Outcome<DeviceTemplate>> NewVersionAsync(string id, CancellationToken token)
    {
        if (!(await GetAsync(id, token)).Succeeded(out var template, out var refusal))
            return refusal;
        var all = await store.ListAsync(token);
        var next = 1 + all.Where(t => PathOf(t.Id) == PathOf(id)).Max(t => VersionOf(t.Id));
        var nextModel = 1 + all.Where(t => PathOf(t.ModelId) == PathOf(template.ModelId)).Max(t => VersionOf(t.ModelId));
        if (next > MaxVersion || nextModel > MaxVersion)
            return new Refusal(TemplateErrors.InvalidTemplate, "There is no higher version", "Begin again with another id.");
        var copy = JsonNode.Parse(template.Text)!.AsObject();
        copy["@id"] = $"{PathOf(id)};{next}";
        copy["capabilityModel"]!["@id"] = $"{PathOf(template.ModelId)};{nextModel}";
        return await SaveAsync($"{PathOf(id)};{next}", copy.ToJsonString(TemplateText.Readable), IfMatch.Absent, publish: false, token);
    }

    /// <summary>Makes a published template from a model of the repository. A template that is there already is given as it is.</summary>
    public async Task<Outcome<DeviceTemplate>> ImportAsync(string modelId, CancellationToken token)
    {
        if (!Dtmi.TryParse(modelId, out var dtmi) || await repository.FindAsync(dtmi, token) is not { } text)
            return new Refusal(TemplateErrors.ModelNotFound, $"The model '{Cut(modelId)}' is in no repository", "Add it to the own repository, or to the folder of models.");
        var root = JsonNode.Parse(text)!;
        if (root is JsonArray several)
            root = several.First(i => (string?)i?["@id"] == modelId)!;
        var id = TemplateText.IdFor(dtmi);
        if (await store.FindAsync(id, token) is not { } there)
            return await SaveAsync(id, root.ToJsonString(), IfMatch.Absent, publish: true, token);
        return there.IsPublished ? there : new Refusal(TemplateErrors.TemplateExists, $"'{id}' is a draft that somebody edits", "Publish it, then adopt the devices that wait for it.");
    }

    /// <summary>Deletes a template that no device follows. Null when it is gone.</summary>
    public async Task<Refusal?> DeleteAsync(string id, CancellationToken token)
    {
        while (true)
        {
            if (!(await GetAsync(id, token)).Succeeded(out var template, out var refusal))
                return refusal;
            if (await store.DeleteAsync(id, template.Version, token))
            {
                Changed?.Invoke(id);
                return null;
            }
            if (await store.ListDevicesAsync(id, null, 1, token) is [var device])
                return new Refusal(TemplateErrors.TemplateInUse, $"'{Cut(id)}' is followed by devices, '{device}' among them", "Migrate them to another template first.");
        }
    }

    private async Task<Outcome<DeviceTemplate>> SaveAsync(string? id, string text, IfMatch condition, bool publish, CancellationToken token)
    {
        var reading = await reader.ReadAsync(id, text, token);
        if (reading.Content is not { } content)
            return TemplateReader.Invalid(reading.Errors);
        var before = await store.FindAsync(content.Id, token);
        if (before is null && !condition.IsAbsent && condition.IsConditional)
            return new Refusal(TemplateErrors.TemplateNotFound, $"There is no template '{content.Id}' any more", "Create it without If-Match.");
        if (before is not null && !condition.Matches(before.ETag))
            return new Refusal(TemplateErrors.TemplateChanged, $"'{content.Id}' has another ETag than is asked for", "Read it again and repeat your change on that.");
        if (before is null && (await store.ListAsync(token)).Count >= MaxTemplates)
            return new Refusal(TemplateErrors.TooManyTemplates, $"There are {MaxTemplates} templates", "Delete one that no device follows.");
        if (await ForbidAsync(before, content, token) is { } refusal)
            return refusal;
        var now = time.GetUtcNow();
        var template = new DeviceTemplate
        {
            Id = content.Id,
            ModelId = content.Model.Root.Id.Text,
            DisplayName = content.DisplayName,
            Description = content.Description,
            Draft = publish || content.Json == before?.Published ? null : content.Json,
            Published = publish ? content.Json : before?.Published,
            PublishedTime = publish ? before?.PublishedTime ?? now : before?.PublishedTime,
            Changed = now,
            Version = (before?.Version ?? 0) + 1,
        };
        if (!await store.SaveAsync(template, before?.Version, token))
            return new Refusal(TemplateErrors.TemplateChanged, $"'{content.Id}' was changed by somebody else at the same time", "Read it again and repeat your change on that.");
        if (publish)
            Changed?.Invoke(template.Id);
        return template;
    }

    /// <summary>What devices follow stays as it is: only what they do not see may change.</summary>
    private async Task<Refusal?> ForbidAsync(DeviceTemplate? before, TemplateContent content, CancellationToken token)
    {
        if (before?.Published is not { } published || (await reader.ReadAsync(before.Id, published, token)).Content is not { } old)
            return null;
        var model = content.Model.Root.Id.Text == before.ModelId ? null : new ModelChange(ChangeKind.Breaking, "capabilityModel", $"has the id {content.Model.Root.Id.Text}, not {before.ModelId}");
        var change = model ?? ModelDifference.Between(old.Model, content.Model).FirstOrDefault(c => c.Kind != ChangeKind.Presentation);
        return change is null ? null : new Refusal(TemplateErrors.TemplatePublished, $"'{before.Id}' is published, and {change.Path} {change.Text}",
            $"Make a new version ({PathOf(before.Id)};{VersionOf(before.Id) + 1}) and migrate devices to it. Names, descriptions, units and cloud properties may change in place.");
    }

    private static void Merge(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            if (value is null)
                target.Remove(name);
            else if (value is JsonObject members && target[name] is JsonObject inner)
                Merge(inner, members);
            else
                target[name] = value.DeepClone();
        }
    }

    private static string PathOf(string id) => id.Split(';')[0];

    private static int VersionOf(string id) => Dtmi.TryParse(id, out var dtmi) ? dtmi.Major : 0;

    private static string Cut(string text) => text.Length <= 160 ? text : text[..160] + "…";
}
