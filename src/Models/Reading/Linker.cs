using Homeport.Models.Elements;
using Homeport.Models.Text;

namespace Homeport.Models.Reading;

/// <summary>Follows the references between interfaces: what they inherit, and what their components are.</summary>
internal sealed class Linker(IReadOnlyDictionary<string, InterfaceDraft> drafts, ErrorList errors)
{
    /// <summary>Inherited contents over all interfaces of a text, so that a hostile one takes no more memory than this.</summary>
    private const int MaxInherited = 500_000;

    private readonly Dictionary<string, Inherited?> _done = new(StringComparer.Ordinal);
    private readonly HashSet<string> _open = new(StringComparer.Ordinal);
    private int _inherited;

    /// <summary>Ids of interfaces that the text needs and does not have.</summary>
    public SortedSet<string> Missing { get; } = new(StringComparer.Ordinal);

    /// <summary>All interfaces, with what they inherit.</summary>
    public Dictionary<string, Interface> Link()
    {
        var linked = new Dictionary<string, Interface>(StringComparer.Ordinal);
        foreach (var (id, draft) in drafts)
        {
            if (errors.IsFull || _inherited > MaxInherited || Follow(draft, 0) is not { } all)
                continue;
            linked[id] = new Interface(draft.Id)
            {
                DisplayName = draft.DisplayName,
                Description = draft.Description,
                Language = draft.Context.Language,
                Extends = [.. draft.Extends.Select(e => e.Id)],
                Contents = all.Contents,
            };
        }
        foreach (var draft in drafts.Values)
            CheckComponents(draft);
        return linked;
    }

    private Inherited? Follow(InterfaceDraft draft, int depth)
    {
        var id = draft.Id.Text;
        if (_done.TryGetValue(id, out var done))
            return done;
        if (depth > LanguageRules.MaxExtendsDepth)
        {
            errors.Add(draft.Node, $"More than {LanguageRules.MaxExtendsDepth} interfaces extend each other in a row", "Make the chain shorter.");
            return null;
        }
        _open.Add(id);
        var result = Collect(draft, depth);
        _open.Remove(id);
        _done[id] = result;
        return result;
    }

    private Inherited? Collect(InterfaceDraft draft, int depth)
    {
        var contents = new List<Content>();
        var there = new HashSet<Content>(ReferenceEqualityComparer.Instance);
        var height = 0;
        var size = draft.Size;
        foreach (var (baseId, at) in draft.Extends)
        {
            if (_open.Contains(baseId))
            {
                errors.Add(at, $"'{Shown.Text(baseId)}' extends this interface in turn", "Break the circle.");
                return null;
            }
            if (!drafts.TryGetValue(baseId, out var parent))
            {
                NoteMissing(baseId, at);
                continue;
            }
            if (parent.Context.Language > draft.Context.Language)
                errors.Add(at, $"'{Shown.Text(baseId)}' is written in DTDL v{parent.Context.Language}", $"An interface in DTDL v{draft.Context.Language} cannot extend it: use v{parent.Context.Language} here too.");
            if (Follow(parent, depth + 1) is not { } inherited)
                return null;
            height = Math.Max(height, inherited.Height + 1);
            size += inherited.Size;
            contents.AddRange(inherited.Contents.Where(there.Add));
        }
        if (height > LanguageRules.MaxExtendsDepth)
        {
            errors.Add(draft.Node, $"More than {LanguageRules.MaxExtendsDepth} interfaces extend each other in a row", "Make the chain shorter.");
            return null;
        }
        return AddOwn(draft, contents, height, size);
    }

    private Inherited? AddOwn(InterfaceDraft draft, List<Content> contents, int height, long size)
    {
        var names = new Dictionary<string, Content>(StringComparer.Ordinal);
        foreach (var content in contents)
        {
            if (!names.TryAdd(content.Name, content))
                errors.Add(draft.Node, $"'{content.Name}' is inherited from {Shown.Text(names[content.Name].DefinedBy)} and from {Shown.Text(content.DefinedBy)}", "Rename one of them.");
        }
        foreach (var (content, at) in draft.Contents)
        {
            if (names.TryAdd(content.Name, content))
                contents.Add(content);
            else
                errors.Add(at, $"'{content.Name}' stands here a second time{(names[content.Name].DefinedBy == draft.Id.Text ? "" : $": it is inherited from {Shown.Text(names[content.Name].DefinedBy)}")}", "Give it another name.");
        }
        if (contents.Count > draft.Context.Rules.MaxContents)
            errors.Add(draft.Node, $"The interface has {contents.Count} contents, those that it inherits included", $"At most {draft.Context.Rules.MaxContents} are allowed.");
        if (size > LanguageRules.MaxElements)
            errors.Add(draft.Node, "The interface has too many elements when its references are followed", $"At most {LanguageRules.MaxElements} are allowed.");
        _inherited += contents.Count;
        if (_inherited <= MaxInherited)
            return new Inherited(contents, height, size);
        errors.Add(draft.Node, "The interfaces of this text inherit too much together", "Read them in several texts.");
        return null;
    }

    private void CheckComponents(InterfaceDraft draft)
    {
        foreach (var (content, at) in draft.Contents)
        {
            if (content is not Component component)
                continue;
            if (!drafts.TryGetValue(component.InterfaceId, out var inside))
                NoteMissing(component.InterfaceId, at);
            else if (inside.Context.Language > draft.Context.Language)
                errors.Add(at, $"'{Shown.Text(component.InterfaceId)}' is written in DTDL v{inside.Context.Language}", $"A component in DTDL v{draft.Context.Language} cannot be one.");
            else if (_done.GetValueOrDefault(component.InterfaceId) is { } all && all.Contents.Exists(c => c is Component))
                errors.Add(at, $"The component '{component.Name}' has components itself", "Put them beside each other: one level is allowed.");
        }
    }

    private void NoteMissing(string id, SourceNode at)
    {
        if (Missing.Add(id))
            errors.Add(at, $"The interface '{Shown.Text(id)}' is not in this text and not in the model repository", "Add it to the text or to the repository.");
    }

    private sealed record Inherited(List<Content> Contents, int Height, long Size);
}
