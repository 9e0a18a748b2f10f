using System.Buffers;
using System.Text;

namespace Homeport.Hub.Bulk;

/// <summary>
/// Reads CSV (RFC 4180) as people bring it: with or without byte order mark, in UTF-8 or UTF-16, with any line end, and with comma, semicolon or
/// tab, whichever the first line has most of. Holds one row at a time.
/// </summary>
internal sealed class CsvReader(TextReader source)
{
    private const int MaxField = 64 * 1024;
    private const int MaxFields = 1000;
    private static readonly SearchValues<char> NeedsQuotes = SearchValues.Create(",;\t\"\r\n");
    private char _delimiter;
    private bool _first = true;
    private long _lines = 1;

    /// <summary>Line on which the last row began, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>Opens a file; bytes that are no text are an error and not replaced.</summary>
    public static StreamReader Open(Stream file)
        => new(file, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true), detectEncodingFromByteOrderMarks: true);

    /// <summary>The next row, or null at the end. Empty lines are left out.</summary>
    /// <exception cref="FormatException">A quote is not closed, or a field or row is too long.</exception>
    /// <exception cref="DecoderFallbackException">The bytes are no text.</exception>
    public async Task<IReadOnlyList<string>?> ReadAsync(CancellationToken token)
    {
        while (true)
        {
            Line = _lines;
            if (await ReadRowTextAsync(token) is not { } text)
                return null;
            if (_first)
            {
                _first = false;
                _delimiter = Guess(text);
            }
            if (text.Length > 0)
                return Split(text);
        }
    }

    /// <summary>A field as it stands in a file.</summary>
    public static string Quote(string field)
        => field.AsSpan().IndexOfAny(NeedsQuotes) >= 0 ? $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : field;

    /// <summary>A row may have several lines: those inside quotes belong to it.</summary>
    private async Task<string?> ReadRowTextAsync(CancellationToken token)
    {
        var line = await source.ReadLineAsync(token);
        if (line is null)
            return null;
        _lines++;
        if (Balanced(line))
            return line;
        var row = new StringBuilder(line);
        while (true)
        {
            if (row.Length > MaxField)
                throw new FormatException($"The row that begins on line {Line} has a quote that is not closed, or is too long.");
            line = await source.ReadLineAsync(token) ?? throw new FormatException($"The row that begins on line {Line} has a quote that is not closed.");
            _lines++;
            row.Append('\n').Append(line);
            if (!Balanced(line))
                return row.ToString();
        }
    }

    private static bool Balanced(string line) => line.AsSpan().Count('"') % 2 == 0;

    private static char Guess(string header)
    {
        var best = ',';
        foreach (var candidate in ";\t")
        {
            if (header.AsSpan().Count(candidate) > header.AsSpan().Count(best))
                best = candidate;
        }
        return best;
    }

    private List<string> Split(string text)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '"' && quoted && i + 1 < text.Length && text[i + 1] == '"')
            {
                field.Append('"');
                i++;
            }
            else if (c == '"')
            {
                quoted = !quoted;
            }
            else if (c == _delimiter && !quoted)
            {
                Add(fields, field);
            }
            else
            {
                field.Append(c);
            }
        }
        Add(fields, field);
        return fields;
    }

    private void Add(List<string> fields, StringBuilder field)
    {
        if (fields.Count == MaxFields || field.Length > MaxField)
            throw new FormatException($"The row that begins on line {Line} has more than {MaxFields} fields, or one of more than {MaxField} characters.");
        fields.Add(field.ToString());
        field.Clear();
    }
}
