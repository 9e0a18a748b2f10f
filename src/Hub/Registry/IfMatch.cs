namespace Homeport.Hub.Registry;

/// <summary>
/// The header If-Match as the SDKs send it: absent, <c>*</c> with and without quotes, or an ETag with and without quotes.
/// </summary>
public readonly record struct IfMatch
{
    private readonly string? _tag;

    private IfMatch(string? tag) => _tag = tag;

    /// <summary>No header.</summary>
    public static IfMatch Absent => default;

    /// <summary>No header was sent.</summary>
    public bool IsAbsent => _tag is null;

    /// <summary>A certain ETag is asked for.</summary>
    public bool IsConditional => _tag is not (null or "*");

    /// <summary>Reads a header; null and the empty text are absent.</summary>
    public static IfMatch Parse(string? header)
    {
        var text = header?.Trim();
        if (string.IsNullOrEmpty(text))
            return default;
        if (text.StartsWith("W/", StringComparison.Ordinal))
            text = text[2..];
        return new IfMatch(text.Trim('"'));
    }

    /// <summary>True when an entry with this ETag may be written.</summary>
    public bool Matches(string etag) => _tag is null or "*" || string.Equals(_tag, etag.Trim('"'), StringComparison.Ordinal);
}
