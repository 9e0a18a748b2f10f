using System.Buffers;
using System.Text;

namespace Homeport.Provisioning.Bulk;

/// <summary>
/// Reads CSV (RFC 4180) as people bring it: with or without byte order mark, in UTF-8 or UTF-16, with any line end, and with comma, semicolon or
/// tab, whichever the first line has most of. Holds one row at a time, and no row is longer than <see cref="MaxRow"/>.
/// </summary>
internal sealed class CsvReader(TextReader source)
{
    /// <summary>Longest row, in characters.</summary>
    public const int MaxRow = 1024 * 1024;

    private const int MaxField = 64 * 1024;
    private const int MaxFields = 1000;
    private static readonly SearchValues<char> NeedsQuotes = SearchValues.Create(",;\t\"\r\n");
    private static readonly SearchValues<char> Marks = SearchValues.Create("\"\r\n");
    private readonly char[] _buffer = new char[16 * 1024];
    private int _at;
    private int _length;
    private char _delimiter;
    private bool _first = true;
    private bool _afterReturn;
    private long _lines = 1;

    /// <summary>Sets what is between fields, instead of the guess.</summary>
    public char Delimiter
    {
        init => (_delimiter, _first) = (value, false);
    }

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

    /// <summary>A row may have several lines: line ends inside quotes belong to it.</summary>
    private async Task<string?> ReadRowTextAsync(CancellationToken token)
    {
        var row = new StringBuilder();
        var quoted = false;
        while (_at < _length || await FillAsync(token))
        {
            if (Take(row, ref quoted))
                return row.ToString();
            if (row.Length > MaxRow)
                throw new FormatException($"The row that begins on line {Line} has more than {MaxRow} characters, or a quote that is not closed.");
        }
        if (quoted)
            throw new FormatException($"The row that begins on line {Line} has a quote that is not closed.");
        return row.Length == 0 ? null : row.ToString();
    }

    private async Task<bool> FillAsync(CancellationToken token)
    {
        (_at, _length) = (0, await source.ReadAsync(_buffer, token));
        return _length > 0;
    }

    /// <summary>Takes what is in the buffer up to the next mark. True at the end of a row.</summary>
    private bool Take(StringBuilder row, ref bool quoted)
    {
        var rest = _buffer.AsSpan(_at, _length - _at);
        // Of CR LF the first one ended the line.
        if (_afterReturn && rest[0] == '\n')
        {
            _afterReturn = false;
            _at++;
            return false;
        }
        _afterReturn = false;
        var mark = rest.IndexOfAny(Marks);
        row.Append(mark < 0 ? rest : rest[..mark]);
        _at += mark < 0 ? rest.Length : mark + 1;
        if (mark < 0)
            return false;
        if (rest[mark] == '"')
        {
            quoted = !quoted;
            row.Append('"');
            return false;
        }
        _lines++;
        _afterReturn = rest[mark] == '\r';
        if (quoted)
            row.Append('\n');
        return !quoted;
    }

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
