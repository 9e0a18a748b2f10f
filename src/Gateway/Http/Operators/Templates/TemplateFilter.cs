using System.Text.RegularExpressions;
using Homeport.Contract.Errors;
using Homeport.Templates;

namespace Homeport.Gateway.Http.Operators.Templates;

/// <summary>The OData filter of the list of templates: what of it makes sense there. Terms are joined by <c>and</c>.</summary>
internal sealed partial class TemplateFilter
{
    private readonly List<Func<DeviceTemplate, bool>> _terms = [];

    /// <summary>Reads a filter; none matches everything.</summary>
    public static Outcome<TemplateFilter> Read(string? text)
    {
        var filter = new TemplateFilter();
        var rest = text?.Trim() ?? "";
        while (rest.Length > 0)
        {
            var match = Term().Match(rest);
            if (!match.Success)
                return new Refusal(PeopleErrors.InvalidQuery, "$filter cannot be read", "Use displayName eq 'Pump', id eq 'dtmi:…', or indexof(displayName, 'pum') ge 0, joined by and.");
            filter._terms.Add(TermOf(match));
            rest = rest[match.Length..];
        }
        return filter;
    }

    /// <summary>True when a template is asked for.</summary>
    public bool Matches(DeviceTemplate template) => _terms.TrueForAll(t => t(template));

    private static Func<DeviceTemplate, bool> TermOf(Match match)
    {
        var value = match.Groups["value"].Value.Replace("''", "'", StringComparison.Ordinal);
        if (match.Groups["contains"].Success)
            return t => t.DisplayName.Contains(value, StringComparison.OrdinalIgnoreCase);
        var equal = match.Groups["op"].Value == "eq";
        return match.Groups["field"].Value == "id"
            ? t => (t.Id == value) == equal
            : t => string.Equals(t.DisplayName, value, StringComparison.Ordinal) == equal;
    }

    [GeneratedRegex(@"^\s*(?:(?<contains>indexof)\(\s*displayName\s*,\s*'(?<value>(?:[^']|'')*)'\s*\)\s+ge\s+0|(?<field>displayName|id)\s+(?<op>eq|ne)\s+'(?<value>(?:[^']|'')*)')\s*(?:and\s+(?=\S)|$)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Term();
}
