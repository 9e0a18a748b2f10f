using Homeport.Contract.Errors;

namespace Homeport.People.Accounts;

/// <summary>Names of accounts and tokens.</summary>
internal static class AccountRules
{
    private const int MaxId = 48;
    private const int MaxName = 128;

    /// <summary>Null for a good id; the pattern is IoT Central's: <c>^[a-zA-Z0-9-_]*$</c>, up to 48.</summary>
    public static Refusal? CheckId(string id)
        => id.Length is 0 or > MaxId || !id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
            ? new Refusal(PeopleErrors.InvalidBody, $"The id has {id.Length} characters, or one that ids do not have", $"Use 1 to {MaxId} letters, digits, - and _.")
            : null;

    /// <summary>Null for a good name to sign in with.</summary>
    public static Refusal? CheckName(string name)
        => name.Length is 0 or > MaxName || name.Any(c => char.IsControl(c) || char.IsWhiteSpace(c))
            ? new Refusal(PeopleErrors.InvalidBody, $"The name has {name.Length} characters, or a space or control character", $"Use 1 to {MaxName} visible characters, as an e-mail address has.")
            : null;
}
