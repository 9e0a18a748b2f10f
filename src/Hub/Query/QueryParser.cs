using Homeport.Contract.Errors;

namespace Homeport.Hub.Query;

/// <summary>Reads the clauses of a query.</summary>
internal sealed class QueryParser(string text)
{
    private const long MaxTop = int.MaxValue;

    private static readonly HashSet<string> Missing = new(StringComparer.OrdinalIgnoreCase)
    {
        "ORDER", "HAVING", "LIMIT", "OFFSET", "JOIN", "UNION", "DISTINCT", "LIKE", "BETWEEN", "EXISTS", "VALUE",
    };

    private readonly TokenReader _reader = new(text);

    public Outcome<HubQuery> Query()
    {
        _reader.ExpectWord("SELECT");
        var top = Top();
        var selected = Select();
        _reader.ExpectWord("FROM");
        var scope = From();
        var condition = Where(scope);
        var groupBy = GroupBy(scope);
        End(groupBy.Count > 0 ? "',' or the end of the query" : condition.MatchesAll ? "WHERE, GROUP BY or the end of the query" : "AND, OR, GROUP BY or the end of the query");
        var columns = Columns(selected, scope, groupBy);
        return _reader.Refusal is { } refusal ? refusal : new HubQuery(text, condition, top, columns, groupBy);
    }

    public Outcome<QueryCondition> Condition()
    {
        var scope = new PathScope(QueryCollection.Devices, null);
        QueryCondition condition;
        if (_reader.AcceptWord("FROM"))
        {
            scope = From();
            condition = Where(scope);
        }
        else if (_reader.Accept("*"))
        {
            condition = new QueryCondition(scope.Collection, null, QueryParts.None);
        }
        else
        {
            condition = Expression(scope);
        }
        End("AND, OR or the end of the condition");
        return _reader.Refusal is { } refusal ? refusal : condition;
    }

    /// <summary>A query for whole devices, which have members of their own beside those of their twins.</summary>
    public Outcome<QueryCondition> Devices(IReadOnlyCollection<string> members)
    {
        _reader.ExpectWord("SELECT");
        if (!_reader.Accept("*"))
            _reader.Fail("'*', since devices are chosen whole");
        _reader.ExpectWord("FROM");
        var from = _reader.Current;
        var scope = From();
        if (scope.Collection != QueryCollection.Devices)
            _reader.Refuse(from, "found another collection than devices", "Write SELECT * FROM devices WHERE ...");
        var condition = Where(scope with { Members = members });
        End(condition.MatchesAll ? "WHERE or the end of the query" : "AND, OR or the end of the query");
        return _reader.Refusal is { } refusal ? refusal : condition;
    }

    public Outcome<ObjectQuery> Objects()
    {
        var (isWhole, collection) = (_reader.Accept("*"), (string?)null);
        if (!isWhole)
        {
            _reader.ExpectWord("SELECT");
            if (!_reader.Accept("*"))
                _reader.Fail("'*', since entries are given whole");
            if (_reader.AcceptWord("FROM"))
                collection = Collection();
        }
        var condition = isWhole ? new QueryCondition(QueryCollection.Jobs, null, QueryParts.None) : Where(new PathScope(QueryCollection.Jobs, collection));
        End(isWhole ? "the end of the query" : condition.MatchesAll ? "WHERE or the end of the query" : "AND, OR or the end of the query");
        return _reader.Refusal is { } refusal ? refusal : new ObjectQuery(condition);
    }

    /// <summary>A collection of one kind of objects has one name, and what is asked is clear without it.</summary>
    private string? Collection()
    {
        if (_reader.Current.Kind is TokenKind.Name && !_reader.Current.IsWord("WHERE"))
            return _reader.Take().Text;
        _reader.Fail("the name of the collection");
        return null;
    }

    private void End(string expected)
    {
        if (_reader.Current.Kind == TokenKind.End)
            return;
        if (_reader.Current.Kind == TokenKind.Name && Missing.Contains(_reader.Current.Text))
            RefuseMissing();
        else
            _reader.Fail(expected);
    }

    private void RefuseMissing()
    {
        var word = _reader.Current.Text.ToUpperInvariant();
        if (word == "ORDER")
            _reader.Refuse(_reader.Current, "found ORDER BY, which the query language does not have", "Leave it out and sort the result: twins come in the order of their device ids.");
        else
            _reader.Refuse(_reader.Current, $"found {word}, which the query language does not have", "Leave it out: a query is SELECT, FROM, WHERE and GROUP BY.");
    }

    private long? Top()
    {
        if (!_reader.Current.IsWord("TOP") || _reader.Following.Kind is not (TokenKind.Number or TokenKind.Symbol) || _reader.Following.Text is "," or ".")
            return null;
        _reader.Take();
        var token = _reader.Current;
        if (token.Kind != TokenKind.Number || token.Number is < 1 or > MaxTop || token.Number % 1 != 0)
        {
            _reader.Fail($"a whole number from 1 to {MaxTop} after TOP");
            return null;
        }
        return (long)_reader.Take().Number;
    }

    /// <summary>The list after SELECT, empty for *.</summary>
    private List<Selected> Select()
    {
        var list = new List<Selected>();
        if (_reader.Accept("*"))
            return list;
        do
        {
            if (list.Count == HubQuery.MaxColumns)
                _reader.Refuse(_reader.Current, $"more than {HubQuery.MaxColumns} columns", "Select fewer, or whole sections such as tags.");
            list.Add(SelectOne());
        }
        while (_reader.Accept(","));
        return list;
    }

