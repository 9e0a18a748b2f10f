using Homeport.Models.Elements;
using Homeport.Models.Text;

namespace Homeport.Models.Reading;

/// <summary>Reads what all elements have: context, id, types, texts, and the semantics of numbers.</summary>
internal sealed class TypeReader(ModelDialect dialect, ErrorList errors)
{
    private static readonly HashSet<string> Classes = new(StringComparer.Ordinal)
    {
        "Array", "Command", "CommandPayload", "CommandRequest", "CommandResponse", "Component", "Enum", "EnumValue", "Field", "Interface", "Map", "MapKey",
        "MapValue", "Object", "Property", "Relationship", "Telemetry",
    };

    private static readonly string[] TypePrefixes = ["dtmi:dtdl:class:", "dtmi:standard:class:", "dtmi:iotcentral:class:"];
    private static readonly string[] SchemaPrefixes = ["dtmi:dtdl:instance:Schema:", "dtmi:standard:schema:geospatial:", "dtmi:iotcentral:schema:"];
    private static readonly string[] UnitPrefixes = ["dtmi:standard:unit:"];

    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);

    /// <summary>The short name of a schema that is written out as an identifier of the language.</summary>
    public static string SchemaName(string text, int language) => ShortName(text, SchemaPrefixes, language);

    /// <summary>Opens an element, with a context of its own if it has one.</summary>
    public Element Open(SourceNode node, ModelContext around)
        => new(node, node["@context"] is { } context ? ModelContext.Read(context, around, dialect, errors) : around, errors);

    /// <summary>The id of an element, or null.</summary>
    public string? TakeId(Element element) => element.Take("@id") is { } node ? CheckId(node, element.Context)?.Text : null;

    /// <summary>Checks an id that an element gives itself.</summary>
    public Dtmi? CheckId(SourceNode node, ModelContext context)
    {
        if (!Dtmi.TryParse(node.AsText, out var id) || (context.Language == 2 && id.NeedsVersion3))
        {
            errors.Add(node, $"'{Shown.Text(node.AsText ?? node.Value)}' is no id of a model", "Use the form dtmi:com:example:Thermostat;1: letters, digits and inner underscores between colons, then a semicolon and a number.");
            return null;
        }
        if (id.IsReserved)
            errors.Add(node, $"'{Shown.Text(id.Text)}' belongs to the language", "Use an id below your own domain name, such as dtmi:com:example:….");
        else if (!_ids.Add(id.Text))
            errors.Add(node, $"The id '{Shown.Text(id.Text)}' stands here a second time", "Give each element an id of its own.");
        else
            return id;
        return null;
    }

    /// <summary>Reads <c>@type</c>: which one of the allowed classes it is. Null when it is none.</summary>
    public string? Read(Element element, string[] allowed, bool optional)
    {
        if (element.Take("@type") is not { } node)
        {
            if (optional)
                return allowed[0];
            errors.Add(element.Node, "The member '@type' is missing", $"Add \"@type\": \"{string.Join("\" or \"", allowed)}\".");
            return null;
        }
        string? found = null;
        foreach (var item in node.Kind == SourceKind.Array ? node.Items : [node])
        {
            if (item.AsText is not { } written)
            {
                errors.Add(item, "A type is no text", "Write the name of a type in quotes.");
                continue;
            }
            var type = ShortName(written, TypePrefixes, element.Context.Language);
            if (allowed.Contains(type, StringComparer.Ordinal))
            {
                if (found is not null && found != type)
                    errors.Add(item, $"It is {found} and {type} at once", "Leave one of them.");
                found = type;
            }
            else if (Classes.Contains(type))
            {
                errors.Add(item, $"{type} cannot stand here", $"Use {string.Join(", ", allowed)}.");
            }
            else
            {
                AddCoType(element, item, type);
            }
        }
        if (found is null && optional && element.CoTypes.Count > 0)
            return allowed[0];
        if (found is null)
            errors.Add(node, "@type names nothing that can stand here", $"Use {string.Join(", ", allowed)}.");
        else if (!element.Context.Open && !HasSemantics(found, element.Context.Language) && element.CoTypes.Find(t => IsKnown(t, element.Context)) is { } semantic)
            errors.Add(node, $"{semantic} is no type of a {found}", "Take it out.");
        return found;
    }

    /// <summary>Display name and description; also checks the comment.</summary>
    public static (LocalText? DisplayName, LocalText? Description) TakeTexts(Element element)
    {
        element.TakeText("comment", LanguageRules.MaxText);
        return (element.TakeLocal("displayName", element.Context.Rules.MaxDisplayName), element.TakeLocal("description", LanguageRules.MaxText));
    }

    /// <summary>Checks semantic types and the unit against the schema. Gives the unit.</summary>
    /// <param name="element">The element.</param>
    /// <param name="schema">Its schema, or null when that is wrong.</param>
    /// <param name="inVersion2">The element may have semantic types in DTDL v2 too.</param>
    public string? CheckSemantics(Element element, Schema? schema, bool inVersion2)
    {
        var context = element.Context;
        var semantic = context.Quantitative && (inVersion2 || context.Language != 2) ? element.CoTypes.Find(t => SemanticTypes.UnitsOf(t, context.Language) is not null) : null;
        var vector = context.Central ? element.CoTypes.Find(t => t is "VelocityVector" or "AccelerationVector") : null;
        var unit = semantic is not null || vector is not null || context.Open || element.HasUnknownType ? element.Take("unit") : null;
        if (context.Central && schema is not null)
            CheckCentral(element, schema);
        if (semantic is not null && schema is not null and not StandardSchema { IsNumeric: true })
            errors.Add(element.Node, $"{semantic} is a number, {schema.Kind} is none", "Use the schema double, float, integer or long.");
        if (unit is null)
        {
            if (semantic is not null && context.Language == 2 && !context.Open)
                errors.Add(element.Node, $"{semantic} has no unit", $"Add unit: one of {string.Join(", ", SemanticTypes.UnitsOf(semantic, context.Language)!)}.");
            return null;
        }
        var name = ShortName(Element.Single(unit).AsText ?? "", UnitPrefixes, context.Language);
        var units = semantic is not null ? SemanticTypes.UnitsOf(semantic, context.Language)
            : vector is not null ? SemanticTypes.UnitsOf(vector == "VelocityVector" ? "Velocity" : "Acceleration", context.Language)
            : null;
        if (units is not null && !units.Contains(name, StringComparer.Ordinal))
            errors.Add(unit, $"'{Shown.Text(name)}' is no unit of {semantic ?? vector}", $"Use {string.Join(", ", units)}.");
        return name.Length == 0 ? null : name;
    }

    private void AddCoType(Element element, SourceNode at, string type)
    {
        var context = element.Context;
        if (type.Contains(':', StringComparison.Ordinal) && !Dtmi.TryParse(type, out _))
        {
            errors.Add(at, $"'{Shown.Text(type)}' is no type", "Use the name of a type, or the id of one.");
            return;
        }
        var known = IsKnown(type, context);
        if (!known && context.Language == 3 && !context.Open)
        {
            errors.Add(at, $"The type '{Shown.Text(type)}' is not known", SemanticTypes.UnitsOf(type, 3) is not null
                ? "Add \"dtmi:dtdl:extension:quantitativeTypes;1\" to @context."
                : "Take it out, or add the context of the extension that defines it.");
            return;
        }
        element.HasUnknownType |= !known;
        element.CoTypes.Add(type);
    }

    private static bool IsKnown(string type, ModelContext context)
        => (context.Quantitative && SemanticTypes.UnitsOf(type, context.Language) is not null) || (context.Central && SemanticTypes.IsCentral(type));

    private static bool HasSemantics(string kind, int language)
        => kind is "Telemetry" or "Property" || (language == 3 && kind is "Field" or "MapValue" or "CommandRequest" or "CommandResponse");

    private void CheckCentral(Element element, Schema schema)
    {
        foreach (var type in element.CoTypes)
        {
            var wanted = type switch
            {
                "State" when schema is not EnumSchema => "an Enum",
                "Event" when schema is not StandardSchema { Name: "double" or "float" or "integer" or "long" or "string" } => "double, float, integer, long or string",
                "Location" when schema is not (StandardSchema { IsGeospatial: true } or StandardSchema { Name: "geopoint" }) => "geopoint, or a geospatial one such as point",
                "VelocityVector" or "AccelerationVector" when schema is not StandardSchema { Name: "vector" } => "vector",
                _ => null,
            };
            if (wanted is not null)
                errors.Add(element.Node, $"{type} cannot have the schema {schema.Kind}", $"Use {wanted}.");
        }
    }

    private static string ShortName(string text, string[] prefixes, int language)
    {
        if (!text.EndsWith($";{language}", StringComparison.Ordinal))
            return text;
        var prefix = Array.Find(prefixes, p => text.StartsWith(p, StringComparison.Ordinal));
        return prefix is null ? text : text[prefix.Length..^2];
    }
}
