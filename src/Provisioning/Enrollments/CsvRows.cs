using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;

namespace Homeport.Provisioning.Enrollments;

/// <summary>Reads rows of comma-separated values as they arrive, one in memory at a time. Quotes may stand around a value, not in it.</summary>
public static class CsvRows
{
    /// <summary>Longest row in bytes: a certificate in Base64 has 2,000.</summary>
    public const int MaxRow = 32 * 1024;

    /// <summary>The rows that are not empty, with their line numbers from 1.</summary>
    /// <exception cref="InvalidDataException">A row is longer than <see cref="MaxRow"/>.</exception>
    public static async IAsyncEnumerable<(int Line, string[] Values)> ReadAsync(PipeReader input, [EnumeratorCancellation] CancellationToken token)
    {
        var line = 0;
        var rows = new List<string>();
        while (true)
        {
            var result = await input.ReadAsync(token);
            var rest = result.Buffer;
            while (TryTakeRow(ref rest, result.IsCompleted, out var row))
                rows.Add(row);
            var isTooLong = rest.Length > MaxRow;
            input.AdvanceTo(rest.Start, rest.End);
            foreach (var row in rows)
            {
                line++;
                if (Split(row) is { } values)
                    yield return (line, values);
            }
            rows.Clear();
            if (isTooLong)
                throw new InvalidDataException($"Line {line + 1} has more than {MaxRow} bytes.");
            if (result.IsCompleted)
                yield break;
        }
    }

    private static bool TryTakeRow(ref ReadOnlySequence<byte> buffer, bool last, out string row)
    {
        row = "";
        if (buffer.IsEmpty)
            return false;
        if (buffer.PositionOf((byte)'\n') is not { } end)
        {
            if (!last || buffer.Length > MaxRow)
                return false;
            row = Encoding.UTF8.GetString(buffer);
            buffer = buffer.Slice(buffer.End);
            return true;
        }
        var taken = buffer.Slice(0, end);
        if (taken.Length > MaxRow)
            return false;
        row = Encoding.UTF8.GetString(taken);
        buffer = buffer.Slice(buffer.GetPosition(1, end));
        return true;
    }

    private static string[]? Split(string row)
    {
        // A spreadsheet writes a byte order mark in front.
        var text = row.AsSpan().Trim("\r\uFEFF ");
        return text.IsEmpty || text[0] == '#' ? null : [.. text.ToString().Split(',').Select(v => v.Trim().Trim('"'))];
    }
}
