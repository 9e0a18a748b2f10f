using System.Diagnostics.CodeAnalysis;

namespace Homeport.Contract;

/// <summary>The fields of a connection string, <c>Name=value;Name=value</c>; names in any case.</summary>
public static class ConnectionStringFields
{
    /// <summary>Reads them. <paramref name="reason"/> says what is wrong, without values.</summary>
    public static bool TryRead(string text, out Dictionary<string, string> fields, [NotNullWhen(false)] out string? reason)
    {
        fields = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        reason = null;
        foreach (var part in text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0 && fields.TryAdd(part[..equals], part[(equals + 1)..]))
                continue;
            reason = "a part of it has no 'Name=' in front, or stands twice";
            return false;
        }
        return true;
    }
}
