using System.Globalization;
using System.Text;

namespace Homeport.Hub.Query;

/// <summary>A function of the language.</summary>
/// <param name="Name">In lower case.</param>
/// <param name="MinArguments">Fewest arguments.</param>
/// <param name="MaxArguments">Most arguments.</param>
/// <param name="Apply">Computes from up to three arguments; absent ones are undefined.</param>
/// <param name="Combine">Computes from any number of arguments.</param>
internal sealed record QueryFunction(
    string Name,
    int MinArguments,
    int MaxArguments,
    Func<QueryValue, QueryValue, QueryValue, QueryValue>? Apply,
    Func<IReadOnlyList<Expression>, IQueryRow, QueryValue>? Combine = null);

/// <summary>The functions of the language. The result is undefined when an argument has the wrong type.</summary>
internal static class QueryFunctions
{
    public const string StartsWith = "startswith";

    /// <summary>Characters that a string may grow to; beyond that it is undefined.</summary>
    public const int MaxText = 32768;

    private const int Scratch = 384;

    private static readonly Dictionary<string, QueryFunction> ByName = Build();

    /// <summary>Names in the order of the alphabet.</summary>
    public static IEnumerable<string> Names => ByName.Keys.Order(StringComparer.Ordinal);

    public static QueryFunction? Find(string name) => ByName.GetValueOrDefault(name);

    private static Dictionary<string, QueryFunction> Build()
    {
        var all = new Dictionary<string, QueryFunction>(StringComparer.OrdinalIgnoreCase);
        AddTypeTests(all);
        AddTexts(all);
        AddNumbers(all);
        return all;

        static void AddTypeTests(Dictionary<string, QueryFunction> all)
        {
            Test(all, "is_defined", k => k != QueryValueKind.Undefined);
            Test(all, "is_null", k => k == QueryValueKind.Null);
            Test(all, "is_string", k => k == QueryValueKind.String);
            Test(all, "is_number", k => k == QueryValueKind.Number);
            Test(all, "is_bool", k => k == QueryValueKind.Bool);
            Test(all, "is_object", k => k == QueryValueKind.Object);
            Test(all, "is_array", k => k == QueryValueKind.Array);
            Test(all, "is_primitive", k => k is QueryValueKind.Null or QueryValueKind.Bool or QueryValueKind.Number or QueryValueKind.String);
        }
    }

    private static void AddTexts(Dictionary<string, QueryFunction> all)
    {
        Add(all, 2, 2, (a, b, _) => OfTexts(a, b, (x, y) => x.StartsWith(y)), StartsWith, "starts_with");
        Add(all, 2, 2, (a, b, _) => OfTexts(a, b, (x, y) => x.EndsWith(y)), "endswith", "ends_with");
        Add(all, 2, 2, (a, b, _) => OfTexts(a, b, (x, y) => x.IndexOf(y) >= 0), "contains");
        Add(all, 2, 2, (a, b, _) => a.Kind == QueryValueKind.Array && b.IsDefined ? QueryValue.From(JsonCursor.Contains(a.Json, b)) : default, "array_contains");
        Add(all, 1, 1, (a, _, _) => a.Kind == QueryValueKind.Array ? QueryValue.From(JsonCursor.Count(a.Json.Span)) : default, "array_length");
        Add(all, 1, 1, (a, _, _) => a.Text is { } text ? QueryValue.From((double)text.Length) : default, "length");
        Add(all, 1, 1, (a, _, _) => QueryValue.From(a.Text?.ToLowerInvariant()), "lower");
        Add(all, 1, 1, (a, _, _) => QueryValue.From(a.Text?.ToUpperInvariant()), "upper");
        Add(all, 2, 2, (a, b, _) => a.Text is { } text && b.Text is { } part ? QueryValue.From((double)text.IndexOf(part, StringComparison.Ordinal)) : default, "index_of");
        Add(all, 2, 3, Substring, "substring");
        all["concat"] = new QueryFunction("concat", 1, int.MaxValue, null, Concat);
    }

    private static void AddNumbers(Dictionary<string, QueryFunction> all)
    {
        Number(all, "abs", Math.Abs);
        Number(all, "ceiling", Math.Ceiling);
        Number(all, "floor", Math.Floor);
        Number(all, "sqrt", Math.Sqrt);
        Number(all, "square", x => x * x);
        Number(all, "exp", Math.Exp);
        Number(all, "sign", x => Math.Sign(x));
        Add(all, 2, 2, (a, b, _) => a.Kind == QueryValueKind.Number && b.Kind == QueryValueKind.Number ? QueryValue.From(Math.Pow(a.Number, b.Number)) : default, "power");
        Add(all, 1, 1, AsNumber, "as_number");
    }

    private static void Add(Dictionary<string, QueryFunction> all, int min, int max, Func<QueryValue, QueryValue, QueryValue, QueryValue> apply, params string[] names)
    {
        foreach (var name in names)
            all[name] = new QueryFunction(names[0], min, max, apply);
    }

    private static void Test(Dictionary<string, QueryFunction> all, string name, Func<QueryValueKind, bool> test)
        => Add(all, 1, 1, (a, _, _) => QueryValue.From(test(a.Kind)), name);

    private static void Number(Dictionary<string, QueryFunction> all, string name, Func<double, double> function)
        => Add(all, 1, 1, (a, _, _) => a.Kind == QueryValueKind.Number ? QueryValue.From(function(a.Number)) : default, name);

    private delegate bool TextTest(ReadOnlySpan<byte> text, ReadOnlySpan<byte> part);

    private static QueryValue OfTexts(in QueryValue text, in QueryValue part, TextTest test)
        => text.Kind == QueryValueKind.String && part.Kind == QueryValueKind.String
            ? QueryValue.From(test(text.Utf8(stackalloc byte[Scratch]), part.Utf8(stackalloc byte[Scratch])))
            : default;

    /// <summary>From an index on, with an optional length; beyond the end there is nothing.</summary>
    private static QueryValue Substring(QueryValue value, QueryValue from, QueryValue length)
    {
        if (value.Text is not { } text || from.Kind != QueryValueKind.Number || length.Kind is not (QueryValueKind.Number or QueryValueKind.Undefined))
            return default;
        var start = (int)Math.Clamp(from.Number, 0, text.Length);
        var count = length.IsDefined ? (int)Math.Clamp(length.Number, 0, text.Length - start) : text.Length - start;
        return QueryValue.From(text.Substring(start, count));
    }

    private static QueryValue Concat(IReadOnlyList<Expression> arguments, IQueryRow row)
    {
        var text = new StringBuilder();
        for (var i = 0; i < arguments.Count; i++)
        {
            if (arguments[i].Evaluate(row).Text is not { } part || text.Length + part.Length > MaxText)
                return default;
            text.Append(part);
        }
        return QueryValue.From(text.ToString());
    }

    private static QueryValue AsNumber(QueryValue value, QueryValue unused1, QueryValue unused2) => value.Kind switch
    {
        QueryValueKind.Number => value,
        QueryValueKind.String when double.TryParse(value.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => QueryValue.From(number),
        _ => default,
    };
}
