using Homeport.Contract.Errors;
using Homeport.Provisioning;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Gateway.Http.Operators;

/// <summary>
/// The parameter <c>$filter</c> of a list of devices: OData with <c>eq ne gt ge lt le and or not</c>, parentheses, <c>indexof(member,'text') ge 0</c>, <c>contains</c> and
/// <c>startswith</c>. Members: id, displayName, enabled, provisioned, simulated, template, organizations (also scopes), and Homeport's status.
/// </summary>
internal sealed class DeviceFilterSyntax
{
    private const int MaxLength = 2048;
    private const int MaxDepth = 20;

    private static readonly Dictionary<string, Func<DeviceFacts, object?>> Members = new(StringComparer.Ordinal)
    {
        ["id"] = d => d.DeviceId,
        ["displayName"] = d => d.DisplayName ?? d.DeviceId,
        ["enabled"] = d => d.IsEnabled,
        ["provisioned"] = d => d.Provisioned,
        ["simulated"] = d => d.Simulated,
        ["template"] = d => d.Template,
        ["organizations"] = d => d.Organization,
        ["scopes"] = d => d.Organization,
        ["status"] = d => StatusName(d.Status),
    };

    private readonly List<string> _tokens;
    private int _place;
    private int _depth;

    private DeviceFilterSyntax(List<string> tokens) => _tokens = tokens;

    private string? Next => _place < _tokens.Count ? _tokens[_place] : null;

    /// <summary>Reads a filter; the empty one chooses all devices.</summary>
    public static Outcome<DeviceFilter> Read(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
            return new DeviceFilter();
        if (text.Length > MaxLength)
            return Bad($"it has more than {MaxLength} characters");
        try
        {
            var syntax = new DeviceFilterSyntax(Split(text));
            if (syntax.Indexed() is { } indexed)
                return indexed;
            var where = syntax.Any();
            return syntax.Next is null ? new DeviceFilter { Where = where } : Bad($"'{Shown.Text(syntax.Next)}' is not expected");
        }
        catch (FormatException e)
        {
            return Bad(e.Message);
        }
    }

    /// <summary>The name of a state, as REST shows it.</summary>
    public static string StatusName(DeviceStatus status) => System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(status.ToString());

    /// <summary>A single comparison that an index answers.</summary>
    private DeviceFilter? Indexed()
    {
        if (_tokens is not [var member, "eq", var value])
            return null;
        if (member == "template")
            return value == "null" ? new DeviceFilter { Unassociated = true } : new DeviceFilter { Template = (string?)Literal(value) };
        if (member == "organizations" && Literal(value) is string organization)
            return new DeviceFilter { Organizations = [organization] };
        return member == "status" && Enum.GetValues<DeviceStatus>().Where(s => StatusName(s) == (string?)Literal(value)).ToList() is [var status] ? new DeviceFilter { Status = status } : null;
    }

    private Func<DeviceFacts, bool> Any()
    {
        var left = All();
        while (Take("or"))
        {
            var (a, b) = (left, All());
            left = d => a(d) || b(d);
        }
        return left;
    }

    private Func<DeviceFacts, bool> All()
    {
        var left = One();
        while (Take("and"))
        {
            var (a, b) = (left, One());
            left = d => a(d) && b(d);
        }
        return left;
    }

    private Func<DeviceFacts, bool> One()
    {
        if (++_depth > MaxDepth)
            throw new FormatException($"more than {MaxDepth} levels");
        try
        {
            if (Take("not"))
            {
                var inner = One();
                return d => !inner(d);
            }
            if (!Take("("))
                return Comparison();
            var group = Any();
            Expect(")");
            return group;
        }
        finally
        {
            _depth--;
        }
    }

