using Homeport.Models.Elements;
using Homeport.Models.Reading;
using Homeport.Models.Text;

namespace Homeport.Models;

/// <summary>Reads and checks models in DTDL v2 and v3. Does no I/O: what a text needs from elsewhere is named, and read with it the next time.</summary>
public static class ModelParser
{
    /// <summary>Reads a text.</summary>
    /// <param name="utf8">JSON: an interface, or an array of interfaces.</param>
    /// <param name="rootId">Which of them is meant; null for the only one, or the first one that no other refers to.</param>
    /// <param name="others">Texts with interfaces that it refers to.</param>
    public static ParsedModel Parse(ReadOnlySpan<byte> utf8, string? rootId = null, IReadOnlyList<SourceText>? others = null)
    {
        var text = JsonSource.Read(utf8);
        return text.Root is null || text.Errors.Count > 0 ? new ParsedModel(null, text.Errors, []) : Parse(text.Root, ModelDialect.Dtdl, rootId, others);
    }

    /// <summary>Reads a value that was read as JSON already.</summary>
    /// <param name="root">An interface, or an array of interfaces.</param>
    /// <param name="dialect">Which language it is taken for.</param>
    /// <param name="rootId">Which of them is meant; null for the only one, or the first one that no other refers to.</param>
    /// <param name="others">Texts with interfaces that it refers to.</param>
    public static ParsedModel Parse(SourceNode root, ModelDialect dialect, string? rootId = null, IReadOnlyList<SourceText>? others = null)
    {
        var errors = new ErrorList();
        var reader = new InterfaceReader(dialect, errors);
        var ids = reader.ReadText(root);
        var drafts = new Dictionary<string, InterfaceDraft>(reader.Drafts, StringComparer.Ordinal);
        foreach (var other in others ?? [])
        {
            if (other.Root is null)
                continue;
            // Each with a reader of its own: repositories hold the same interface in several texts.
            var beside = new InterfaceReader(ModelDialect.Dtdl, errors);
            beside.ReadText(other.Root);
            foreach (var (id, draft) in beside.Drafts)
                drafts.TryAdd(id, draft);
        }
        var linker = new Linker(drafts, errors);
        var linked = linker.Link();
        if (rootId is not null && !ids.Contains(rootId, StringComparer.Ordinal))
            errors.Add(root, $"The text has no interface '{rootId}'", "The id must be the same, capital letters included.");
        var chosen = rootId ?? ids.FirstOrDefault(id => !drafts.Values.Any(d => RefersTo(d, id))) ?? (ids.Count > 0 ? ids[0] : null);
        var model = errors.Errors.Count == 0 && chosen is not null && linked.TryGetValue(chosen, out var found) ? new Model(found, Needed(found, linked)) : null;
        return new ParsedModel(model, errors.Errors, [.. linker.Missing]);
    }

    private static bool RefersTo(InterfaceDraft draft, string id) => draft.Extends.Exists(e => e.Id == id) || draft.Contents.Exists(c => c.Content is Component component && component.InterfaceId == id);

    /// <summary>The root and what it refers to.</summary>
    private static Dictionary<string, Interface> Needed(Interface root, Dictionary<string, Interface> linked)
    {
        var needed = new Dictionary<string, Interface>(StringComparer.Ordinal);
        var waiting = new Queue<string>([root.Id.Text]);
        while (waiting.TryDequeue(out var id))
        {
            if (!linked.TryGetValue(id, out var found) || !needed.TryAdd(id, found))
                continue;
            foreach (var next in found.Extends.Concat(found.Contents.OfType<Component>().Select(c => c.InterfaceId)))
                waiting.Enqueue(next);
        }
        return needed;
    }
}

/// <summary>What came of reading a text.</summary>
/// <param name="Model">The model; null when there are errors.</param>
/// <param name="Errors">What is wrong, with places; the first hundred.</param>
/// <param name="Missing">Interfaces that it needs and that were in no text: ids.</param>
public sealed record ParsedModel(Model? Model, IReadOnlyList<ModelError> Errors, IReadOnlyList<string> Missing);
