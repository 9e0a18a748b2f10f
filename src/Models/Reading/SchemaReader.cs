using System.Globalization;
using Homeport.Models.Elements;
using Homeport.Models.Text;

namespace Homeport.Models.Reading;

/// <summary>Reads the schemas of one interface: those that stand in place, and those that are referred to by their id.</summary>
internal sealed class SchemaReader(TypeReader types, ErrorList errors)
{
    private static readonly string[] Kinds = ["Array", "Enum", "Map", "Object"];

    private readonly Dictionary<string, (SourceNode Node, ModelContext Context)> _named = new(StringComparer.Ordinal);
    private readonly Dictionary<SourceNode, Schema?> _read = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<SourceNode> _open = new(ReferenceEqualityComparer.Instance);

    /// <summary>Makes a schema known by its id.</summary>
    public void Declare(string id, SourceNode node, ModelContext context) => _named.TryAdd(id, (node, context));

    /// <summary>Reads a schema. Null when it is wrong, which is noted then.</summary>
    public Schema? Read(SourceNode node, ModelContext context, int level = 0)
    {
        node = Element.Single(node);
        if (level > LanguageRules.MaxSchemaDepth)
            return TooDeep(node);
        if (node.AsText is { } name)
            return ReadReference(node, name, context, level);
        if (node.Kind == SourceKind.Object)
            return ReadComplex(node, context, level);
        errors.Add(node, "This is no schema", "Write a name such as \"double\", the id of a schema, or an object with @type Array, Enum, Map or Object.");
        return null;
    }

    private Schema? ReadReference(SourceNode node, string name, ModelContext context, int level)
    {
        if (StandardSchema.Find(TypeReader.SchemaName(name, context.Language), context.Central) is { } standard)
            return standard;
        if (!_named.TryGetValue(name, out var declared))
        {
            errors.Add(node, $"There is no schema '{Shown.Text(name)}'", name.StartsWith("dtmi:", StringComparison.Ordinal)
                ? "Define it under schemas of the same interface, with this @id."
                : "Use one of boolean, date, dateTime, double, duration, float, integer, long, string, time, or a geospatial one such as point.");
            return null;
        }
        if (_open.Contains(declared.Node))
        {
            errors.Add(node, $"The schema '{Shown.Text(name)}' contains itself", "Break the circle.");
            return null;
        }
        var schema = ReadComplex(declared.Node, declared.Context, level);
        return schema is not null && level + schema.Depth > LanguageRules.MaxSchemaDepth ? TooDeep(node) : schema;
    }

    /// <summary>Reads an object once: what was referred to before it comes in its place is known then.</summary>
    private Schema? ReadComplex(SourceNode node, ModelContext around, int level)
    {
        if (_read.TryGetValue(node, out var known))
            return known;
        _open.Add(node);
        var schema = ReadObjectOfKind(node, around, level);
        _open.Remove(node);
        if (schema is { Depth: > LanguageRules.MaxSchemaDepth })
            schema = TooDeep(node);
        return _read[node] = schema;
    }

    private Schema? ReadObjectOfKind(SourceNode node, ModelContext around, int level)
    {
        var element = types.Open(node, around);
        types.TakeId(element);
        if (types.Read(element, Kinds, optional: false) is not { } kind)
            return null;
        TypeReader.TakeTexts(element);
        Schema? schema = kind switch
        {
            "Array" => ReadArray(element, level),
            "Enum" => ReadEnum(element),
            "Map" => ReadMap(element, level),
            _ => ReadObject(element, level),
        };
        element.Finish(kind);
        return schema;
    }

    private ArraySchema? ReadArray(Element element, int level)
        => element.Need("elementSchema", "Say of which form its elements are.") is { } node && Read(node, element.Context, level + 1) is { } inner
            ? new ArraySchema(inner) { Depth = inner.Depth + 1, Size = Sum(1, inner.Size), HasArray = true }
            : null;

    private MapSchema? ReadMap(Element element, int level)
    {
        var key = Part(element, "mapKey", "MapKey", level);
        var value = Part(element, "mapValue", "MapValue", level);
        if (key is null || value is null)
            return null;
        if (key.Schema is not StandardSchema { Name: "string" })
            errors.Add(element.Node, "The keys of the map are no texts", "Give mapKey the schema string.");
        return new MapSchema(key.Name, value.Name, value.Schema) { Depth = value.Schema.Depth + 1, Size = Sum(3, value.Schema.Size), HasArray = value.Schema.HasArray };
    }

    private Field? Part(Element element, string member, string kind, int level)
        => element.Need(member, $"Add {member} with name and schema.") is { } node ? ReadField(Element.Single(node), element.Context, kind, level) : null;

