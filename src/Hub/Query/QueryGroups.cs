using Homeport.Contract.Errors;

namespace Homeport.Hub.Query;

/// <summary>Rows with the same values at the paths of GROUP BY.</summary>
/// <param name="Key">One value for each path.</param>
/// <param name="Totals">One for each column.</param>
internal sealed record QueryGroup(QueryValue[] Key, Total[] Totals);

/// <summary>Gathers rows into groups, in the order in which the groups first appear. Their number and memory are bounded.</summary>
internal sealed class QueryGroups
{
    /// <summary>Groups of a result.</summary>
    public const int MaxGroups = 10_000;

    /// <summary>Bytes of values that are kept: keys, and texts of MIN and MAX.</summary>
    public const int MaxBytes = 32 * 1024 * 1024;

    private readonly HubQuery _query;
    private readonly Dictionary<QueryValue[], QueryGroup> _byKey = new(new KeyComparer());
    private readonly List<QueryGroup> _groups = [];
    private readonly QueryValue[] _key;
    private long _bytes;

    public QueryGroups(HubQuery query)
    {
        _query = query;
        _key = new QueryValue[query.GroupBy.Count];
        // Without GROUP BY all rows are one group, also when there are none.
        if (_key.Length == 0)
            Start([]);
    }

    public IReadOnlyList<QueryGroup> Groups => _groups;

    /// <summary>Adds a row. A refusal when there are too many groups.</summary>
    public Refusal? Add(IQueryRow row)
    {
        for (var i = 0; i < _key.Length; i++)
            _key[i] = row.Get(_query.GroupBy[i]);
        if (!_byKey.TryGetValue(_key, out var group))
        {
            if (_groups.Count == MaxGroups)
                return TooMuch($"{MaxGroups} groups");
            group = Start([.. _key.Select(v => v.Detach())]);
            _bytes += group.Key.Sum(v => (long)v.Size);
        }
        for (var i = 0; i < _query.Columns.Count; i++)
        {
            if (_query.Columns[i].Aggregate != Aggregate.None)
                _bytes += group.Totals[i].Add(_query.Columns[i].Aggregate, _query.Columns[i].Path is { } path ? row.Get(path) : default);
        }
        return _bytes > MaxBytes ? TooMuch($"{MaxBytes / 1024 / 1024} MB of grouped values") : null;
    }

    private QueryGroup Start(QueryValue[] key)
    {
        var group = new QueryGroup(key, new Total[_query.Columns.Count]);
        _byKey.Add(key, group);
        _groups.Add(group);
        return group;
    }

    private static Refusal TooMuch(string limit)
        => new(HubErrors.ArgumentInvalid, $"The query makes more than {limit}", "Narrow it with WHERE, or group by a path with fewer values.");

    private sealed class KeyComparer : IEqualityComparer<QueryValue[]>
    {
        public bool Equals(QueryValue[]? x, QueryValue[]? y) => x.AsSpan().SequenceEqual(y, QueryValueComparer.Instance);

        public int GetHashCode(QueryValue[] obj)
        {
            var hash = new HashCode();
            foreach (var value in obj)
                hash.Add(value, QueryValueComparer.Instance);
            return hash.ToHashCode();
        }
    }
}

/// <summary>One aggregate while it is gathered. Values of other types than it can use are passed over.</summary>
internal struct Total
{
    private long _count;
    private double _sum;
    private QueryValue _best;

    /// <summary>Takes a value in and says by how many bytes the memory grew.</summary>
    public int Add(Aggregate aggregate, in QueryValue value)
    {
        if (aggregate == Aggregate.Count)
        {
            _count++;
            return 0;
        }
        if (aggregate is Aggregate.Avg or Aggregate.Sum)
        {
            if (value.Kind != QueryValueKind.Number)
                return 0;
            _count++;
            _sum += value.Number;
            return 0;
        }
        if (value.Kind is not (QueryValueKind.Number or QueryValueKind.String))
            return 0;
        // Numbers come before strings, should both occur.
        var order = _best.IsDefined ? QueryValueComparer.Order(value, _best) ?? value.Kind.CompareTo(_best.Kind) : aggregate == Aggregate.Min ? -1 : 1;
        if (aggregate == Aggregate.Min ? order >= 0 : order <= 0)
            return 0;
        var before = _best.Size;
        _best = value.Detach();
        return _best.Size - before;
    }

    /// <summary>The average, least and greatest of nothing are undefined, the sum is 0.</summary>
    public readonly QueryValue Result(Aggregate aggregate) => aggregate switch
    {
        Aggregate.Count => QueryValue.From((double)_count),
        Aggregate.Sum => QueryValue.From(_sum),
        Aggregate.Avg => _count == 0 ? default : QueryValue.From(_sum / _count),
        _ => _best,
    };
}
