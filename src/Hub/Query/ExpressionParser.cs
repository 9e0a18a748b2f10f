namespace Homeport.Hub.Query;

/// <summary>
/// Reads a condition. From loose to tight: OR, AND, NOT, comparisons and IN, <c>+ -</c>, <c>* / %</c>, sign.
/// </summary>
internal sealed class ExpressionParser(TokenReader reader, PathScope scope)
{
    private static readonly Constant Nothing = new(default);

    private static readonly HashSet<string> Keywords = new(StringComparer.OrdinalIgnoreCase)
    {
        "SELECT", "FROM", "WHERE", "GROUP", "BY", "AND", "OR", "NOT", "IN", "NIN", "AS", "ORDER",
    };

    private int _nesting;

    /// <summary>What the condition reads of a row.</summary>
    public QueryParts Parts { get; private set; }

    /// <summary>First names of the paths that it reads.</summary>
    public HashSet<string> Roots { get; } = new(StringComparer.OrdinalIgnoreCase);

    public Expression Parse()
    {
        if (!Deeper())
            return Nothing;
        var result = Chain(false, "OR", () => Chain(true, "AND", Not));
        _nesting--;
        return result;
    }

    private bool Deeper()
    {
        if (_nesting == HubQuery.MaxNesting)
        {
            reader.Refuse(reader.Current, $"more than {HubQuery.MaxNesting} levels", "Use fewer parentheses.");
            return false;
        }
        _nesting++;
        return true;
    }

    private Expression Chain(bool isAnd, string keyword, Func<Expression> term)
    {
        var first = term();
        if (!reader.Current.IsWord(keyword))
            return first;
        var terms = new List<Expression> { first };
        while (reader.AcceptWord(keyword))
            terms.Add(term());
        return new Logic(isAnd, terms);
    }

    private Expression Not()
    {
        if (!reader.AcceptWord("NOT"))
            return Comparison();
        if (!Deeper())
            return Nothing;
        var term = Not();
        _nesting--;
        return new Negation(term);
    }

    private Expression Comparison()
    {
        var left = Sum();
        var operation = reader.Current.Kind != TokenKind.Symbol ? null : OperatorOf(reader.Current.Text);
        if (operation is { } comparison)
        {
            reader.Take();
            return new Compare(comparison, left, Sum());
        }
        if (reader.AcceptWord("IN"))
            return In(left, false);
        if (reader.AcceptWord("NIN"))
            return In(left, true);
        if (!reader.Current.IsWord("NOT"))
            return left;
        reader.Take();
        reader.ExpectWord("IN");
        return In(left, true);
    }

    private static Comparison? OperatorOf(string symbol) => symbol switch
    {
        "=" => Query.Comparison.Equal,
        "!=" or "<>" => Query.Comparison.NotEqual,
        "<" => Query.Comparison.Less,
        "<=" => Query.Comparison.LessOrEqual,
        ">" => Query.Comparison.Greater,
        ">=" => Query.Comparison.GreaterOrEqual,
        _ => null,
    };

    private Expression In(Expression value, bool isNot)
    {
        if (!reader.Current.Is("["))
        {
            if (reader.Current.Kind is TokenKind.Name or TokenKind.QuotedName)
                return new InArray(value, Path(), isNot);
            reader.Fail("a list in brackets such as ['a', 'b']");
            return Nothing;
        }
        reader.Take();
        var list = new List<QueryValue>();
        if (reader.Accept("]"))
            return new InList(value, list, isNot);
        do
            list.Add(ListElement());
        while (reader.Accept(","));
        if (!reader.Accept("]"))
            reader.Fail("',' or ']'");
        return new InList(value, list, isNot);
    }

    private QueryValue ListElement()
    {
        var minus = reader.Accept("-");
        if (minus ? reader.Current.Kind == TokenKind.Number : IsConstant(reader.Current))
        {
            var value = ConstantOf(reader.Take());
            return minus ? QueryValue.From(-value.Number) : value;
        }
        reader.Fail(minus ? "a number" : "a constant: a string in quotes, a number, true, false or null");
        return default;
    }

    private Expression Sum() => Operators("+-", () => Operators("*/%", Sign));

