using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Models;
using Homeport.Models.Elements;

namespace Homeport.Templates;

/// <summary>Writes the JSON of templates, in the form of IoT Central's REST API.</summary>
internal static class TemplateText
{
    /// <summary>Text as it is, in lines.</summary>
    public static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Id of the template that is made from a model.</summary>
    public static string IdFor(Dtmi model)
    {
        var id = $"dtmi:modelDefinition:{model.Text["dtmi:".Length..]}";
        return id.Length <= TemplateReader.MaxId ? id : $"dtmi:modelDefinition:{model.Path.Split(':')[^1]};{Math.Max(1, model.Major)}";
    }

    /// <summary>The template, with every interface that its model refers to inside it, so that it does not change with the repository.</summary>
    /// <param name="id">Of the template.</param>
    /// <param name="text">The template, or the model alone.</param>
    /// <param name="model">The model as it was read.</param>
    /// <param name="repository">Where interfaces are that are not in the text.</param>
    /// <param name="token">Ends the call.</param>
    public static async Task<string> WriteAsync(string id, JsonNode text, Model model, ModelRepository repository, CancellationToken token)
    {
        var template = text is JsonObject outer && outer.ContainsKey("capabilityModel") ? outer : Wrap(text, model);
        template["@id"] = id;
        template.Remove("etag");
        var capability = (JsonObject)template["capabilityModel"]!;
        var known = new Dictionary<string, JsonObject>(StringComparer.Ordinal);
        foreach (var one in Interfaces(text))
            known.TryAdd((string)one["@id"]!, one);
        await InlineAsync(capability, known, new HashSet<string>(StringComparer.Ordinal) { model.Root.Id.Text }, repository, token);
        return template.ToJsonString(Readable);
    }

    private static JsonObject Wrap(JsonNode text, Model model)
    {
        var root = Interfaces(text).First(i => IsText(i["@id"], model.Root.Id.Text));
        return new JsonObject
        {
            ["@id"] = "",
            ["@type"] = new JsonArray("ModelDefinition", "DeviceModel"),
            ["@context"] = new JsonArray("dtmi:iotcentral:context;2", $"dtmi:dtdl:context;{model.Root.Language}"),
            ["displayName"] = model.Root.Title,
            ["capabilityModel"] = root.DeepClone(),
        };
    }

    /// <summary>Interfaces that stand in a text, also inside each other.</summary>
    private static IEnumerable<JsonObject> Interfaces(JsonNode? node) => node switch
    {
        JsonArray items => items.SelectMany(Interfaces),
        JsonObject members => (IsInterface(members) ? [members] : Array.Empty<JsonObject>()).Concat(members.SelectMany(m => Interfaces(m.Value))),
        _ => [],
    };

    private static bool IsInterface(JsonObject node) => node["@id"] is JsonValue id && id.GetValueKind() == JsonValueKind.String && HasType(node, "Interface");

    private static bool HasType(JsonObject node, string type) => node["@type"] is JsonArray several ? several.Any(t => IsText(t, type)) : IsText(node["@type"], type);

    private static bool IsText(JsonNode? node, string wanted) => node is JsonValue value && value.TryGetValue<string>(out var text) && text == wanted;

    /// <summary>Puts interfaces where they are referred to for the first time. Depth is bounded by the rules of the language, which the text passed.</summary>
    private static async Task InlineAsync(JsonObject node, Dictionary<string, JsonObject> known, HashSet<string> there, ModelRepository repository, CancellationToken token)
    {
        foreach (var inside in Interfaces(node).Select(i => (string)i["@id"]!))
            there.Add(inside);
        foreach (var (holder, key) in References(node).ToList())
        {
            if (Get(holder, key) is not JsonValue named || !named.TryGetValue<string>(out var id))
                continue;
            if (!there.Add(id))
                continue;
            if (await FindAsync(id, known, repository, token) is not { } found)
                continue;
            await InlineAsync(found, known, there, repository, token);
            Set(holder, key, found);
        }
    }

    private static async Task<JsonObject?> FindAsync(string id, Dictionary<string, JsonObject> known, ModelRepository repository, CancellationToken token)
    {
        if (known.TryGetValue(id, out var inText))
            return (JsonObject)inText.DeepClone();
        if (!Dtmi.TryParse(id, out var dtmi) || await repository.FindAsync(dtmi, token) is not { } text)
            return null;
        return (JsonObject?)Interfaces(JsonNode.Parse(text)).FirstOrDefault(i => IsText(i["@id"], id))?.DeepClone();
    }

    /// <summary>Places that name an interface: what an interface extends, and the schemas of its components.</summary>
    private static IEnumerable<(JsonNode Holder, object Key)> References(JsonObject node)
    {
        foreach (var owner in Interfaces(node))
        {
            foreach (var place in TextPlaces(owner, "extends"))
                yield return place;
            foreach (var content in (owner["contents"] as JsonArray ?? []).OfType<JsonObject>().Where(c => HasType(c, "Component")))
            {
                foreach (var place in TextPlaces(content, "schema"))
                    yield return place;
            }
        }
    }

    private static IEnumerable<(JsonNode Holder, object Key)> TextPlaces(JsonObject holder, string name)
    {
        if (holder[name] is JsonValue)
            yield return (holder, name);
        if (holder[name] is not JsonArray items)
            yield break;
        for (var i = 0; i < items.Count; i++)
        {
            if (items[i] is JsonValue)
                yield return (items, i);
        }
    }

    private static JsonNode? Get(JsonNode holder, object key) => key is int index ? holder[index] : holder[(string)key];

    private static void Set(JsonNode holder, object key, JsonNode value)
    {
        if (key is int index)
            holder[index] = value;
        else
            holder[(string)key] = value;
    }
}
