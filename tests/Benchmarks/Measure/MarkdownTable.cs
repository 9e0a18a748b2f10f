using System.Text;

namespace Homeport.Tests.Benchmarks.Measure;

/// <summary>A table to paste into docs/benchmarks.md.</summary>
internal sealed class MarkdownTable(params string[] headings)
{
    private readonly List<string[]> _rows = [];

    public void Add(params string[] cells) => _rows.Add(cells);

    public override string ToString()
    {
        var text = new StringBuilder();
        AppendRow(text, headings);
        AppendRow(text, [.. headings.Select(static (_, column) => column == 0 ? "---" : "---:")]);
        foreach (var row in _rows)
            AppendRow(text, row);

        return text.ToString();
    }

    private static void AppendRow(StringBuilder text, string[] cells) => text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
}
