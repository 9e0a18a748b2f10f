namespace Homeport.Hub.Query;

/// <summary>
/// How values compare. Only values of one primitive type compare; strings compare by code points (their UTF-8), numbers as
/// numbers. What does not compare is neither equal nor unequal, less nor greater, except that every value differs from null.
/// </summary>
internal sealed class QueryValueComparer : IEqualityComparer<QueryValue>
{
    private const int Scratch = 384;

    public static readonly QueryValueComparer Instance = new();

    private QueryValueComparer()
    {
    }

    /// <summary>Equal in the sense of <c>=</c>: never for undefined, objects and arrays.</summary>
    public static bool AreEqual(in QueryValue a, in QueryValue b)
    {
        if (a.Kind != b.Kind)
            return false;
        return a.Kind switch
        {
            QueryValueKind.Null => true,
            QueryValueKind.Bool => a.IsTrue == b.IsTrue,
            QueryValueKind.Number => a.Number == b.Number,
            QueryValueKind.String => a.Utf8(stackalloc byte[Scratch]).SequenceEqual(b.Utf8(stackalloc byte[Scratch])),
            _ => false,
        };
    }

    /// <summary>Different in the sense of <c>!=</c>.</summary>
    public static bool Differ(in QueryValue a, in QueryValue b)
    {
        if (!a.IsDefined || !b.IsDefined)
            return false;
        if (a.Kind == QueryValueKind.Null || b.Kind == QueryValueKind.Null)
            return a.Kind != b.Kind;
        return a.Kind == b.Kind && a.Kind < QueryValueKind.Object && !AreEqual(a, b);
    }

    /// <summary>The order of two values of one type, or null when they have none.</summary>
    public static int? Order(in QueryValue a, in QueryValue b)
    {
        if (a.Kind != b.Kind)
            return null;
        return a.Kind switch
        {
            QueryValueKind.Number => a.Number.CompareTo(b.Number),
            QueryValueKind.String => a.Utf8(stackalloc byte[Scratch]).SequenceCompareTo(b.Utf8(stackalloc byte[Scratch])),
            QueryValueKind.Bool => a.IsTrue.CompareTo(b.IsTrue),
            QueryValueKind.Null => 0,
            _ => null,
        };
    }

    /// <summary>Same value in the sense of a group: undefined is one, and objects are the same when their JSON is.</summary>
    public bool Equals(QueryValue x, QueryValue y)
    {
        if (x.Kind != y.Kind)
            return false;
        return x.Kind is QueryValueKind.Undefined || (x.Kind is QueryValueKind.Object or QueryValueKind.Array
            ? x.Json.Span.SequenceEqual(y.Json.Span)
            : AreEqual(x, y));
    }

    public int GetHashCode(QueryValue obj)
    {
        var hash = new HashCode();
        hash.Add((int)obj.Kind);
        switch (obj.Kind)
        {
            case QueryValueKind.Bool:
                hash.Add(obj.IsTrue);
                break;
            case QueryValueKind.Number:
                hash.Add(obj.Number);
                break;
            case QueryValueKind.String:
                hash.AddBytes(obj.Utf8(stackalloc byte[Scratch]));
                break;
            case QueryValueKind.Object or QueryValueKind.Array:
                hash.AddBytes(obj.Json.Span);
                break;
        }
        return hash.ToHashCode();
    }
}
