using Homeport.Models.Elements;
using Homeport.Models.Text;

namespace Homeport.Models.Reading;

/// <summary>Reads interfaces with those inside them; references are followed later.</summary>
internal sealed class InterfaceReader(ModelDialect dialect, ErrorList errors)
{
    private static readonly string[] ContentKinds = ["Telemetry", "Property", "Command", "Component", "Relationship"];
    private static readonly string[] SchemaKinds = ["Array", "Enum", "Map", "Object"];
    private const int MaxMultiplicityVersion2 = 500;

    private readonly TypeReader _types = new(dialect, errors);

    /// <summary>What was read, by id.</summary>
    public Dictionary<string, InterfaceDraft> Drafts { get; } = new(StringComparer.Ordinal);

    /// <summary>Reads a text: an interface, or an array of them. Gives the ids in their order.</summary>
    public IReadOnlyList<string> ReadText(SourceNode root)
    {
        var ids = new List<string>();
        if (root.Kind == SourceKind.Array && root.Items.Count == 0)
            errors.Add(root, "The array is empty", "Write at least one interface.");
        foreach (var node in root.Kind == SourceKind.Array ? root.Items : [root])
        {
            if (Read(node, dialect == ModelDialect.Central ? ModelContext.OfCentral : null) is { } draft)
                ids.Add(draft.Id.Text);
        }
        return ids;
    }

    private InterfaceDraft? Read(SourceNode node, ModelContext? around)
    {
        if (node.Kind != SourceKind.Object)
        {
            errors.Add(node, "This is no interface", "Write an object with @context, @id and @type Interface.");
            return null;
        }
        if (around is null && node["@context"] is null)
        {
            errors.Add(node, "The member '@context' is missing", "Add \"@context\": \"dtmi:dtdl:context;2\" or \"dtmi:dtdl:context;3\".");
            around = new ModelContext(2, Central: false, Quantitative: true, Open: false);
        }
        var context = node["@context"] is { } own ? ModelContext.Read(own, around, dialect, errors) : around!;
        var element = new Element(node, context, errors);
        element.Take("@context");
        _types.Read(element, ["Interface"], optional: false);
        if (element.Need("@id", "Give it an id such as dtmi:com:example:Thermostat;1.") is not { } idNode || _types.CheckId(idNode, context) is not { } id)
            return null;
        if (id.Text.Length > Dtmi.MaxInterfaceLength)
            errors.Add(idNode, $"The id has {id.Text.Length} characters", $"At most {Dtmi.MaxInterfaceLength} are allowed for an interface.");
        if (node.Length > LanguageRules.MaxInterfaceBytes)
            errors.Add(node, $"The interface has {node.Length} bytes", $"At most {LanguageRules.MaxInterfaceBytes} are allowed.");
        var draft = new InterfaceDraft(id, node, context);
        Drafts[id.Text] = draft;
        (draft.DisplayName, draft.Description) = TypeReader.TakeTexts(element);
        ReadParts(element, draft);
        element.Finish("Interface");
        return draft;
    }

    private void ReadParts(Element element, InterfaceDraft draft)
    {
        var schemas = new SchemaReader(_types, errors);
        var named = element.TakeSet("schemas");
        var contents = element.TakeSet("contents");
        foreach (var node in named)
            Declare(node, draft.Context, schemas, required: true);
        foreach (var node in contents)
            Declare(node, draft.Context, schemas, required: false);
        foreach (var node in named.Where(n => n.Kind == SourceKind.Object && n["@id"]?.AsText is not null))
            schemas.Read(node["@id"]!, draft.Context);
        foreach (var node in element.TakeSet("extends"))
        {
            if (ReadInterfaceReference(node, draft.Context) is { } baseId)
                draft.Extends.Add((baseId, node));
        }
        if (draft.Extends.Count > draft.Context.Rules.MaxExtends)
            errors.Add(draft.Node, $"The interface extends {draft.Extends.Count} others", $"At most {draft.Context.Rules.MaxExtends} are allowed.");
        foreach (var node in contents)
        {
            if (errors.IsFull)
                return;
            if (ReadContent(node, draft, schemas) is { } content)
                draft.Contents.Add((content, node));
        }
    }

