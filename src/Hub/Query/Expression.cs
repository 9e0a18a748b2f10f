namespace Homeport.Hub.Query;

/// <summary>A part of a condition, evaluated on one row. Chains are flat, so the depth is that of the parentheses.</summary>
internal abstract class Expression
{
    public abstract QueryValue Evaluate(IQueryRow row);
}

/// <summary>A constant.</summary>
internal sealed class Constant(QueryValue value) : Expression
{
    public QueryValue Value => value;

    public override QueryValue Evaluate(IQueryRow row) => value;
}

/// <summary>A value of the row.</summary>
internal sealed class PathValue(QueryPath path) : Expression
{
    public QueryPath Path => path;

    public override QueryValue Evaluate(IQueryRow row) => row.Get(path);
}

/// <summary>AND or OR of two or more terms. A term that is not a boolean counts as false.</summary>
internal sealed class Logic(bool isAnd, IReadOnlyList<Expression> terms) : Expression
{
    public bool IsAnd => isAnd;

    public IReadOnlyList<Expression> Terms => terms;

    public override QueryValue Evaluate(IQueryRow row)
    {
        for (var i = 0; i < terms.Count; i++)
        {
            if (terms[i].Evaluate(row).IsTrue != isAnd)
                return QueryValue.From(!isAnd);
        }
        return QueryValue.From(isAnd);
    }
}

/// <summary>NOT: turns a boolean, and leaves anything else undefined.</summary>
internal sealed class Negation(Expression term) : Expression
{
    public override QueryValue Evaluate(IQueryRow row)
    {
        var value = term.Evaluate(row);
        return value.Kind == QueryValueKind.Bool ? QueryValue.From(!value.IsTrue) : default;
    }
}

internal enum Comparison
{
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// <summary>A comparison, which is false when the two do not compare.</summary>
internal sealed class Compare(Comparison comparison, Expression left, Expression right) : Expression
{
    public Comparison Comparison => comparison;

    public Expression Left => left;

    public Expression Right => right;

    public override QueryValue Evaluate(IQueryRow row)
    {
        var a = left.Evaluate(row);
        if (!a.IsDefined)
            return QueryValue.From(false);
        var b = right.Evaluate(row);
        return QueryValue.From(comparison switch
        {
            Comparison.Equal => QueryValueComparer.AreEqual(a, b),
            Comparison.NotEqual => QueryValueComparer.Differ(a, b),
            Comparison.Less => QueryValueComparer.Order(a, b) < 0,
            Comparison.LessOrEqual => QueryValueComparer.Order(a, b) <= 0,
            Comparison.Greater => QueryValueComparer.Order(a, b) > 0,
            _ => QueryValueComparer.Order(a, b) >= 0,
        });
    }
}

/// <summary>IN and NIN with a list of constants. An undefined value is neither in it nor not.</summary>
internal sealed class InList(Expression value, IReadOnlyList<QueryValue> list, bool isNot) : Expression
{
    // Undefined is in no list.
    private readonly HashSet<QueryValue> _set = new(list.Where(v => v.IsDefined), QueryValueComparer.Instance);

    public Expression Value => value;

    public IReadOnlyList<QueryValue> List => list;

    public bool IsNot => isNot;

    public override QueryValue Evaluate(IQueryRow row)
    {
        var found = value.Evaluate(row);
        if (!found.IsDefined || found.Kind >= QueryValueKind.Object)
            return QueryValue.From(false);
        return QueryValue.From(_set.Contains(found) != isNot);
    }
}

/// <summary>IN and NIN with an array of the row.</summary>
internal sealed class InArray(Expression value, Expression array, bool isNot) : Expression
{
    public override QueryValue Evaluate(IQueryRow row)
    {
        var found = value.Evaluate(row);
        var elements = array.Evaluate(row);
        return QueryValue.From(found.IsDefined && elements.Kind == QueryValueKind.Array && JsonCursor.Contains(elements.Json, found) != isNot);
    }
}

/// <summary>A chain of operators of one priority, worked off from left to right. Undefined unless all are numbers.</summary>
internal sealed class Arithmetic(Expression first, IReadOnlyList<(char Operator, Expression Operand)> rest) : Expression
{
    public override QueryValue Evaluate(IQueryRow row)
    {
        var value = first.Evaluate(row);
        for (var i = 0; i < rest.Count && value.Kind == QueryValueKind.Number; i++)
        {
            var operand = rest[i].Operand.Evaluate(row);
            if (operand.Kind != QueryValueKind.Number)
                return default;
            value = QueryValue.From(rest[i].Operator switch
            {
                '+' => value.Number + operand.Number,
                '-' => value.Number - operand.Number,
                '*' => value.Number * operand.Number,
                '/' => value.Number / operand.Number,
                _ => value.Number % operand.Number,
            });
        }
        return value.Kind == QueryValueKind.Number ? value : default;
    }
}

/// <summary>A call of one of the <see cref="QueryFunctions"/>.</summary>
internal sealed class Call(QueryFunction function, IReadOnlyList<Expression> arguments) : Expression
{
    public QueryFunction Function => function;

    public IReadOnlyList<Expression> Arguments => arguments;

    public override QueryValue Evaluate(IQueryRow row)
    {
        if (function.Combine is { } combine)
            return combine(arguments, row);
        return function.Apply!(
            arguments[0].Evaluate(row),
            arguments.Count > 1 ? arguments[1].Evaluate(row) : default,
            arguments.Count > 2 ? arguments[2].Evaluate(row) : default);
    }
}
