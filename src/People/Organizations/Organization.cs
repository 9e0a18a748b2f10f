using System.Globalization;
using Homeport.Contract.Errors;

namespace Homeport.People.Organizations;

/// <summary>A part of the application with its own devices and people, as a site or a customer. Organizations form a tree.</summary>
/// <param name="Id">2 to 49 of a-z, 0-9 and dashes, no dash at the ends: IoT Central's pattern.</param>
/// <param name="DisplayName">For people.</param>
/// <param name="Parent">The organization that it is a part of; null: the application.</param>
/// <param name="Version">Grows with every write.</param>
public sealed record Organization(string Id, string DisplayName, string? Parent, long Version = 1)
{
    private const int MaxId = 49;
    private const int MaxName = 148;

    /// <summary>The ETag, without quotes.</summary>
    public string ETag => Version.ToString(CultureInfo.InvariantCulture);

    /// <summary>Null for good members.</summary>
    internal Refusal? Check()
    {
        if (!IsId(Id))
            return new Refusal(PeopleErrors.InvalidBody, $"The id of an organization has {Id.Length} characters, or one that such ids do not have", $"Use 2 to {MaxId} of a-z, 0-9 and dashes, with no dash at the beginning and the end.");
        return DisplayName.Length is 0 or > MaxName || DisplayName.Any(char.IsControl)
            ? new Refusal(PeopleErrors.InvalidBody, $"displayName has {DisplayName.Length} characters, or control characters", $"Use 1 to {MaxName} characters on one line.")
            : null;
    }

    private static bool IsId(string id) => id.Length is >= 2 and <= MaxId && id.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-') && id[0] != '-' && id[^1] != '-';
}
