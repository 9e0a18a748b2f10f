using Homeport.Contract;

namespace Homeport.Gateway.Amqp;

/// <summary>
/// The address of a node, in segments. Clients write <c>/devices/d1/twin</c>, <c>devices/d1/twin</c>,
/// <c>amqps://{host}[:5671]/devices/d1/twin</c>, with other case, encoded or not, with a slash at the end.
/// </summary>
public sealed class AmqpAddress
{
    private const int MaxSegments = 16;
    private readonly string[] _segments;

    private AmqpAddress(string text, string[] segments) => (Text, _segments) = (text, segments);

    /// <summary>As it was written.</summary>
    public string Text { get; }

    /// <summary>The decoded segments of the path; none for an address that is empty or too long.</summary>
    public IReadOnlyList<string> Segments => _segments;

    /// <summary>Reads an address.</summary>
    public static AmqpAddress Parse(string? text)
    {
        var path = (text ?? "").AsSpan();
        var scheme = path.IndexOf("://");
        if (scheme >= 0)
        {
            var afterScheme = path[(scheme + 3)..];
            var slash = afterScheme.IndexOf('/');
            path = slash < 0 ? default : afterScheme[slash..];
        }
        var segments = path.ToString().Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (segments.Length > MaxSegments)
            segments = [];
        for (var i = 0; i < segments.Length; i++)
            segments[i] = PercentEncoding.Decode(segments[i]);
        return new AmqpAddress(text ?? "", segments);
    }

    /// <summary>True when the path is this one; words are compared without case, a null stands for any one segment.</summary>
    public bool Is(params ReadOnlySpan<string?> path)
    {
        if (path.Length != _segments.Length)
            return false;
        for (var i = 0; i < path.Length; i++)
        {
            if (path[i] is { } word && !string.Equals(word, _segments[i], StringComparison.OrdinalIgnoreCase))
                return false;
        }
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Text.Length <= 256 ? Text : Text[..256] + "...";
}
