using System.Buffers.Text;
using System.Text;
using System.Text.RegularExpressions;
using Homeport.Contract.Errors;
using Homeport.Hub.Query;

namespace Homeport.Provisioning.Enrollments;

/// <summary>One page of a query.</summary>
/// <param name="Items">In the order of their lower-case ids. With a condition there may be none although more pages follow.</param>
/// <param name="Continuation">Where the next page begins; null on the last one.</param>
public sealed record QueryPage<T>(IReadOnlyList<T> Items, string? Continuation);

/// <summary>
/// The query texts of the service API: <c>*</c>, <c>SELECT *</c>, <c>SELECT * FROM enrollments WHERE provisioningStatus = 'disabled'</c>. A
/// condition is about the JSON that the service shows of an entry, in the language of the hub's queries.
/// </summary>
public sealed partial class EnrollmentQuery
{
    /// <summary>Items of a page, when the client does not say and at most.</summary>
    public const int MaxPageSize = 1000;

    /// <summary>Entries that are looked at for one page: 20 µs each, and the next page goes on behind them.</summary>
    public const int MaxLookedAt = 20_000;

    private const int Chunk = 1000;

    private readonly ObjectQuery? _condition;
    private readonly string? _after;

    private EnrollmentQuery(ObjectQuery? condition, string? after)
    {
        _condition = condition;
        _after = after;
    }

    /// <summary>Reads a query and where its page begins. A refusal names the position, counted from 1.</summary>
    internal static Outcome<EnrollmentQuery> Read(string? query, string? continuation)
    {
        if (!TryReadContinuation(continuation, out var after))
            return BadContinuation();
        var text = query?.TrimEnd(' ', '\t', '\r', '\n', ';') ?? "";
        // The Azure CLI sends the Python form of its query object: {'additional_properties': {}, 'query': 'SELECT *'}.
        if (text.StartsWith('{') && PythonForm().Match(text) is { Success: true } python)
            text = python.Groups["query"].Value;
        if (string.IsNullOrWhiteSpace(text))
            return new EnrollmentQuery(null, after);
        return ObjectQuery.Parse(text).Succeeded(out var condition, out var refusal)
            ? new EnrollmentQuery(condition.MatchesAll ? null : condition, after)
            : refusal with { Error = ProvisioningErrors.InvalidArgument };
    }

    /// <summary>Page size from the header <c>x-ms-max-item-count</c>.</summary>
    public static int PageSize(string? header) => int.TryParse(header, out var size) && size > 0 ? Math.Min(size, MaxPageSize) : MaxPageSize;

    /// <summary>Finds the items of a page.</summary>
    /// <param name="size">Items at most.</param>
    /// <param name="list">Gives entries behind an id, in the order of their lower-case ids, at most so many.</param>
    /// <param name="id">The id of an entry.</param>
    /// <param name="show">The JSON of an entry.</param>
    /// <param name="token">Ends the call.</param>
    internal async Task<QueryPage<T>> PageAsync<T>(int size, Func<string?, int, Task<IReadOnlyList<T>>> list, Func<T, string> id, Func<T, byte[]> show, CancellationToken token)
    {
        var (items, after) = (new List<T>(), _after);
        var chunk = _condition is null ? size + 1 : Chunk;
        for (var looked = 0; looked < MaxLookedAt;)
        {
            token.ThrowIfCancellationRequested();
            var entries = await list(after, chunk);
            foreach (var entry in entries)
            {
                if (items.Count == size)
                    return new QueryPage<T>(items, Write(after!));
                if (_condition is null || _condition.Matches(show(entry)))
                    items.Add(entry);
                after = id(entry);
            }
            if (entries.Count < chunk)
                return new QueryPage<T>(items, null);
            looked += entries.Count;
            // A long search lets others have the thread in between.
            await Task.Yield();
        }
        return new QueryPage<T>(items, Write(after!));
    }

    internal static Refusal BadContinuation() => EnrollmentForm.Invalid("x-ms-continuation", "it was not made by this service", "Send the header of the previous page, or none.");

    private static string Write(string after) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(after.ToLowerInvariant()));

    /// <summary>The id behind which a page begins; false when the continuation was not made here.</summary>
    private static bool TryReadContinuation(string? continuation, out string? after)
    {
        after = null;
        if (string.IsNullOrEmpty(continuation))
            return true;
        if (continuation.Length > 1024 || !Base64Url.IsValid(continuation))
            return false;
        after = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(continuation));
        return true;
    }

    [GeneratedRegex(@"^\{.*'query'\s*:\s*'(?<query>[^']*)'.*\}$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 100)]
    private static partial Regex PythonForm();
}
