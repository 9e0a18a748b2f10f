using System.Text;
using System.Text.Json;

namespace Homeport.Hub.Query;

internal enum Aggregate
{
    None,
    Count,
    Avg,
    Sum,
    Min,
    Max,
}

/// <summary>A member of the objects that a query makes.</summary>
/// <param name="Name">Alias, or the last name of the path.</param>
/// <param name="Aggregate">How the rows of a group become one value.</param>
/// <param name="Path">What is read; null for COUNT.</param>
/// <param name="Group">Index among the paths of GROUP BY, or -1.</param>
internal sealed record QueryColumn(string Name, Aggregate Aggregate, QueryPath? Path, int Group)
{
    /// <summary>The name as JSON. Over bytes, since half a surrogate pair in a query is no reason to fail.</summary>
    public JsonEncodedText Encoded { get; } = JsonEncodedText.Encode(Encoding.UTF8.GetBytes(Name));
}
