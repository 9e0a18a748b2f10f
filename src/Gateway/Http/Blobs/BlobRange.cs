using System.Globalization;

namespace Homeport.Gateway.Http.Blobs;

/// <summary>A part of a blob. Source: RFC 9110 section 14.1.2; one range only.</summary>
internal readonly record struct BlobRange(long Offset, long Count)
{
    private const string Unit = "bytes=";

    /// <summary>Reads a range header. False when it asks for bytes behind the end; a header of another form counts as absent.</summary>
    public static bool TryRead(string? header, long size, out BlobRange? range)
    {
        range = null;
        if (header is null || !header.StartsWith(Unit, StringComparison.OrdinalIgnoreCase))
            return true;
        var parts = header[Unit.Length..].Split('-');
        if (parts.Length != 2)
            return true;
        var hasFirst = long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first);
        var hasLast = long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var last);
        if ((!hasFirst && (parts[0].Length > 0 || !hasLast)) || (!hasLast && parts[1].Length > 0) || (hasFirst && hasLast && last < first))
            return true;
        if (!hasFirst)
            (first, last) = (Math.Max(0, size - last), last == 0 ? -1 : size - 1);
        else
            last = hasLast ? Math.Min(last, size - 1) : size - 1;
        if (first >= size || last < first)
            return false;
        range = new BlobRange(first, last - first + 1);
        return true;
    }
}