    private ObjectSchema? ReadObject(Element element, int level)
    {
        var nodes = element.TakeSet("fields");
        if (nodes.Count == 0 && element.Context.Language == 2)
            errors.Add(element.Node, "The object has no fields", "Add fields with at least one field.");
        if (nodes.Count > element.Context.Rules.MaxFields)
        {
            errors.Add(element.Node, $"The object has {nodes.Count} fields", $"At most {element.Context.Rules.MaxFields} are allowed.");
            return null;
        }
        var fields = new List<Field>();
        foreach (var node in nodes)
        {
            if (ReadField(node, element.Context, "Field", level) is not { } field)
                continue;
            if (fields.Exists(f => f.Name == field.Name))
                errors.Add(node, $"The field '{field.Name}' stands here a second time", "Give it another name.");
            else
                fields.Add(field);
        }
        return new ObjectSchema(fields)
        {
            Depth = 1 + fields.Select(f => f.Schema.Depth).DefaultIfEmpty(0).Max(),
            Size = fields.Aggregate(1, (sum, f) => Sum(sum, Sum(1, f.Schema.Size))),
            HasArray = fields.Exists(f => f.Schema.HasArray),
        };
    }

    private Field? ReadField(SourceNode node, ModelContext around, string kind, int level)
    {
        if (node.Kind != SourceKind.Object)
        {
            errors.Add(node, $"This is no {kind}", "Write an object with name and schema.");
            return null;
        }
        var element = types.Open(node, around);
        types.TakeId(element);
        types.Read(element, [kind], optional: true);
        var (display, _) = TypeReader.TakeTexts(element);
        var name = element.NeedName();
        var schema = element.Need("schema", "Say of which form it is.") is { } form ? Read(form, element.Context, level + 1) : null;
        var unit = types.CheckSemantics(element, schema, inVersion2: false);
        element.Finish(kind);
        return name is not null && schema is not null ? new Field(name, display, schema) { Unit = unit } : null;
    }

    private EnumSchema? ReadEnum(Element element)
    {
        if (element.Need("valueSchema", "Say whether its values are integer or string.") is not { } form)
            return null;
        var kind = TypeReader.SchemaName(Element.Single(form).AsText ?? "", element.Context.Language);
        if (kind is not ("integer" or "string"))
        {
            errors.Add(form, "valueSchema is neither integer nor string", "Use one of them.");
            return null;
        }
        var nodes = element.TakeSet("enumValues");
        if (nodes.Count == 0 && element.Context.Language == 2)
            errors.Add(element.Node, "The enumeration has no values", "Add enumValues with at least one value.");
        if (nodes.Count > element.Context.Rules.MaxEnumValues)
        {
            errors.Add(element.Node, $"The enumeration has {nodes.Count} values", $"At most {element.Context.Rules.MaxEnumValues} are allowed.");
            return null;
        }
        var values = new List<EnumValue>();
        var (names, used) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        foreach (var node in nodes)
        {
            if (ReadEnumValue(node, element.Context, kind == "string") is not { } value)
                continue;
            if (!names.Add(value.Name) || !used.Add(value.Value))
                errors.Add(node, $"'{value.Name}' has a name or value that stands here already", "Use each name and each value once.");
            else
                values.Add(value);
        }
        return new EnumSchema(kind == "string", values) { Depth = 1, Size = Sum(1, values.Count) };
    }

    private EnumValue? ReadEnumValue(SourceNode node, ModelContext around, bool isText)
    {
        if (node.Kind != SourceKind.Object)
        {
            errors.Add(node, "This is no value of an enumeration", "Write an object with name and enumValue.");
            return null;
        }
        var element = types.Open(node, around);
        types.TakeId(element);
        types.Read(element, ["EnumValue"], optional: true);
        var (display, _) = TypeReader.TakeTexts(element);
        var name = element.NeedName();
        string? value = null;
        if (element.Need("enumValue", "Add the value on the wire.") is { } wire)
        {
            var literal = Element.Literal(Element.Single(wire));
            value = isText ? literal.AsText : literal.AsInteger?.ToString(CultureInfo.InvariantCulture);
            if (value is null)
                errors.Add(wire, $"enumValue is no {(isText ? "text" : "whole number of 4 bytes")}", "Use the form that valueSchema says.");
        }
        element.Finish("EnumValue");
        return name is not null && value is not null ? new EnumValue(name, display, value) : null;
    }

    private Schema? TooDeep(SourceNode node)
    {
        errors.Add(node, $"More than {LanguageRules.MaxSchemaDepth} complex schemas are inside each other", "Make it flatter.");
        return null;
    }

    private static int Sum(int a, int b) => (int)Math.Min((long)a + b, int.MaxValue);
}
