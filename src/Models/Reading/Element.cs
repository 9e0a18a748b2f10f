using System.Text.RegularExpressions;
using Homeport.Models.Elements;
using Homeport.Models.Text;

namespace Homeport.Models.Reading;

/// <summary>An object of the language while it is read: knows which of its members were understood.</summary>
internal sealed partial class Element
{
    private const string PropertyPrefix = "dtmi:dtdl:property:";

    private static readonly HashSet<string> Keywords = new(StringComparer.Ordinal) { "@context", "@id", "@type" };

    private readonly Dictionary<string, SourceMember> _members = new(StringComparer.Ordinal);
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    private readonly ErrorList _errors;

    public Element(SourceNode node, ModelContext context, ErrorList errors)
    {
        (Node, Context, _errors) = (node, context, errors);
        foreach (var member in node.Members)
        {
            var name = ShortName(member.Name, context.Language);
            if (!_members.TryAdd(name, member))
                errors.Add(member.NameNode, $"The member '{name}' stands here by its short and by its long name", "Leave one of them.");
        }
    }

    public SourceNode Node { get; }

    public ModelContext Context { get; }

    /// <summary>Types beside its own.</summary>
    public List<string> CoTypes { get; } = [];

    /// <summary>A type that nobody here knows brings members that nobody here knows.</summary>
    public bool HasUnknownType { get; set; }

    /// <summary>A member, which is understood from now on; null when it is not there.</summary>
    public SourceNode? Take(string name)
    {
        _taken.Add(name);
        return _members.TryGetValue(name, out var member) ? member.Value : null;
    }

    /// <summary>A member that has to be there.</summary>
    public SourceNode? Need(string name, string fix)
    {
        var value = Take(name);
        if (value is null)
            _errors.Add(Node, $"The member '{name}' is missing", fix);
        return value;
    }

    /// <summary>The values of a member that is a set; one value stands for a set of one.</summary>
    public IReadOnlyList<SourceNode> TakeSet(string name) => Take(name) is { } node ? node.Kind == SourceKind.Array ? node.Items : [node] : [];

    /// <summary>A text, plain or as a value object.</summary>
    public string? TakeText(string name, int max)
    {
        if (Take(name) is not { } node)
            return null;
        var value = Literal(Single(node));
        if (value.AsText is not { } text)
        {
            _errors.Add(node, $"{name} is no text", "Write a text in quotes.");
            return null;
        }
        if (text.Length > max)
            _errors.Add(node, $"{name} has {text.Length} characters", $"At most {max} are allowed.");
        return text;
    }

    /// <summary>The name on the wire.</summary>
    public string? NeedName()
    {
        if (Need("name", "Give it a name.") is not { } node)
            return null;
        if (TakeText("name", Context.Rules.MaxName) is not { } name)
            return null;
        if (Dtmi.IsSegment(name))
            return name;
        _errors.Add(node, $"The name '{Shown.Text(name)}' cannot be used", "Start with a letter, go on with letters, digits and underscores, end with a letter or digit.");
        return null;
    }

    /// <summary>A truth value; false when it is not there.</summary>
    public bool TakeBoolean(string name)
    {
        if (Take(name) is not { } node)
            return false;
        if (Literal(Single(node)).AsBoolean is { } value)
            return value;
        _errors.Add(node, $"{name} is neither true nor false", "Write true or false, without quotes.");
        return false;
    }

    /// <summary>A text in one or more languages.</summary>
    public LocalText? TakeLocal(string name, int max)
    {
        if (Take(name) is not { } node)
            return null;
        var languages = new Dictionary<string, string>(StringComparer.Ordinal);
        if (node.Kind == SourceKind.String)
            AddLanguage(languages, LocalText.Default, node, max);
        else if (node.Kind == SourceKind.Object)
            ReadMap(languages, node, max);
        else if (node.Kind == SourceKind.Array)
            ReadTagged(languages, node, max);
        else
            _errors.Add(node, $"{name} is neither a text nor texts by language", """Write "Name" or { "en": "Name", "de": "Name" }.""");
        return languages.Count == 0 ? null : new LocalText(languages);
    }

    /// <summary>What was not understood is refused, unless somebody else may understand it.</summary>
    public void Finish(string kind)
    {
        foreach (var (name, member) in _members)
        {
            if (_taken.Contains(name) || Keywords.Contains(name))
                continue;
            if (name.StartsWith('@') && Context.Language == 2)
                continue;
            if (name.StartsWith('@') || (name.Contains(':', StringComparison.Ordinal) && !Dtmi.TryParse(name, out _)))
                _errors.Add(member.NameNode, $"'{Shown.Text(name)}' is no member of the language", "Take it out.");
            else if (!Context.Open && !HasUnknownType)
                _errors.Add(member.NameNode, $"{kind} has no member '{Shown.Text(name)}'", $"Take it out, or correct its spelling. It may have {string.Join(", ", _taken.Where(t => t[0] != '@').Order(StringComparer.Ordinal))}.");
        }
    }

    /// <summary>An array of one value stands for the value.</summary>
    public static SourceNode Single(SourceNode node) => node is { Kind: SourceKind.Array, Items.Count: 1 } ? node.Items[0] : node;

    /// <summary>The value of a value object.</summary>
    public static SourceNode Literal(SourceNode node) => node.Kind == SourceKind.Object && node["@value"] is { } value && node.Members.All(m => m.Name is "@value" or "@type") ? value : node;

    /// <summary>Names may be written out as identifiers of the language.</summary>
    public static string ShortName(string name, int language)
        => name.StartsWith(PropertyPrefix, StringComparison.Ordinal) && name.EndsWith($";{language}", StringComparison.Ordinal) ? name[PropertyPrefix.Length..^2] : name;

    private void ReadMap(Dictionary<string, string> languages, SourceNode node, int max)
    {
        foreach (var member in node.Members)
        {
            if (!Language().IsMatch(member.Name))
                _errors.Add(member.NameNode, $"'{Shown.Text(member.Name)}' is no language", "Use a tag such as en, de or pt-BR.");
            else
                AddLanguage(languages, member.Name, member.Value, max);
        }
    }

    private void ReadTagged(Dictionary<string, string> languages, SourceNode node, int max)
    {
        foreach (var item in node.Items)
        {
            var tag = item["@language"]?.AsText ?? LocalText.Default;
            if (!Language().IsMatch(tag) || languages.ContainsKey(tag))
                _errors.Add(item, $"The language '{Shown.Text(tag)}' is none, or stands here a second time", "Use each tag such as en, de or pt-BR once.");
            else
                AddLanguage(languages, tag, item.Kind == SourceKind.Object && item["@value"] is { } value ? value : item, max);
        }
    }

    private void AddLanguage(Dictionary<string, string> languages, string tag, SourceNode value, int max)
    {
        if (value.AsText is not { } text)
            _errors.Add(value, $"What stands for the language '{tag}' is no text", "Write a text in quotes.");
        else if (text.Length > max)
            _errors.Add(value, $"The text has {text.Length} characters", $"At most {max} are allowed.");
        else
            languages[tag] = text;
    }

    [GeneratedRegex("^[a-z]{2,4}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Language();
}
