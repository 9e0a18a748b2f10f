using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Models;
using Homeport.Models.Elements;
using Homeport.Models.Reading;
using Homeport.Models.Text;

namespace Homeport.Templates;

/// <summary>Reads the JSON of a template, in the form of IoT Central's REST API, or a bare model in DTDL, which becomes a template.</summary>
public sealed class TemplateReader(ModelRepository repository)
{
    /// <summary>Characters of a template id.</summary>
    public const int MaxId = 128;

    private const int MaxName = 256;

    /// <summary>Reads a text.</summary>
    /// <param name="id">Id that the template is to have; null takes the one of the text.</param>
    /// <param name="text">The JSON.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<TemplateReading> ReadAsync(string? id, string text, CancellationToken token)
    {
        // The mark at the beginning of a file, when somebody pasted it along.
        text = text.TrimStart('\uFEFF');
        var source = JsonSource.Read(Encoding.UTF8.GetBytes(text));
        if (source.Root is not { } root || source.Errors.Count > 0)
            return new TemplateReading(null, source.Errors);
        var isTemplate = root.Kind == SourceKind.Object && root["capabilityModel"] is not null;
        var model = isTemplate ? root["capabilityModel"]! : root;
        var parsed = await repository.ResolveAsync(others => ModelParser.Parse(model, isTemplate ? ModelDialect.Central : ModelDialect.Dtdl, null, others), token);
        var errors = parsed.Errors.ToList();
        var given = isTemplate ? root["@id"]?.AsText : null;
        id ??= given ?? (parsed.Model is null ? null : TemplateText.IdFor(parsed.Model.Root.Id));
        CheckOuter(root, isTemplate, id, given, errors);
        if (errors.Count > 0 || parsed.Model is null)
            return new TemplateReading(null, errors);
        var json = await TemplateText.WriteAsync(id!, JsonNode.Parse(text)!, parsed.Model, repository, token);
        return new TemplateReading(new TemplateContent(id!, NameOf(root, isTemplate, parsed.Model.Root), isTemplate ? TextOf(root["description"]) : parsed.Model.Root.Description?.Text, parsed.Model, json), []);
    }

    /// <summary>A refusal that names the first errors and their places.</summary>
    public static Refusal Invalid(IReadOnlyList<ModelError> errors)
    {
        const int Named = 5;
        var more = errors.Count > Named ? $" And {errors.Count - Named} more." : "";
        return new Refusal(TemplateErrors.InvalidTemplate, string.Join(" | ", errors.Take(Named).Select(e => e.ToString())) + more, "Correct it at these places.");
    }

    /// <summary>Null when the id can be one of a template.</summary>
    public static string? IdMistake(string id)
        => id.Length <= MaxId && (id.StartsWith("dtmi:", StringComparison.Ordinal) || id.StartsWith("urn:", StringComparison.Ordinal))
            && id.All(c => char.IsAsciiLetterOrDigit(c) || c is ':' or ';' or '_' or '.' or '-')
            ? null
            : $"Use an id such as dtmi:modelDefinition:acme:pump;1, of {MaxId} characters at most.";

    private static void CheckOuter(SourceNode root, bool isTemplate, string? id, string? given, List<ModelError> errors)
    {
        if (id is null)
            errors.Add(At(root, "The template has no @id", "Add one such as dtmi:modelDefinition:acme:pump;1."));
        else if (IdMistake(id) is { } fix)
            errors.Add(At(isTemplate ? root["@id"] ?? root : root, "The template's @id cannot be used", fix));
        else if (given is not null && given != id)
            errors.Add(At(root["@id"]!, "The @id is not that of the address", "Use the same in both."));
        if (!isTemplate)
            return;
        var types = root["@type"] is { Kind: SourceKind.Array } several ? several.Items : root["@type"] is { } one ? [one] : [];
        if (types.Count > 0 && !types.Any(t => t.AsText is "DeviceModel" or "ModelDefinition" or "EdgeModel" or "GatewayDevice"))
            errors.Add(At(root["@type"]!, "@type names no device template", "Write [ \"ModelDefinition\", \"DeviceModel\" ]."));
        if (root["displayName"] is { } name && TextOf(name) is not { Length: <= MaxName })
            errors.Add(At(name, $"displayName is no text of at most {MaxName} characters", "Write the name in quotes."));
    }

    private static ModelError At(SourceNode node, string seen, string fix) => new(node.Line, node.Column, seen, fix);

    private static string NameOf(SourceNode root, bool isTemplate, Interface model) => (isTemplate ? TextOf(root["displayName"]) : null) ?? model.Title;

    private static string? TextOf(SourceNode? node)
        => node?.Kind == SourceKind.Object ? (node["en"] ?? (node.Members.Count > 0 ? node.Members[0].Value : null))?.AsText : node?.AsText;
}

/// <summary>A template that was read.</summary>
/// <param name="Id">Its id.</param>
/// <param name="DisplayName">To show.</param>
/// <param name="Description">More about it, or null.</param>
/// <param name="Model">What devices are.</param>
/// <param name="Json">The template with all that its model needs inside.</param>
public sealed record TemplateContent(string Id, string DisplayName, string? Description, Model Model, string Json);

/// <summary>What came of reading a template.</summary>
/// <param name="Content">The template; null when there are errors.</param>
/// <param name="Errors">What is wrong, with places.</param>
public sealed record TemplateReading(TemplateContent? Content, IReadOnlyList<ModelError> Errors);