    private Selected SelectOne()
    {
        var token = _reader.Current;
        if (token.Kind == TokenKind.Name && _reader.Following.Is("("))
        {
            var aggregate = AggregateNamed(token.Text);
            if (aggregate == Aggregate.None)
                _reader.Refuse(token, $"found the function '{token.Text}' in SELECT", "Select paths, COUNT(), AVG(path), SUM(path), MIN(path) or MAX(path).");
            _reader.Take();
            _reader.Expect("(");
            var argument = aggregate == Aggregate.Count ? null : PathSyntax.Read(_reader);
            if (aggregate == Aggregate.Count && !_reader.Current.Is(")"))
                _reader.Fail("')', since COUNT() takes nothing");
            _reader.Expect(")");
            return new Selected(token, aggregate, argument, Alias());
        }
        if (token.Kind == TokenKind.Name && (token.IsWord("DISTINCT") || token.IsWord("VALUE")) && _reader.Following.Kind is TokenKind.Name or TokenKind.QuotedName
            && !_reader.Following.IsWord("AS") && !_reader.Following.IsWord("FROM"))
        {
            RefuseMissing();
        }
        if (token.IsWord("FROM") || token.Kind is not (TokenKind.Name or TokenKind.QuotedName))
            _reader.Fail("'*', a path such as deviceId, or an aggregate such as COUNT()");
        return new Selected(token, Aggregate.None, PathSyntax.Read(_reader), Alias());
    }

    private string? Alias()
    {
        if (!_reader.AcceptWord("AS"))
            return null;
        if (_reader.Current.Kind is TokenKind.Name or TokenKind.QuotedName)
            return _reader.Take().Text;
        _reader.Fail("a name after AS");
        return null;
    }

    private PathScope From()
    {
        _reader.ExpectWord("devices");
        var collection = QueryCollection.Devices;
        if (_reader.Accept("."))
        {
            if (_reader.AcceptWord("modules"))
                collection = QueryCollection.Modules;
            else if (_reader.AcceptWord("jobs"))
                collection = QueryCollection.Jobs;
            else
                _reader.Fail("modules or jobs");
        }
        var alias = Alias();
        var current = _reader.Current;
        if (alias is null && current.Kind == TokenKind.Name && !current.IsWord("WHERE") && !current.IsWord("GROUP") && !Missing.Contains(current.Text))
            alias = _reader.Take().Text;
        return new PathScope(collection, alias);
    }

    private QueryCondition Where(PathScope scope)
        => _reader.AcceptWord("WHERE") ? Expression(scope) : new QueryCondition(scope.Collection, null, QueryParts.None);

    private QueryCondition Expression(PathScope scope)
    {
        var parser = new ExpressionParser(_reader, scope);
        var expression = parser.Parse();
        return new QueryCondition(scope.Collection, expression, parser.Parts);
    }

    private List<QueryPath> GroupBy(PathScope scope)
    {
        var paths = new List<QueryPath>();
        if (!_reader.AcceptWord("GROUP"))
            return paths;
        _reader.ExpectWord("BY");
        do
        {
            if (paths.Count == HubQuery.MaxColumns)
                _reader.Refuse(_reader.Current, $"more than {HubQuery.MaxColumns} paths in GROUP BY", "Group by fewer.");
            paths.Add(scope.Resolve(PathSyntax.Read(_reader)));
        }
        while (_reader.Accept(","));
        return paths;
    }

    private List<QueryColumn> Columns(List<Selected> selected, PathScope scope, List<QueryPath> groupBy)
    {
        var columns = new List<QueryColumn>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var grouped = groupBy.Count > 0 || selected.Exists(s => s.Aggregate != Aggregate.None);
        if (groupBy.Count > 0 && selected.Count == 0)
            _reader.Refuse(new Token(TokenKind.End, "", 0, 0), "found SELECT * with GROUP BY", "Select the grouped paths and aggregates.");
        var unnamed = 0;
        foreach (var one in selected)
        {
            var path = one.Path is null ? null : scope.Resolve(one.Path);
            var group = path is null || one.Aggregate != Aggregate.None ? -1 : groupBy.IndexOf(path);
            if (grouped && one.Aggregate == Aggregate.None && group < 0)
                _reader.Refuse(one.Token, $"found '{path}' beside an aggregate or GROUP BY", "Add it to GROUP BY, or aggregate it.");
            // The service leaves the name of such a column to its database, which counts them.
            var name = one.Alias ?? (one.Aggregate == Aggregate.None ? path!.LastName : null) ?? $"${++unnamed}";
            if (!names.Add(name))
                _reader.Refuse(one.Token, $"found a second column '{name}'", "Give it another name with AS.");
            columns.Add(new QueryColumn(name, one.Aggregate, path, group));
        }
        return columns;
    }

    private static Aggregate AggregateNamed(string name) => name.ToUpperInvariant() switch
    {
        "COUNT" => Aggregate.Count,
        "AVG" => Aggregate.Avg,
        "SUM" => Aggregate.Sum,
        "MIN" => Aggregate.Min,
        "MAX" => Aggregate.Max,
        _ => Aggregate.None,
    };

    /// <summary>A column before the FROM clause is known.</summary>
    private sealed record Selected(Token Token, Aggregate Aggregate, List<PathStep>? Path, string? Alias);
}
