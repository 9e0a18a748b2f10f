using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Homeport.Hub.Query;

/// <summary>Walks a path through JSON bytes without building a tree: members on the way that do not match are skipped.</summary>
internal static class JsonCursor
{
    // Deeper than any twin; payloads of method responses may be deep.
    private static readonly JsonReaderOptions Options = new() { MaxDepth = 1000 };

    public static Utf8JsonReader Open(ReadOnlySpan<byte> json) => new(json, Options);

    /// <summary>The value where the path from its step <paramref name="step"/> on leads to.</summary>
    public static QueryValue Find(ReadOnlyMemory<byte> json, QueryPath path, int step)
    {
        if (json.IsEmpty)
            return default;
        var reader = Open(json.Span);
        if (!reader.Read())
            return default;
        for (; step < path.Steps.Count; step++)
        {
            if (!Enter(ref reader, path.Steps[step]))
                return default;
        }
        return Take(ref reader, json);
    }

    /// <summary>The value at the reader, which stands at the first token of it and then at the last.</summary>
    public static QueryValue Take(ref Utf8JsonReader reader, ReadOnlyMemory<byte> json)
    {
        var start = (int)reader.TokenStartIndex;
        var kind = reader.TokenType;
        reader.Skip();
        var raw = json[start..(int)reader.BytesConsumed];
        switch (kind)
        {
            case JsonTokenType.True or JsonTokenType.False:
                return QueryValue.From(kind == JsonTokenType.True);
            case JsonTokenType.Null:
                return QueryValue.Null;
            case JsonTokenType.Number:
                return reader.TryGetDouble(out var number) ? QueryValue.OfNumber(number, raw) : default;
            case JsonTokenType.String:
                return QueryValue.OfString(raw, reader.ValueIsEscaped ? Unescape(reader.ValueSpan) : null);
            default:
                return QueryValue.OfContainer(kind == JsonTokenType.StartArray ? QueryValueKind.Array : QueryValueKind.Object, raw);
        }
    }

    /// <summary>The elements of a JSON array.</summary>
    public static bool Contains(ReadOnlyMemory<byte> array, in QueryValue wanted)
    {
        var reader = Open(array.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (QueryValueComparer.AreEqual(Take(ref reader, array), wanted))
                return true;
        }
        return false;
    }

    /// <summary>Number of elements of a JSON array.</summary>
    public static int Count(ReadOnlySpan<byte> array)
    {
        var reader = Open(array);
        reader.Read();
        var count = 0;
        for (; reader.Read() && reader.TokenType != JsonTokenType.EndArray; count++)
            reader.Skip();
        return count;
    }

    private static bool Enter(ref Utf8JsonReader reader, PathStep step)
    {
        if (step.Name is null)
            return EnterElement(ref reader, step.Index);
        if (reader.TokenType != JsonTokenType.StartObject)
            return false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var same = reader.ValueIsEscaped
                ? string.Equals(Unescape(reader.ValueSpan), step.Name, StringComparison.Ordinal)
                : reader.ValueSpan.SequenceEqual(step.Utf8.Span);
            reader.Read();
            if (same)
                return true;
            reader.Skip();
        }
        return false;
    }

    private static bool EnterElement(ref Utf8JsonReader reader, int index)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            return false;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (index-- == 0)
                return true;
            reader.Skip();
        }
        return false;
    }

    // The reader's own refuses half surrogate pairs, which devices do send.
    private static string Unescape(ReadOnlySpan<byte> escaped)
    {
        var source = Encoding.UTF8.GetString(escaped);
        var text = new StringBuilder(source.Length);
        for (var i = 0; i < source.Length; i++)
        {
            if (source[i] != '\\')
            {
                text.Append(source[i]);
                continue;
            }
            var code = source[++i];
            if (code == 'u')
            {
                text.Append((char)ushort.Parse(source.AsSpan(i + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                i += 4;
                continue;
            }
            text.Append(code switch { 'n' => '\n', 't' => '\t', 'r' => '\r', 'b' => '\b', 'f' => '\f', _ => code });
        }
        return text.ToString();
    }
}
