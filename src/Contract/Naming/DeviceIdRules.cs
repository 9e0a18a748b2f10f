using System.Buffers;

namespace Homeport.Contract.Naming;

/// <summary>Names of devices and modules: 1 to 128 characters of <c>A-Z a-z 0-9 - : . + % _ # * ? ! ( ) , = @ ; $ '</c>, case-sensitive.</summary>
public static class DeviceIdRules
{
    /// <summary>Longest id, in characters.</summary>
    public const int MaxLength = 128;

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-:.+%_#*?!(),=@;$'");

    /// <summary>Null when <paramref name="id"/> is a good id, else what is wrong with it.</summary>
    public static string? Check(string? id)
    {
        if (string.IsNullOrEmpty(id))
            return "the id is empty";
        if (id.Length > MaxLength)
            return $"the id has {id.Length} characters, the longest allowed has {MaxLength}";
        var bad = id.AsSpan().IndexOfAnyExcept(Allowed);
        return bad < 0 ? null : $"the id has a character that is not allowed at position {bad + 1}";
    }
}
