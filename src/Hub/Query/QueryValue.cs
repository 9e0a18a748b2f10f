using System.Text;
using System.Text.Json;

namespace Homeport.Hub.Query;

/// <summary>Type of a <see cref="QueryValue"/>.</summary>
public enum QueryValueKind
{
    /// <summary>The path leads nowhere, or a function does not fit its arguments.</summary>
    Undefined,
    Null,
    Bool,
    Number,
    String,
    Object,
    Array,
}

/// <summary>
/// A value while a query runs. Values out of JSON point into the bytes that they came from, so reading one makes no copy;
/// <see cref="Detach"/> makes one.
/// </summary>
public readonly struct QueryValue
{
    private readonly double _number;
    private readonly string? _text;
    // JSON as it was read; of a string with its quotes. Empty for values that are not out of JSON.
    private readonly ReadOnlyMemory<byte> _json;

    private QueryValue(QueryValueKind kind, double number, string? text, ReadOnlyMemory<byte> json)
    {
        Kind = kind;
        _number = number;
        _text = text;
        _json = json;
    }

    /// <summary>The value of a path that leads nowhere.</summary>
    public static QueryValue Undefined => default;

    /// <summary>JSON null.</summary>
    public static QueryValue Null => new(QueryValueKind.Null, 0, null, default);

    public QueryValueKind Kind { get; }

    public bool IsDefined => Kind != QueryValueKind.Undefined;

    /// <summary>True for the boolean true only: everything else does not fulfil a condition.</summary>
    public bool IsTrue => Kind == QueryValueKind.Bool && _number != 0;

    /// <summary>The number, or 0 when it is none.</summary>
    public double Number => Kind == QueryValueKind.Number ? _number : 0;

    /// <summary>The text of a string, or null when it is none.</summary>
    public string? Text => Kind != QueryValueKind.String ? null : _text ?? Encoding.UTF8.GetString(_json.Span[1..^1]);

    /// <summary>Bytes that the value keeps alive when it is detached, about.</summary>
    internal int Size => _json.Length + ((_text?.Length ?? 0) * sizeof(char));

    /// <summary>JSON of an object or array.</summary>
    internal ReadOnlyMemory<byte> Json => _json;

    public static QueryValue From(bool value) => new(QueryValueKind.Bool, value ? 1 : 0, null, default);

    /// <summary>A number; undefined when it is infinite or not a number, as after a division by zero.</summary>
    public static QueryValue From(double value) => double.IsFinite(value) ? new(QueryValueKind.Number, value, null, default) : default;

    /// <summary>A string; undefined for null.</summary>
    public static QueryValue From(string? value) => value is null ? default : new(QueryValueKind.String, 0, value, default);

    /// <summary>The whole of a JSON text, which has to be valid. Undefined when it is empty.</summary>
    public static QueryValue FromJson(ReadOnlyMemory<byte> json)
    {
        if (json.IsEmpty)
            return default;
        var reader = JsonCursor.Open(json.Span);
        return reader.Read() ? JsonCursor.Take(ref reader, json) : default;
    }

    /// <summary>The value where a path leads to inside of a JSON text, which has to be valid. Undefined when it leads nowhere.</summary>
    /// <param name="json">JSON in UTF-8; may be empty.</param>
    /// <param name="path">The path.</param>
    /// <param name="step">Its first step inside of the text.</param>
    public static QueryValue Find(ReadOnlyMemory<byte> json, QueryPath path, int step)
    {
        ArgumentNullException.ThrowIfNull(path);
        return JsonCursor.Find(json, path, step);
    }

    /// <summary>A constant of the query, with its UTF-8 at hand for fast comparison.</summary>
    internal static QueryValue Literal(string text)
    {
        var utf8 = new byte[Encoding.UTF8.GetByteCount(text) + 2];
        Encoding.UTF8.GetBytes(text, utf8.AsSpan(1));
        return new(QueryValueKind.String, 0, null, utf8);
    }

    internal static QueryValue OfNumber(double number, ReadOnlyMemory<byte> json) => new(QueryValueKind.Number, number, null, json);

    /// <summary>A string out of JSON.</summary>
    /// <param name="json">With the quotes.</param>
    /// <param name="unescaped">The text when the JSON has escapes, else null.</param>
    internal static QueryValue OfString(ReadOnlyMemory<byte> json, string? unescaped) => new(QueryValueKind.String, 0, unescaped, json);

    internal static QueryValue OfContainer(QueryValueKind kind, ReadOnlyMemory<byte> json) => new(kind, 0, null, json);

    /// <summary>A value that keeps nothing else alive.</summary>
    public QueryValue Detach() => _json.IsEmpty ? this : new(Kind, _number, _text, _json.ToArray());

    /// <summary>Writes the value as JSON; undefined must be left out by the caller.</summary>
    public void WriteTo(Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        if (!_json.IsEmpty)
        {
            writer.WriteRawValue(_json.Span, skipInputValidation: true);
            return;
        }
        switch (Kind)
        {
            case QueryValueKind.Bool:
                writer.WriteBooleanValue(_number != 0);
                break;
            case QueryValueKind.Number:
                writer.WriteNumberValue(_number);
                break;
            case QueryValueKind.String:
                // Over bytes, since a writer refuses text with half a surrogate pair.
                writer.WriteStringValue(Encoding.UTF8.GetBytes(_text!));
                break;
            default:
                writer.WriteNullValue();
                break;
        }
    }

    public override string ToString() => Kind switch
    {
        QueryValueKind.Undefined => "undefined",
        QueryValueKind.Null => "null",
        QueryValueKind.Bool => _number != 0 ? "true" : "false",
        QueryValueKind.Number => _number.ToString(System.Globalization.CultureInfo.InvariantCulture),
        QueryValueKind.String => $"'{Text}'",
        _ => Encoding.UTF8.GetString(_json.Span),
    };

    /// <summary>The text in UTF-8: of most strings the bytes as they are, else converted into <paramref name="scratch"/> if it fits.</summary>
    internal ReadOnlySpan<byte> Utf8(Span<byte> scratch)
    {
        if (_text is null)
            return _json.IsEmpty ? default : _json.Span[1..^1];
        if (Encoding.UTF8.GetMaxByteCount(_text.Length) > scratch.Length)
            return Encoding.UTF8.GetBytes(_text);
        return scratch[..Encoding.UTF8.GetBytes(_text, scratch)];
    }
}
