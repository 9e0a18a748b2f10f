namespace Homeport.Hub.Query;

/// <summary>Finds in a condition what an index can use.</summary>
internal static class QueryPlan
{
    /// <summary>More alternatives than this are no use to an index.</summary>
    private const int MaxValues = 1000;

    /// <summary>Takes the terms that AND joins at the top.</summary>
    public static IReadOnlyList<IndexCondition> Extract(Expression? expression)
    {
        var found = new List<IndexCondition>();
        Add(expression, found);
        return found;
    }

    private static void Add(Expression? expression, List<IndexCondition> found)
    {
        if (expression is Logic { IsAnd: true } and)
        {
            foreach (var term in and.Terms)
                Add(term, found);
        }
        else if (Of(expression) is { } condition)
        {
            found.Add(condition);
        }
    }

    private static IndexCondition? Of(Expression? expression) => expression switch
    {
        Compare { Comparison: Comparison.Equal, Left: PathValue path, Right: Constant value } => AnyOf(path.Path, [value.Value]),
        Compare { Comparison: Comparison.Equal, Left: Constant value, Right: PathValue path } => AnyOf(path.Path, [value.Value]),
        InList { IsNot: false, Value: PathValue path } list => AnyOf(path.Path, list.List),
        Call { Function.Name: QueryFunctions.StartsWith, Arguments: [PathValue path, Constant { Value.Kind: QueryValueKind.String } start] } when IsIndexable(path.Path)
            => new IndexCondition(path.Path, IndexMatch.StartsWith, [start.Value]),
        Logic { IsAnd: false } or => OfAlternatives(or.Terms),
        _ => null,
    };

    /// <summary>An OR of equalities of one path is a list.</summary>
    private static IndexCondition? OfAlternatives(IReadOnlyList<Expression> terms)
    {
        var values = new List<QueryValue>();
        QueryPath? path = null;
        foreach (var term in terms)
        {
            if (Of(term) is not { Match: IndexMatch.AnyOf } condition || !condition.Path.Equals(path ?? condition.Path))
                return null;
            path ??= condition.Path;
            values.AddRange(condition.Values);
        }
        return AnyOf(path!, values);
    }

    private static IndexCondition? AnyOf(QueryPath path, IReadOnlyList<QueryValue> values)
    {
        if (!IsIndexable(path) || values.Any(v => v.Kind == QueryValueKind.Null))
            return null;
        QueryValue[] distinct = [.. values.Where(v => v.IsDefined).Distinct(QueryValueComparer.Instance)];
        return distinct.Length <= MaxValues ? new IndexCondition(path, IndexMatch.AnyOf, distinct) : null;
    }

    private static bool IsIndexable(QueryPath path) => path.Steps.All(s => s.Name is not null)
        && (path.Section == QuerySection.Tags ? path.Steps.Count > 1 : path.Section == QuerySection.Field && path.Steps.Count == 1);
}
