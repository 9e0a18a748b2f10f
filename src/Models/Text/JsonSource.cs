using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Homeport.Models.Text;

/// <summary>Reads JSON into values that know where they stand. Bounded in size and depth.</summary>
public static class JsonSource
{
    /// <summary>Bytes of a text at most.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    /// <summary>Objects and arrays inside each other at most.</summary>
    public const int MaxDepth = 64;

    /// <summary>Reads a text. With errors there may be no value.</summary>
    /// <param name="utf8">The text.</param>
    /// <param name="document">Its name for error messages, or null for the one which was asked about.</param>
    public static SourceText Read(ReadOnlySpan<byte> utf8, string? document = null)
    {
        var errors = new ErrorList();
        if (utf8.StartsWith(Encoding.UTF8.Preamble))
            utf8 = utf8[Encoding.UTF8.Preamble.Length..];
        if (utf8.Length > MaxBytes)
            return Failed(1, 1, $"The text has {utf8.Length} bytes", $"At most {MaxBytes} are read.", document);
        if (!Utf8.IsValid(utf8))
            return Failed(1, 1, "The text is no UTF-8", "Save it in UTF-8.", document);
        var place = new Place();
        try
        {
            var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = MaxDepth });
            reader.Read();
            var root = ReadValue(ref reader, utf8, place, document, errors);
            if (reader.Read())
                throw new JsonException();
            return new SourceText(root, errors.Errors);
        }
        catch (JsonException e)
        {
            var (line, column) = PlaceOf(utf8, e);
            return Failed(line, column, "The JSON is broken here", $"Correct it: a comma, bracket or quote may be missing, or there are more than {MaxDepth} levels.", document);
        }
    }

    private static SourceText Failed(int line, int column, string seen, string fix, string? document)
        => new(null, [new ModelError(line, column, seen, fix) { Document = document }]);

    private static (int Line, int Column) PlaceOf(ReadOnlySpan<byte> utf8, JsonException e)
    {
        if (e.LineNumber is not { } line || e.BytePositionInLine is not { } position)
            return (1, 1);
        var start = 0;
        for (var i = 0L; i < line; i++)
            start += utf8[start..].IndexOf((byte)'\n') + 1;
        var bytes = utf8.Slice(start, (int)Math.Min(position, utf8.Length - start));
        return ((int)line + 1, Encoding.UTF8.GetCharCount(bytes) + 1);
    }

    private static SourceNode ReadValue(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8, Place place, string? document, ErrorList errors)
    {
        var start = (int)reader.TokenStartIndex;
        place.MoveTo(utf8, start);
        var node = new SourceNode(KindOf(reader.TokenType), place.Line, place.Column) { Document = document, Value = ValueOf(ref reader, place, document, errors) };
        if (node.Kind == SourceKind.Array)
            node.Items = ReadItems(ref reader, utf8, place, document, errors);
        else if (node.Kind == SourceKind.Object)
            node.Members = ReadMembers(ref reader, utf8, place, document, errors);
        node.Length = (int)reader.BytesConsumed - start;
        return node;
    }

    private static List<SourceNode> ReadItems(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8, Place place, string? document, ErrorList errors)
    {
        var items = new List<SourceNode>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            items.Add(ReadValue(ref reader, utf8, place, document, errors));
        return items;
    }

    private static List<SourceMember> ReadMembers(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8, Place place, string? document, ErrorList errors)
    {
        var members = new List<SourceMember>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            place.MoveTo(utf8, (int)reader.TokenStartIndex);
            var name = ValueOf(ref reader, place, document, errors);
            var at = new SourceNode(SourceKind.String, place.Line, place.Column) { Document = document, Value = name };
            reader.Read();
            var value = ReadValue(ref reader, utf8, place, document, errors);
            if (names.Add(name))
                members.Add(new SourceMember(name, at, value));
            else
                errors.Add(at, $"The member '{Shown.Text(name)}' stands here a second time", "Leave one of them.");
        }
        return members;
    }

    private static SourceKind KindOf(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => SourceKind.Object,
        JsonTokenType.StartArray => SourceKind.Array,
        JsonTokenType.String => SourceKind.String,
        JsonTokenType.Number => SourceKind.Number,
        JsonTokenType.True or JsonTokenType.False => SourceKind.Boolean,
        _ => SourceKind.Null,
    };

    private static string ValueOf(ref Utf8JsonReader reader, Place place, string? document, ErrorList errors)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Number:
                return Encoding.UTF8.GetString(reader.ValueSpan);
            case JsonTokenType.True:
                return "true";
            case JsonTokenType.False:
                return "false";
            case JsonTokenType.String or JsonTokenType.PropertyName:
                try
                {
                    return reader.GetString()!;
                }
                catch (InvalidOperationException)
                {
                    errors.Add(new SourceNode(SourceKind.String, place.Line, place.Column) { Document = document },
                        "The text has an escape for half a character", @"Escape a character above U+FFFF by two halves, as in \ud83d\udea2, or write it as it is.");
                    return "";
                }
            default:
                return "";
        }
    }

    /// <summary>Line and column of a place that only moves on.</summary>
    private sealed class Place
    {
        private int _offset;

        public int Line { get; private set; } = 1;

        public int Column { get; private set; } = 1;

        public void MoveTo(ReadOnlySpan<byte> utf8, int offset)
        {
            foreach (var b in utf8[_offset..offset])
            {
                if (b == '\n')
                    (Line, Column) = (Line + 1, 1);
                else if ((b & 0xC0) != 0x80)
                    Column++;
            }
            _offset = offset;
        }
    }
}

/// <summary>A text that was read.</summary>
/// <param name="Root">Its value, or null when it is no JSON.</param>
/// <param name="Errors">What is wrong with it as JSON.</param>
public sealed record SourceText(SourceNode? Root, IReadOnlyList<ModelError> Errors);

/// <summary>Texts of strangers in messages.</summary>
internal static class Shown
{
    private const int Max = 80;

    /// <summary>Short, in one line.</summary>
    public static string Text(string text)
    {
        var cut = text.Length <= Max ? text : text[..Max] + "…";
        return cut.Any(char.IsControl) ? string.Concat(cut.Select(c => char.IsControl(c) ? '�' : c)) : cut;
    }
}
