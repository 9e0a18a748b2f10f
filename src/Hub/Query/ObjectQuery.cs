using Homeport.Contract.Errors;

namespace Homeport.Hub.Query;

/// <summary>
/// A query for whole JSON objects in the language of IoT Hub: <c>*</c>, or <c>SELECT * FROM enrollments WHERE ...</c>. Names of members are
/// compared with their letter case.
/// </summary>
public sealed class ObjectQuery
{
    private static readonly QueryKey NoKey = new("");
    private readonly QueryCondition _condition;

    internal ObjectQuery(QueryCondition condition) => _condition = condition;

    /// <summary>True when there is no condition.</summary>
    public bool MatchesAll => _condition.MatchesAll;

    /// <summary>Reads a query. A refusal names the position, counted from 1.</summary>
    public static Outcome<ObjectQuery> Parse(string? text) => HubQuery.Check(text) is { } bad ? bad : new QueryParser(text!).Objects();

    /// <summary>True when the object, JSON in UTF-8, fulfils the condition.</summary>
    public bool Matches(ReadOnlyMemory<byte> json) => _condition.Matches(new JsonRow(NoKey, json));
}