    /// <summary>Finds complex schemas that have an id, so that what stands before them can refer to them. Not into other interfaces.</summary>
    private void Declare(SourceNode node, ModelContext context, SchemaReader schemas, bool required)
    {
        if (node.Kind == SourceKind.Array)
        {
            foreach (var item in node.Items)
                Declare(item, context, schemas, required: false);
            return;
        }
        if (node.Kind != SourceKind.Object)
        {
            if (required)
                errors.Add(node, "This is no schema", "Write an object with @id and @type Array, Enum, Map or Object.");
            return;
        }
        var kinds = node["@type"] is { Kind: SourceKind.Array } several ? several.Items.Select(i => i.AsText) : [node["@type"]?.AsText];
        if (kinds.Contains("Interface", StringComparer.Ordinal))
            return;
        if (node["@id"]?.AsText is { } id && kinds.Any(k => SchemaKinds.Contains(k, StringComparer.Ordinal)))
            schemas.Declare(id, node, context);
        else if (required)
            errors.Add(node, "The schema has no @id, or is none of Array, Enum, Map and Object", "Give it an @id by which it is referred to.");
        foreach (var member in node.Members)
            Declare(member.Value, context, schemas, required: false);
    }

    private string? ReadInterfaceReference(SourceNode node, ModelContext context)
    {
        node = Element.Single(node);
        if (node.Kind == SourceKind.Object)
            return Read(node, context)?.Id.Text;
        if (Dtmi.TryParse(node.AsText, out var id))
            return id.Text;
        errors.Add(node, "This names no interface", "Write the id of one, such as dtmi:com:example:Thermostat;1, or the interface itself.");
        return null;
    }

    private Content? ReadContent(SourceNode node, InterfaceDraft draft, SchemaReader schemas)
    {
        if (node.Kind != SourceKind.Object)
        {
            errors.Add(node, "This cannot be in an interface", "Write an object with @type Telemetry, Property, Command, Component or Relationship.");
            return null;
        }
        var element = _types.Open(node, draft.Context);
        _types.TakeId(element);
        var kind = _types.Read(element, ContentKinds, optional: false);
        var (display, description) = TypeReader.TakeTexts(element);
        var name = element.NeedName();
        Content? content = kind switch
        {
            "Telemetry" => ReadTelemetry(element, schemas, name ?? ""),
            "Property" => ReadProperty(element, schemas, name ?? ""),
            "Command" => ReadCommand(element, schemas, name ?? ""),
            "Component" => ReadComponent(element, name ?? ""),
            "Relationship" => ReadRelationship(element, schemas, name ?? ""),
            _ => null,
        };
        if (kind is not null)
            element.Finish(kind);
        if (content is null || name is null)
            return null;
        draft.Size += SizeOf(content);
        return content with { DisplayName = display, Description = description, CoTypes = element.CoTypes, DefinedBy = draft.Id.Text };
    }

    private Telemetry? ReadTelemetry(Element element, SchemaReader schemas, string name)
    {
        var schema = NeedSchema(element, schemas);
        var unit = _types.CheckSemantics(element, schema, inVersion2: true);
        var display = ReadDisplay(element, unit);
        return schema is null ? null : new Telemetry(name, schema) { Display = display };
    }

    private Property? ReadProperty(Element element, SchemaReader schemas, string name)
    {
        var schema = NeedSchema(element, schemas);
        if (schema is { HasArray: true } && element.Context.Language == 2)
            errors.Add(element.Node, $"The property '{name}' has an array in its schema", "Use a Map or an Object, send it as telemetry, or write the model in DTDL v3.");
        var writable = element.TakeBoolean("writable");
        var unit = _types.CheckSemantics(element, schema, inVersion2: true);
        var display = ReadDisplay(element, unit);
        return schema is null ? null : new Property(name, schema, writable) { Display = display };
    }

    private static Schema? NeedSchema(Element element, SchemaReader schemas)
        => element.Need("schema", "Say of which form it is, such as \"schema\": \"double\".") is { } node ? schemas.Read(node, element.Context) : null;

    private Command ReadCommand(Element element, SchemaReader schemas, string name)
    {
        var version2 = element.Context.Language == 2;
        if (element.Take("commandType") is { } type && ShortType(type) is not ("synchronous" or "asynchronous"))
            errors.Add(type, "commandType is neither synchronous nor asynchronous", "Leave it out: it has no effect.");
        var request = ReadPayload(element, schemas, "request", version2 ? "CommandPayload" : "CommandRequest");
        var response = ReadPayload(element, schemas, "response", version2 ? "CommandPayload" : "CommandResponse");
        return new Command(name, request, response) { Durable = element.Context.Open && element.Take("durable")?.AsBoolean == true };
    }

