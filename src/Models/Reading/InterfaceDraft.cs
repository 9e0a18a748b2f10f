using Homeport.Models.Elements;
using Homeport.Models.Text;

namespace Homeport.Models.Reading;

/// <summary>An interface whose references are not followed yet.</summary>
internal sealed class InterfaceDraft(Dtmi id, SourceNode node, ModelContext context)
{
    public Dtmi Id { get; } = id;

    public SourceNode Node { get; } = node;

    public ModelContext Context { get; } = context;

    public LocalText? DisplayName { get; set; }

    public LocalText? Description { get; set; }

    public List<(string Id, SourceNode At)> Extends { get; } = [];

    public List<(Content Content, SourceNode At)> Contents { get; } = [];

    /// <summary>Elements of its own, references followed.</summary>
    public long Size { get; set; }
}
