namespace Homeport.Hub.Query;

/// <summary>Where a row stands in its collection. Rows come in ordinal order of the device, then of the part, none first.</summary>
/// <param name="DeviceId">Device.</param>
/// <param name="Part">Module id in <c>devices.modules</c>, job id in <c>devices.jobs</c>, null in <c>devices</c>.</param>
public sealed record QueryKey(string DeviceId, string? Part = null);

/// <summary>A row of a collection. It stays as it is after the scan moved on, since a page holds rows.</summary>
public interface IQueryRow
{
    QueryKey Key { get; }

    /// <summary>Bytes of JSON that the row makes, about: a page with very large rows ends early.</summary>
    int Size { get; }

    /// <summary>The value at a path, undefined when it leads nowhere.</summary>
    QueryValue Get(QueryPath path);
}

/// <summary>A row that is one JSON object, as those of <c>devices.jobs</c> are.</summary>
public sealed class JsonRow(QueryKey key, ReadOnlyMemory<byte> json) : IQueryRow
{
    public QueryKey Key => key;

    public int Size => json.Length;

    /// <summary>The whole object.</summary>
    public ReadOnlyMemory<byte> Json => json;

    public QueryValue Get(QueryPath path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return JsonCursor.Find(json, path, 0);
    }
}
