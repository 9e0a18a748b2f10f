namespace Homeport.Contract.Access;

/// <summary>
/// What a token's <c>sr</c> names: a host and a path below it. A token covers the path itself and everything below it,
/// by whole segments: <c>/a/b</c> covers <c>/a/b/c</c>, not <c>/a/bc</c>.
/// </summary>
public sealed class Audience
{
    private readonly string[] _segments;

    private Audience(string host, string[] segments)
    {
        Host = host;
        _segments = segments;
    }

    /// <summary>Host name in lower case, without scheme and port.</summary>
    public string Host { get; }

    /// <summary>Reads a decoded <c>sr</c>, for example <c>https://hub.example:443/devices/d1/modules/m1</c>.</summary>
    public static Audience Parse(string resource)
    {
        var text = resource.AsSpan();
        var scheme = text.IndexOf("://");
        if (scheme >= 0)
            text = text[(scheme + 3)..];
        var parts = text.ToString().Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0)
            return new Audience("", []);
        // Tokens made by the portal's tools end with a segment api-version=...
        var end = parts.Length > 1 && parts[^1].StartsWith("api-version=", StringComparison.OrdinalIgnoreCase) ? parts.Length - 1 : parts.Length;
        return new Audience(WithoutPort(parts[0]).ToLowerInvariant(), parts[1..end]);
    }

    /// <summary>True when the token covers the path. Letters of fixed segments may differ in case; ids may not.</summary>
    /// <param name="path">Fixed words and ids in turn: <c>"devices", deviceId, "modules", moduleId</c>.</param>
    public bool Covers(params ReadOnlySpan<string> path)
    {
        if (_segments.Length > path.Length)
            return false;
        for (var i = 0; i < _segments.Length; i++)
        {
            var same = i % 2 == 0
                ? string.Equals(_segments[i], path[i], StringComparison.OrdinalIgnoreCase)
                : IsId(_segments[i], path[i]);
            if (!same)
                return false;
        }
        return true;
    }

    /// <summary>The path's segments, as they stand in the decoded <c>sr</c>.</summary>
    public IReadOnlyList<string> Segments => _segments;

    /// <summary>The path's length in segments: 0 for a whole hub, 2 for a device, 4 for a module.</summary>
    public int Depth => _segments.Length;

    /// <inheritdoc/>
    public override string ToString() => string.Join('/', [Host, .. _segments]);

    // The C# SDK encodes the id inside the audience and the audience again.
    private static bool IsId(string segment, string id)
        => string.Equals(segment, id, StringComparison.Ordinal) || string.Equals(PercentEncoding.Decode(segment), id, StringComparison.Ordinal);

    private static string WithoutPort(string host)
    {
        var colon = host.LastIndexOf(':');
        return colon > 0 && host.AsSpan(colon + 1).IndexOfAnyExceptInRange('0', '9') < 0 && !host.EndsWith(']') ? host[..colon] : host;
    }
}
