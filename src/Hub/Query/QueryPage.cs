namespace Homeport.Hub.Query;

/// <summary>One page of a result.</summary>
public sealed class QueryPage
{
    /// <summary>What the items are.</summary>
    public required QueryItemType ItemType { get; init; }

    /// <summary>The rows of a <c>SELECT *</c>, for the caller to write; else empty.</summary>
    public IReadOnlyList<IQueryRow> Rows { get; init; } = [];

    /// <summary>JSON objects that the SELECT clause made, in UTF-8; empty for <c>SELECT *</c>.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Objects { get; init; } = [];

    /// <summary>Opaque text for the next page, or null at the end.</summary>
    public string? Continuation { get; init; }
}