    private Func<DeviceFacts, bool> Comparison()
    {
        var name = Word();
        if (Take("("))
        {
            var (member, text) = Arguments();
            if (name is "contains" or "startswith")
            {
                var isStart = name == "startswith";
                return d => member(d) is string s && (isStart ? s.StartsWith(text, StringComparison.OrdinalIgnoreCase) : s.Contains(text, StringComparison.OrdinalIgnoreCase));
            }
            if (name != "indexof")
                throw new FormatException($"there is no function '{Shown.Text(name)}'");
            return Compare(d => (long)((member(d) as string)?.IndexOf(text, StringComparison.OrdinalIgnoreCase) ?? -1), Word(), Literal(Word()));
        }
        return Compare(Member(name), Word(), Literal(Word()));
    }

    private (Func<DeviceFacts, object?> Member, string Text) Arguments()
    {
        var member = Member(Word());
        Expect(",");
        var text = Literal(Word()) as string ?? throw new FormatException("the second argument of a function is no text");
        Expect(")");
        return (member, text);
    }

    private static Func<DeviceFacts, bool> Compare(Func<DeviceFacts, object?> member, string verb, object? value)
    {
        Func<int?, bool> fits = verb switch
        {
            "eq" => c => c == 0,
            "ne" => c => c != 0,
            "gt" => c => c > 0,
            "ge" => c => c >= 0,
            "lt" => c => c < 0,
            "le" => c => c <= 0,
            _ => throw new FormatException($"'{Shown.Text(verb)}' is no comparison"),
        };
        return d => fits(Order(member(d), value));
    }

    /// <summary>Null when the two cannot be compared.</summary>
    private static int? Order(object? a, object? b) => (a, b) switch
    {
        (null, null) => 0,
        (string x, string y) => string.CompareOrdinal(x, y),
        (bool x, bool y) => x.CompareTo(y),
        (long x, long y) => x.CompareTo(y),
        _ => null,
    };

    private static Func<DeviceFacts, object?> Member(string name)
        => Members.TryGetValue(name, out var member) ? member : throw new FormatException($"there is no member '{Shown.Text(name)}'; there are {string.Join(", ", Members.Keys)}");

    private static object? Literal(string token) => token switch
    {
        "null" => null,
        "true" => true,
        "false" => false,
        ['\'', .. var text, '\''] => text.Replace("''", "'", StringComparison.Ordinal),
        _ => long.TryParse(token, System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new FormatException($"'{Shown.Text(token)}' is no value: texts stand in single quotes"),
    };

    private string Word()
    {
        var token = Next ?? throw new FormatException("it ends too early");
        _place++;
        return token;
    }

    private bool Take(string token)
    {
        if (Next != token)
            return false;
        _place++;
        return true;
    }

    private void Expect(string token)
    {
        if (!Take(token))
            throw new FormatException($"'{token}' is missing{(Next is { } next ? $" before '{Shown.Text(next)}'" : " at the end")}");
    }

    private static List<string> Split(string text)
    {
        var tokens = new List<string>();
        for (var i = 0; i < text.Length;)
        {
            if (char.IsWhiteSpace(text[i]))
            {
                i++;
                continue;
            }
            var end = text[i] switch
            {
                '(' or ')' or ',' => i + 1,
                '\'' => EndOfText(text, i),
                _ => EndOfWord(text, i),
            };
            tokens.Add(text[i..end]);
            i = end;
        }
        return tokens;
    }

    private static int EndOfWord(string text, int start)
    {
        var end = start;
        while (end < text.Length && !char.IsWhiteSpace(text[end]) && text[end] is not ('(' or ')' or ',' or '\''))
            end++;
        return end;
    }

    private static int EndOfText(string text, int start)
    {
        for (var i = start + 1; i < text.Length; i++)
        {
            if (text[i] != '\'')
                continue;
            if (i + 1 == text.Length || text[i + 1] != '\'')
                return i + 1;
            i++;
        }
        throw new FormatException("a text has no closing quote");
    }

    private static Refusal Bad(string reason) => new(PeopleErrors.InvalidQuery, $"$filter: {reason}", "Write it as displayName eq 'Pump 1' and provisioned eq true.");
}
