using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace Homeport.Agent.Portal;

/// <summary>Markup that is safe to send. What is put into it from outside is encoded, unless it is markup itself.</summary>
internal readonly record struct Html(string Text)
{
    public static readonly Html Empty = new("");

    public static Html Of(HtmlText markup) => new(markup.ToString());

    public static Html Join(IEnumerable<Html> parts) => new(string.Concat(parts.Select(static p => p.Text)));

    /// <summary>The markup when the condition holds.</summary>
    public Html When(bool condition) => condition ? this : Empty;

    public override string ToString() => Text;
}

/// <summary>Collects an interpolated string; the literal parts are the program's own, the rest is encoded for elements and quoted attributes.</summary>
[InterpolatedStringHandler]
internal readonly struct HtmlText(int literalLength, int formattedCount)
{
    private readonly StringBuilder _text = new(literalLength + (formattedCount * 16));

    public void AppendLiteral(string markup) => _text.Append(markup);

    public void AppendFormatted(Html markup) => _text.Append(markup.Text);

    public void AppendFormatted(string? text) => _text.Append(WebUtility.HtmlEncode(text));

    public void AppendFormatted<T>(T value) => AppendFormatted(value?.ToString());

    public void AppendFormatted<T>(T value, string? format)
        where T : IFormattable
        => AppendFormatted(value.ToString(format, System.Globalization.CultureInfo.InvariantCulture));

    public override string ToString() => _text.ToString();
}
