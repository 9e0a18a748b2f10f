namespace Homeport.Hub.Query;

/// <summary>Which rows are meant: the WHERE of a query, or the target condition of a configuration or job.</summary>
public sealed class QueryCondition
{
    private readonly Expression? _expression;

    internal QueryCondition(QueryCollection collection, Expression? expression, QueryParts parts)
    {
        Collection = collection;
        _expression = expression;
        Parts = parts;
        Index = QueryPlan.Extract(expression);
    }

    /// <summary>The rows that it chooses from.</summary>
    public QueryCollection Collection { get; }

    /// <summary>True for <c>*</c> and for a query without WHERE.</summary>
    public bool MatchesAll => _expression is null;

    /// <summary>What it reads of a row.</summary>
    public QueryParts Parts { get; }

    /// <summary>What an index can use. All of them hold together.</summary>
    public IReadOnlyList<IndexCondition> Index { get; }

    public bool Matches(IQueryRow row) => _expression is null || _expression.Evaluate(row).IsTrue;
}
