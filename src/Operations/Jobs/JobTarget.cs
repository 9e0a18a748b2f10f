using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Models;
using Homeport.Models.Elements;
using Homeport.Provisioning;
using Homeport.Templates;

namespace Homeport.Operations.Jobs;

/// <summary>What a job is aimed at: a property or command of a template, or the template itself.</summary>
internal static class JobTarget
{
    /// <summary>Null when the template has what the job asks for, and its value fits.</summary>
    public static async Task<Refusal?> CheckAsync(JobData data, TemplateService templates, CancellationToken token)
    {
        if (!(await templates.GetAsync(data.Target, token)).Succeeded(out var template, out _) || await templates.ContentAsync(template, draft: false, token) is not { } content)
            return Missing($"There is no published template '{Shown.Text(data.Target)}'", "Publish it, or correct the target.");
        if (data.Type == JobDataType.DeviceTemplateMigration)
            return null;
        if (string.IsNullOrEmpty(data.Path))
            return new Refusal(PeopleErrors.InvalidBody, "path is missing", "Send the name of the property or command, its component in front with a dot.");
        var (component, name) = Split(data.Path, c => content.Model.Root.Contents.Any(x => x is Component && x.Name == c));
        if (data.Type == JobDataType.Command)
        {
            return content.Model.Find<Command>(component, name) is not { } command ? Missing(Nothing(data, "command"), "Correct path.")
                : command.Request is { } request && data.Value is { } sent ? CheckValue(data.Path, request.Schema, sent) : null;
        }
        var property = content.Model.Find<Property>(component, name);
        if (property is null || (data.Type == JobDataType.CloudProperty ? !property.IsCloud : property is { Writable: false } or { IsCloud: true }))
            return Missing(Nothing(data, data.Type == JobDataType.CloudProperty ? "cloud property" : "writable property"), "Correct path or type.");
        return data.Value is null or "null" ? null : CheckValue(data.Path, property.Schema, data.Value);
    }

    /// <summary>The component and the name of a path.</summary>
    /// <param name="path">Of a job.</param>
    /// <param name="isComponent">True for names of components.</param>
    public static (string? Component, string Name) Split(string path, Func<string, bool> isComponent)
        => path.IndexOf('.', StringComparison.Ordinal) is > 0 and var dot && isComponent(path[..dot]) ? (path[..dot], path[(dot + 1)..]) : (null, path);

    /// <summary>What is written to a device: values by name, those of components below their names.</summary>
    public static JsonObject Values(IReadOnlyList<JobData> data, Model model)
    {
        var values = new JsonObject();
        foreach (var one in data)
        {
            var (component, name) = Split(one.Path!, c => model.Root.Contents.Any(x => x is Component && x.Name == c));
            var target = values;
            if (component is not null)
            {
                if (values[component] is not JsonObject inside)
                    values[component] = inside = [];
                target = inside;
            }
            target[name] = one.Value is null ? null : JsonNode.Parse(one.Value);
        }
        return values;
    }

    /// <summary>The job asks for something that is not there.</summary>
    public static Refusal Missing(string seen, string fix) => new(FleetErrors.JobTargetMissing, seen, fix);

    private static string Nothing(JobData data, string kind) => $"The template '{Shown.Text(data.Target)}' has no {kind} '{Shown.Text(data.Path)}'";

    private static Refusal? CheckValue(string path, Schema schema, string json)
    {
        using var document = JsonDocument.Parse(json);
        return SchemaCheck.Mismatch(schema, document.RootElement) is { } wrong ? new Refusal(TemplateErrors.ValueNotAllowed, $"'{Shown.Text(path)}': {wrong}", "Send a value of the form that the template says.") : null;
    }
}
