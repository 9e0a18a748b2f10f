using System.Globalization;

namespace Homeport.Models;

/// <summary>
/// A digital twin model identifier, <c>dtmi:com:example:Thermostat;1</c>: compared by its letters, case included. Source: DTDL v2 and v3,
/// "Digital Twin Model Identifier" (user DTMIs; v3 adds identifiers without a version and with a minor one).
/// </summary>
public sealed record Dtmi
{
    /// <summary>Characters at most.</summary>
    public const int MaxLength = 2048;

    /// <summary>Characters at most for an interface.</summary>
    public const int MaxInterfaceLength = 128;

    private const string Scheme = "dtmi:";
    private const int MaxMajorDigits = 9;
    private const int MaxMinorDigits = 6;

    private Dtmi(string text) => Text = text;

    /// <summary>As written.</summary>
    public string Text { get; }

    /// <summary>What is in front of the semicolon.</summary>
    public string Path => Text.IndexOf(';', StringComparison.Ordinal) is var at and >= 0 ? Text[..at] : Text;

    /// <summary>What is behind the semicolon, or null.</summary>
    public string? Version => Text.IndexOf(';', StringComparison.Ordinal) is var at and >= 0 ? Text[(at + 1)..] : null;

    /// <summary>The version as a number, the major one when there are two; 0 without a version.</summary>
    public int Major => Version is { } version ? int.Parse(version.Split('.')[0], CultureInfo.InvariantCulture) : 0;

    /// <summary>The version is missing, or has a minor one: DTDL v3 only.</summary>
    public bool NeedsVersion3 => Version is not { } version || version.Contains('.', StringComparison.Ordinal);

    /// <summary>Belongs to the language itself: no model may define it.</summary>
    public bool IsReserved => Text.StartsWith("dtmi:dtdl:", StringComparison.Ordinal) || Text.StartsWith("dtmi:standard:", StringComparison.Ordinal);

    /// <summary>Where a model repository keeps the interface: <c>dtmi/com/example/thermostat-1.json</c>. Holds letters, digits, <c>_ - . /</c> only.</summary>
    public string RepositoryPath => Text.ToLowerInvariant().Replace(':', '/').Replace(';', '-') + ".json";

    /// <summary>Reads an identifier.</summary>
    public static bool TryParse(string? text, out Dtmi dtmi)
    {
        dtmi = null!;
        if (text is null || text.Length > MaxLength || !text.StartsWith(Scheme, StringComparison.Ordinal))
            return false;
        var semicolon = text.IndexOf(';', StringComparison.Ordinal);
        var path = semicolon < 0 ? text.AsSpan(Scheme.Length) : text.AsSpan(Scheme.Length, semicolon - Scheme.Length);
        foreach (var segment in path.Split(':'))
        {
            if (!IsSegment(path[segment]))
                return false;
        }
        if (semicolon >= 0 && !IsVersion(text.AsSpan(semicolon + 1)))
            return false;
        dtmi = new Dtmi(text);
        return true;
    }

    /// <summary>The same path with another version.</summary>
    public Dtmi WithVersion(int version) => new(string.Create(CultureInfo.InvariantCulture, $"{Path};{version}"));

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>A letter, then letters, digits and underscores, a letter or digit at the end: also the rule for names in models.</summary>
    internal static bool IsSegment(ReadOnlySpan<char> segment)
    {
        if (segment.IsEmpty || !char.IsAsciiLetter(segment[0]) || segment[^1] == '_')
            return false;
        foreach (var c in segment)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c != '_')
                return false;
        }
        return true;
    }

    private static bool IsVersion(ReadOnlySpan<char> version)
    {
        var dot = version.IndexOf('.');
        return dot < 0
            ? IsNumber(version, MaxMajorDigits)
            : IsNumber(version[..dot], MaxMajorDigits) && IsNumber(version[(dot + 1)..], MaxMinorDigits);
    }

    private static bool IsNumber(ReadOnlySpan<char> digits, int max)
    {
        if (digits.IsEmpty || digits.Length > max || digits[0] == '0')
            return false;
        foreach (var c in digits)
        {
            if (!char.IsAsciiDigit(c))
                return false;
        }
        return true;
    }
}