    private static string ShortType(SourceNode node)
    {
        const string Prefix = "dtmi:dtdl:instance:CommandType:";
        var text = Element.Single(node).AsText ?? "";
        return text.StartsWith(Prefix, StringComparison.Ordinal) ? text[Prefix.Length..].Split(';')[0] : text;
    }

    private Payload? ReadPayload(Element command, SchemaReader schemas, string member, string kind)
    {
        if (command.Take(member) is not { } found)
            return null;
        var node = Element.Single(found);
        if (node.Kind != SourceKind.Object)
        {
            errors.Add(node, $"{member} is no object", "Write an object with name and schema.");
            return null;
        }
        var element = _types.Open(node, command.Context);
        _types.TakeId(element);
        _types.Read(element, [kind], optional: true);
        var (display, _) = TypeReader.TakeTexts(element);
        var name = element.NeedName();
        var schema = NeedSchema(element, schemas);
        _types.CheckSemantics(element, schema, inVersion2: false);
        element.Finish(kind);
        return name is not null && schema is not null ? new Payload(name, display, schema) : null;
    }

    private Component? ReadComponent(Element element, string name)
        => element.Need("schema", "Name the interface that it implements.") is { } node && ReadInterfaceReference(node, element.Context) is { } id ? new Component(name, id) : null;

    private Relationship ReadRelationship(Element element, SchemaReader schemas, string name)
    {
        CheckMultiplicity(element);
        element.TakeBoolean("writable");
        if (element.TakeText("target", Dtmi.MaxLength) is { } target && !Dtmi.TryParse(target, out _))
            errors.Add(element.Node, $"The target '{Shown.Text(target)}' is no id of an interface", "Use the form dtmi:com:example:Room;1.");
        var names = new HashSet<string>(StringComparer.Ordinal);
        var properties = element.TakeSet("properties");
        if (properties.Count > element.Context.Rules.MaxContents)
            errors.Add(element.Node, $"The relationship has {properties.Count} properties", $"At most {element.Context.Rules.MaxContents} are allowed.");
        foreach (var node in properties)
        {
            if (errors.IsFull)
                break;
            if (node.Kind != SourceKind.Object)
            {
                errors.Add(node, "This is no property", "Write an object with @type Property.");
                continue;
            }
            var inner = _types.Open(node, element.Context);
            _types.TakeId(inner);
            _types.Read(inner, ["Property"], optional: false);
            TypeReader.TakeTexts(inner);
            if (inner.NeedName() is { } own && !names.Add(own))
                errors.Add(node, $"The property '{own}' stands here a second time", "Give it another name.");
            ReadProperty(inner, schemas, name);
            inner.Finish("Property");
        }
        return new Relationship(name, element.Take("target")?.AsText);
    }

    private void CheckMultiplicity(Element element)
    {
        if (element.Take("minMultiplicity") is { } min && Element.Literal(Element.Single(min)).AsInteger != 0)
            errors.Add(min, "minMultiplicity is not 0", "Write 0, or leave it out.");
        if (element.Take("maxMultiplicity") is not { } max)
            return;
        var most = element.Context.Language == 2 ? MaxMultiplicityVersion2 : int.MaxValue;
        if (Element.Literal(Element.Single(max)).AsInteger is not { } value || value < 1 || value > most)
            errors.Add(max, "maxMultiplicity is out of bounds", $"Use 1 to {most}, or leave it out.");
    }

    private static Display ReadDisplay(Element element, string? unit)
    {
        if (!element.Context.Open)
            return new Display { Unit = unit };
        var decimals = element.Take("decimalPlaces")?.AsInteger;
        return new Display
        {
            Unit = element.TakeLocal("displayUnit", LanguageRules.MaxText)?.Text ?? unit,
            Min = element.Take("minValue")?.AsNumber,
            Max = element.Take("maxValue")?.AsNumber,
            Decimals = decimals is >= 0 and <= 10 ? decimals : null,
        };
    }

    private static long SizeOf(Content content) => 1L + content switch
    {
        Telemetry telemetry => telemetry.Schema.Size,
        Property property => property.Schema.Size,
        Command command => (command.Request?.Schema.Size ?? 0L) + (command.Response?.Schema.Size ?? 0L),
        _ => 1,
    };
}
