namespace Homeport.Models.Elements;

/// <summary>A text in one or more languages. Source: DTDL, "Display string localization".</summary>
/// <param name="Languages">Language tag to text; <c>en</c> is what a plain text is.</param>
public sealed record LocalText(IReadOnlyDictionary<string, string> Languages)
{
    /// <summary>The language of texts without one.</summary>
    public const string Default = "en";

    /// <summary>The English text, or the first one.</summary>
    public string Text => Languages.TryGetValue(Default, out var english) ? english : Languages.OrderBy(l => l.Key.StartsWith(Default, StringComparison.Ordinal) ? 0 : 1).First().Value;

    /// <inheritdoc/>
    public override string ToString() => Text;
}