    private Expression Operators(string operators, Func<Expression> operand)
    {
        var first = operand();
        List<(char, Expression)>? rest = null;
        while (reader.Current.Kind == TokenKind.Symbol && operators.Contains(reader.Current.Text, StringComparison.Ordinal))
        {
            var symbol = reader.Take().Text[0];
            (rest ??= []).Add((symbol, operand()));
        }
        return rest is null ? first : new Arithmetic(first, rest);
    }

    private Expression Sign()
    {
        if (!reader.Accept("-"))
            return Primary();
        if (!Deeper())
            return Nothing;
        var value = Sign();
        _nesting--;
        return value is Constant { Value.Kind: QueryValueKind.Number } constant
            ? new Constant(QueryValue.From(-constant.Value.Number))
            : new Arithmetic(new Constant(QueryValue.From(0d)), [('-', value)]);
    }

    private Expression Primary()
    {
        var token = reader.Current;
        if (reader.Accept("("))
        {
            var inner = Parse();
            if (!reader.Accept(")"))
                reader.Fail("')', an operator, AND or OR");
            return inner;
        }
        if (token.Kind == TokenKind.Name && reader.Following.Is("("))
            return Function();
        if (IsConstant(token) && !(token.Kind == TokenKind.Name && (reader.Following.Is(".") || reader.Following.Is("["))))
            return new Constant(ConstantOf(reader.Take()));
        if (token.Kind == TokenKind.QuotedName || (token.Kind == TokenKind.Name && !Keywords.Contains(token.Text)))
            return Path();
        reader.Fail(token.Kind == TokenKind.Name ? $"a value; a property of that name is written [[{token.Text}]]" : "a value: a path, a constant or a function");
        return Nothing;
    }

    private PathValue Path()
    {
        var token = reader.Current;
        var path = scope.Resolve(PathSyntax.Read(reader));
        if (scope.Check?.Invoke(path) is { } wrong)
            reader.Refuse(token, wrong.Seen, wrong.Fix);
        Roots.Add(path.Steps[0].Name ?? "");
        if (scope.Misses(path))
            reader.Refuse(token, $"found '{Shortened(path.Text)}', which devices do not have", $"Devices have {string.Join(", ", scope.Members!)}; a name without $ is a property.");
        Parts |= scope.PartsOf(path);
        return new PathValue(path);
    }

    private static bool IsConstant(Token token) => token.Kind is TokenKind.String or TokenKind.Number
        || token.IsWord("true") || token.IsWord("false") || token.IsWord("null") || token.IsWord("undefined");

    private static QueryValue ConstantOf(Token token) => token.Kind switch
    {
        TokenKind.String => QueryValue.Literal(token.Text),
        TokenKind.Number => QueryValue.From(token.Number),
        _ when token.IsWord("null") => QueryValue.Null,
        _ when token.IsWord("undefined") => default,
        _ => QueryValue.From(token.IsWord("true")),
    };

    private Expression Function()
    {
        var name = reader.Current;
        var function = QueryFunctions.Find(name.Text);
        if (function is null)
        {
            reader.Refuse(name, name.Text.ToUpperInvariant() is "COUNT" or "AVG" or "SUM" or "MIN" or "MAX"
                ? $"found the aggregate {name.Text} in a condition"
                : $"found the function '{Shortened(name.Text)}', which the query language does not have", "Functions are " + string.Join(", ", QueryFunctions.Names) + ".");
            return Nothing;
        }
        reader.Take();
        reader.Take();
        var arguments = new List<Expression>();
        if (!reader.Current.Is(")"))
        {
            do
                arguments.Add(Parse());
            while (reader.Accept(","));
        }
        if (!reader.Accept(")"))
            reader.Fail("',' or ')'");
        if (arguments.Count >= function.MinArguments && arguments.Count <= function.MaxArguments)
            return new Call(function, arguments);
        var allowed = function.MinArguments == function.MaxArguments ? $"{function.MinArguments}" : $"{function.MinArguments} to {function.MaxArguments}";
        reader.Refuse(name, $"found {arguments.Count} arguments of {function.Name}", $"It takes {allowed}.");
        return Nothing;
    }

    private static string Shortened(string text) => text.Length <= 32 ? text : text[..32] + "...";
}
