namespace Homeport.Hub.Query;

/// <summary>What a query reads.</summary>
public enum QueryCollection
{
    /// <summary><c>devices</c>: twins of devices.</summary>
    Devices,
    /// <summary><c>devices.modules</c>: twins of modules.</summary>
    Modules,
    /// <summary><c>devices.jobs</c>: what each job did on each device.</summary>
    Jobs,
    /// <summary>Messages on their way through the hub. Conditions of routes choose among them; no query reads them.</summary>
    Messages,
}

/// <summary>Parts of a twin that a query looks at; a source need not read the others.</summary>
[Flags]
public enum QueryParts
{
    None = 0,
    /// <summary>The members beside tags and properties.</summary>
    Fields = 1,
    Tags = 2,
    Desired = 4,
    Reported = 8,
    All = 15,
}

/// <summary>How an <see cref="IndexCondition"/> narrows its path.</summary>
public enum IndexMatch
{
    /// <summary>The value is one of the given ones. Numbers are equal as numbers: 1 and 1.0 are.</summary>
    AnyOf,
    /// <summary>The value is a string that begins with the given one.</summary>
    StartsWith,
}

/// <summary>A condition that every row of the result fulfils, so that an index may be used to find them.</summary>
/// <param name="Path">A single member of the row, to be told by its <see cref="QueryPath.Field"/>, or a path into the tags.</param>
/// <param name="Match">How it compares.</param>
/// <param name="Values">Strings, numbers and booleans; exactly one for <see cref="IndexMatch.StartsWith"/>, none when no row can match.</param>
public sealed record IndexCondition(QueryPath Path, IndexMatch Match, IReadOnlyList<QueryValue> Values);

/// <summary>What a source shall deliver.</summary>
/// <param name="Collection">The rows.</param>
/// <param name="Conditions">May be used to leave out rows that do not fulfil them; every row is checked again.</param>
/// <param name="Parts">What will be read of a row.</param>
/// <param name="After">Only rows behind this key.</param>
public sealed record QueryScan(QueryCollection Collection, IReadOnlyList<IndexCondition> Conditions, QueryParts Parts, QueryKey? After)
{
    private static readonly QueryPath DeviceId = new([new PathStep("deviceId")]);

    /// <summary>The twins of certain devices.</summary>
    public static QueryScan OfDevices(IEnumerable<string> deviceIds, QueryParts parts)
        => new(QueryCollection.Devices, [new IndexCondition(DeviceId, IndexMatch.AnyOf, [.. deviceIds.Select(QueryValue.From)])], parts, null);
}

/// <summary>The rows that queries run over: a port of the storage.</summary>
public interface IQuerySource
{
    /// <summary>Rows in the order of their keys. The caller may stop at any row.</summary>
    IAsyncEnumerable<IQueryRow> ScanAsync(QueryScan scan, CancellationToken token);
}
