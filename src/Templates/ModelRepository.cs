using System.Text;
using Homeport.Contract.Errors;
using Homeport.Models;
using Homeport.Models.Text;

namespace Homeport.Templates;

/// <summary>Finds interfaces by their ids, in the own repository first and then in those beside it, and keeps new ones.</summary>
/// <param name="own">The own repository.</param>
/// <param name="beside">Others, in the order in which they are asked.</param>
public sealed class ModelRepository(IModelStore own, IReadOnlyList<IModelSource> beside)
{
    /// <summary>Rounds of looking for what texts refer to, which refers to more.</summary>
    private const int MaxRounds = 12;

    /// <summary>Interfaces that a model may need from the repository.</summary>
    private const int MaxFetched = 200;

    /// <summary>Ids of the own interfaces.</summary>
    public Task<IReadOnlyList<string>> ListAsync(CancellationToken token) => own.ListAsync(token);

    /// <summary>Text of an interface; null when no repository has it. Its id has the same letters, case included.</summary>
    public async Task<byte[]?> FindAsync(Dtmi id, CancellationToken token)
    {
        foreach (var source in (IEnumerable<IModelSource>)[own, .. beside])
        {
            if (await source.FindAsync(id, token) is { } text && Defines(text, id))
                return text;
        }
        return null;
    }

    /// <summary>Reads a text with all that it needs from the repositories.</summary>
    /// <param name="parse">Reads it with these other texts.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<ParsedModel> ResolveAsync(Func<IReadOnlyList<SourceText>, ParsedModel> parse, CancellationToken token)
    {
        var others = new List<SourceText>();
        var asked = new HashSet<string>(StringComparer.Ordinal);
        var parsed = parse(others);
        for (var round = 0; round < MaxRounds && parsed.Missing.Count > 0 && asked.Count < MaxFetched; round++)
        {
            var before = others.Count;
            foreach (var missing in parsed.Missing.Where(asked.Add))
            {
                if (Dtmi.TryParse(missing, out var id) && await FindAsync(id, token) is { } text)
                    others.Add(JsonSource.Read(text, missing));
            }
            if (others.Count == before)
                break;
            parsed = parse(others);
        }
        return parsed;
    }

    /// <summary>Adds the interfaces of a text to the own repository. Gives how many are new.</summary>
    public async Task<Outcome<AddedModels>> AddAsync(ReadOnlyMemory<byte> utf8, CancellationToken token)
    {
        var parsed = await ResolveAsync(others => ModelParser.Parse(utf8.Span, null, others), token);
        if (parsed.Errors.Count > 0)
            return TemplateReader.Invalid(parsed.Errors);
        var root = JsonSource.Read(utf8.Span).Root!;
        var interfaces = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        var json = System.Text.Json.Nodes.JsonNode.Parse(utf8.Span)!;
        foreach (var (source, node) in root.Kind == SourceKind.Array ? root.Items.Zip(json.AsArray()) : [(root, json)])
            interfaces[source["@id"]!.Value] = Encoding.UTF8.GetBytes(node!.ToJsonString(TemplateText.Readable));
        return new AddedModels([.. interfaces.Keys], await own.AddAsync(interfaces, token));
    }

    /// <summary>Removes an own interface. Templates have a copy of theirs and stay as they are. Null when it is done.</summary>
    public async Task<Refusal?> RemoveAsync(string id, CancellationToken token)
        => await own.RemoveAsync(id, token) ? null : new Refusal(TemplateErrors.ModelNotFound, $"'{id}' is not in the own repository", "List what is there.");

    private static bool Defines(byte[] text, Dtmi id)
    {
        var root = JsonSource.Read(text).Root;
        return root is { Kind: SourceKind.Array } ? root.Items.Any(i => i["@id"]?.AsText == id.Text) : root?["@id"]?.AsText == id.Text;
    }
}

/// <summary>What came into the own repository.</summary>
/// <param name="Ids">Interfaces of the text.</param>
/// <param name="New">How many of them were not there before.</param>
public sealed record AddedModels(IReadOnlyList<string> Ids, int New);
