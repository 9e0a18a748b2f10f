namespace Homeport.Contract.Naming;

/// <summary>Registration ids of the provisioning service: 1 to 128 letters, digits and <c>- . _ :</c>, the last a letter, digit or dash. Case does not count.</summary>
public static class RegistrationIdRules
{
    /// <summary>Longest id, in characters.</summary>
    public const int MaxLength = 128;

    /// <summary>Null when <paramref name="id"/> is a good id, else what is wrong with it.</summary>
    public static string? Check(string? id)
    {
        if (string.IsNullOrEmpty(id))
            return "the registration id is empty";
        if (id.Length > MaxLength)
            return $"the registration id has {id.Length} characters, the longest allowed has {MaxLength}";
        for (var i = 0; i < id.Length; i++)
        {
            if (!char.IsAsciiLetterOrDigit(id[i]) && id[i] is not ('-' or '.' or '_' or ':'))
                return $"the registration id has a character that is not allowed at position {i + 1}; allowed are letters, digits and - . _ :";
        }
        return char.IsAsciiLetterOrDigit(id[^1]) || id[^1] == '-' ? null : "the last character of a registration id is a letter, a digit or a dash";
    }
}
