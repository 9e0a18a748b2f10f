using System.Xml;

namespace Homeport.Hub.Files;

/// <summary>A blob by its container and its name. Names are case-sensitive and slashes in them mean nothing to the store.</summary>
public sealed record BlobAddress(string Container, string Name)
{
    /// <summary>Longest name, in characters. Source: Azure "Naming and referencing containers, blobs, and metadata".</summary>
    public const int MaxNameLength = 1024;

    /// <summary>Most parts between slashes.</summary>
    public const int MaxSegments = 254;

    /// <summary>Null when the name may be a container's (3 to 63 of a-z, 0-9 and single dashes inside), else what is wrong with it.</summary>
    public static string? CheckContainer(string? name)
    {
        if (name is null || name.Length is < 3 or > 63)
            return "a container's name has 3 to 63 characters";
        if (name.Any(c => !char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '-'))
            return "a container's name has only a-z, 0-9 and -";
        return name[0] == '-' || name[^1] == '-' || name.Contains("--", StringComparison.Ordinal) ? "a dash stands between letters and digits" : null;
    }

    /// <summary>Null when the name may be a blob's, else what is wrong with it.</summary>
    public static string? CheckName(string? name)
    {
        if (string.IsNullOrEmpty(name))
            return "the name is empty";
        if (name.Length > MaxNameLength)
            return $"the name has {name.Length} characters, the longest allowed has {MaxNameLength}";
        if (name.Count(c => c == '/') >= MaxSegments)
            return $"the name has more than {MaxSegments} parts between slashes";
        for (var i = 0; i < name.Length; i++)
        {
            // Lists of blobs are XML: a name that XML cannot hold would break the list.
            if (char.IsHighSurrogate(name[i]) && i + 1 < name.Length && char.IsLowSurrogate(name[i + 1]))
                i++;
            else if (char.IsControl(name[i]) || !XmlConvert.IsXmlChar(name[i]))
                return $"the name has a character that is not allowed at position {i + 1}";
        }
        return null;
    }
}
