namespace Homeport.Hub.Query;

/// <summary>How paths are written: <c>tags.floor</c>, <c>tags['my floor']</c>, <c>configurations.[[my-id]].status</c>, <c>tags.list[0]</c>.</summary>
internal static class PathSyntax
{
    private const int MaxIndex = 1_000_000;

    /// <summary>Reads a path, which has at least one step even when it is refused.</summary>
    public static List<PathStep> Read(TokenReader reader)
    {
        var steps = new List<PathStep> { Name(reader) };
        while (true)
        {
            if (reader.Accept("."))
                steps.Add(Name(reader));
            else if (reader.Accept("["))
                steps.Add(Bracket(reader));
            else
                return steps;
        }
    }

    private static PathStep Name(TokenReader reader)
    {
        if (reader.Current.Kind is TokenKind.Name or TokenKind.QuotedName)
            return new PathStep(reader.Take().Text);
        reader.Fail("a name");
        return new PathStep("");
    }

    private static PathStep Bracket(TokenReader reader)
    {
        var token = reader.Current;
        PathStep step;
        if (token.Kind == TokenKind.String)
        {
            step = new PathStep(token.Text);
        }
        else if (token.Kind == TokenKind.Number && token.Number is >= 0 and <= MaxIndex && token.Number % 1 == 0)
        {
            step = new PathStep((int)token.Number);
        }
        else
        {
            reader.Fail("a name in quotes or the index of an array element");
            return new PathStep("");
        }
        reader.Take();
        reader.Expect("]");
        return step;
    }
}

/// <summary>What the FROM clause says about paths: which prefixes they may have.</summary>
/// <param name="Collection">The rows.</param>
/// <param name="Alias">Another name of the collection.</param>
/// <param name="Members">Names with <c>$</c> that rows have beside those of twins; then plain names are properties. Null for the query language of the hub.</param>
internal sealed record PathScope(QueryCollection Collection, string? Alias, IReadOnlyCollection<string>? Members = null)
{
    /// <summary>Says of a path what is wrong with it and what mends it; null for a path that is good.</summary>
    public Func<QueryPath, (string Seen, string Fix)?>? Check { get; init; }

    /// <summary>True when no row has such a member.</summary>
    public bool Misses(QueryPath path) => Members is not null && IsMember(path) && (path.Steps.Count > 1 || !Members.Contains(path.Steps[0].Name!));

    /// <summary>What has to be read of a twin.</summary>
    public QueryParts PartsOf(QueryPath path)
    {
        if (Members is null || path.Section != QuerySection.Field)
            return HubQuery.PartsOf(path);
        return IsMember(path) ? QueryParts.None : QueryParts.All;
    }

    private static bool IsMember(QueryPath path) => path.Steps[0].Name is ['$', ..];

    /// <summary>The path inside of a row, without the name of the collection.</summary>
    public QueryPath Resolve(List<PathStep> steps)
    {
        var skip = 0;
        if (Collection == QueryCollection.Messages)
            return new QueryPath(steps);
        if (Alias is not null && Starts(steps, 0, Alias))
        {
            skip = 1;
        }
        else if (Starts(steps, 0, "devices"))
        {
            skip = 1;
            if ((Collection == QueryCollection.Modules && Starts(steps, 1, "modules")) || (Collection == QueryCollection.Jobs && Starts(steps, 1, "jobs")))
                skip = 2;
        }
        return new QueryPath(steps[skip..]);
    }

    private static bool Starts(List<PathStep> steps, int at, string name)
        => steps.Count > at + 1 && string.Equals(steps[at].Name, name, StringComparison.OrdinalIgnoreCase);
}
