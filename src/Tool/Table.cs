namespace Homeport.Tool;

/// <summary>Rows in aligned columns.</summary>
internal sealed class Table(params string[] headings)
{
    private readonly List<string[]> _rows = [headings];

    public void Add(params string?[] cells) => _rows.Add([.. cells.Select(Display.Clean)]);

    public void Write()
    {
        var widths = headings.Select((_, column) => _rows.Max(r => r[column].Length)).ToList();
        foreach (var row in _rows)
            Console.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }
}
