using Homeport.Contract.Errors;

namespace Homeport.Hub.Query;

/// <summary>What the objects of a result are; the names are those of the header <c>x-ms-item-type</c>.</summary>
public enum QueryItemType
{
    Twin,
    DeviceJob,
    JobResponse,
    /// <summary>Objects that the SELECT clause made.</summary>
    Raw,
}

/// <summary>
/// A query in the language of IoT Hub. Beyond what the service documents: names of members beside tags and properties match in
/// any case, <c>IN</c> takes an array of the row, and projections and aggregates work on <c>devices.jobs</c> too.
/// </summary>
public sealed class HubQuery
{
    /// <summary>Characters of a query, as in the service.</summary>
    public const int MaxLength = 8192;

    /// <summary>Levels of parentheses, calls and signs.</summary>
    public const int MaxNesting = 100;

    /// <summary>Columns of a SELECT clause.</summary>
    public const int MaxColumns = 100;

    internal HubQuery(string text, QueryCondition condition, long? top, IReadOnlyList<QueryColumn> columns, IReadOnlyList<QueryPath> groupBy)
    {
        Text = text;
        Condition = condition;
        Top = top;
        Columns = columns;
        GroupBy = groupBy;
    }

    /// <summary>The query as it was written.</summary>
    public string Text { get; }

    /// <summary>The FROM and WHERE clauses.</summary>
    public QueryCondition Condition { get; }

    /// <summary>Most items of the result over all pages.</summary>
    public long? Top { get; }

    /// <summary>True for <c>SELECT *</c>: the result has rows as they are.</summary>
    public bool SelectsRows => Columns.Count == 0;

    /// <summary>True when rows are grouped or aggregated, so that all have to be read for the first item.</summary>
    public bool Groups => GroupBy.Count > 0 || Columns.Any(c => c.Aggregate != Aggregate.None);

    public QueryItemType ItemType => !SelectsRows ? QueryItemType.Raw
        : Condition.Collection == QueryCollection.Jobs ? QueryItemType.DeviceJob : QueryItemType.Twin;

    /// <summary>What the query reads of a row.</summary>
    public QueryParts Parts => SelectsRows ? QueryParts.All
        : Columns.Where(c => c.Path is not null).Select(c => c.Path!).Concat(GroupBy).Aggregate(Condition.Parts, (parts, path) => parts | PartsOf(path));

    internal IReadOnlyList<QueryColumn> Columns { get; }

    internal IReadOnlyList<QueryPath> GroupBy { get; }

    /// <summary>Reads a query. A refusal names the position, counted from 1.</summary>
    public static Outcome<HubQuery> Parse(string? text) => Check(text) is { } bad ? bad : new QueryParser(text!).Query();

    /// <summary>
    /// Reads the condition of a configuration or job: <c>*</c> for all, what may follow WHERE, or
    /// <c>FROM devices.modules WHERE ...</c>.
    /// </summary>
    public static Outcome<QueryCondition> ParseCondition(string? text) => Check(text) is { } bad ? bad : new QueryParser(text!).Condition();

    /// <summary>
    /// Reads <c>SELECT * FROM devices WHERE ...</c> about rows that have members of their own beside those of twins. A plain name is a
    /// property of the device.
    /// </summary>
    /// <param name="text">The query.</param>
    /// <param name="members">Names of those members, each with <c>$</c> in front.</param>
    public static Outcome<QueryCondition> ParseDevices(string? text, IReadOnlyCollection<string> members) => Check(text) is { } bad ? bad : new QueryParser(text!).Devices(members);

    internal static QueryParts PartsOf(QueryPath path) => path.Section switch
    {
        QuerySection.Tags => QueryParts.Tags,
        QuerySection.Desired => QueryParts.Desired,
        QuerySection.Reported => QueryParts.Reported,
        QuerySection.Properties => QueryParts.Desired | QueryParts.Reported,
        _ => QueryParts.Fields,
    };

    internal static Refusal? Check(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
            return new Refusal(HubErrors.ArgumentInvalid, "The query is empty", "Send a query such as SELECT * FROM devices, or the condition * for all.");
        return text.Length <= MaxLength ? null
            : new Refusal(HubErrors.ArgumentInvalid, $"The query has {text.Length} characters, {MaxLength} are allowed", "Shorten it, for example by asking several times.");
    }
}
