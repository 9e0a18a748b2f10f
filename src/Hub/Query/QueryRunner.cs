using System.Globalization;
using Homeport.Contract.Errors;

namespace Homeport.Hub.Query;

/// <summary>Runs queries over the storage, a page at a time.</summary>
public sealed class QueryRunner(IQuerySource source)
{
    /// <summary>Most items of a page, as in the service.</summary>
    public const int MaxPageSize = 1000;

    /// <summary>Items of a page when the caller names no number.</summary>
    public const int DefaultPageSize = 100;

    /// <summary>Bytes of JSON after which a page ends early, about.</summary>
    public const int MaxPageBytes = 8 * 1024 * 1024;

    /// <summary>Runs the query up to the end of a page.</summary>
    /// <param name="query">What is asked.</param>
    /// <param name="pageSize">Most items, 1 to <see cref="MaxPageSize"/>; null for <see cref="DefaultPageSize"/>.</param>
    /// <param name="continuation">From the page before; null or empty for the first.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<QueryPage>> RunAsync(HubQuery query, int? pageSize, string? continuation, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(query);
        var size = pageSize ?? DefaultPageSize;
        if (size is < 1 or > MaxPageSize)
            return new Refusal(HubErrors.ArgumentInvalid, $"The page size is {size.ToString(CultureInfo.InvariantCulture)}", $"Ask for 1 to {MaxPageSize} items.");
        var start = new ContinuationToken(query.Top, 0, null);
        if (!string.IsNullOrEmpty(continuation))
        {
            if (ContinuationToken.Read(continuation, query.Text) is not { } given)
            {
                return new Refusal(HubErrors.ArgumentInvalid, "The continuation token is broken or belongs to another query",
                    "Send the token of the page before as it came, with the same query, or none for the first page.");
            }
            start = given;
        }
        return query.Groups ? await GroupPageAsync(query, size, start, token) : await RowPageAsync(query, size, start, token);
    }

    private async Task<Outcome<QueryPage>> RowPageAsync(HubQuery query, int size, ContinuationToken start, CancellationToken token)
    {
        var rows = new List<IQueryRow>();
        using var objects = query.SelectsRows ? null : new ObjectWriter();
        var remaining = start.Remaining ?? long.MaxValue;
        var limit = Math.Min(size, remaining);
        var (count, bytes, last, more) = (0, 0L, start.After, false);
        var scan = new QueryScan(query.Condition.Collection, query.Condition.Index, query.Parts, start.After);
        // Goes on to the first row of the next page, so that a token is only given when there is one.
        await foreach (var row in source.ScanAsync(scan, token).WithCancellation(token))
        {
            if (!query.Condition.Matches(row))
                continue;
            if (count == limit || bytes >= MaxPageBytes)
            {
                more = true;
                break;
            }
            if (objects is null)
                rows.Add(row);
            bytes += objects is null ? row.Size : objects.Add(query.Columns, row);
            last = row.Key;
            if (++count == remaining)
                break;
        }
        return new QueryPage
        {
            ItemType = query.ItemType,
            Rows = rows,
            Objects = objects?.Objects ?? [],
            Continuation = more ? new ContinuationToken(start.Remaining - count, 0, last).Write(query.Text) : null,
        };
    }

    private async Task<Outcome<QueryPage>> GroupPageAsync(HubQuery query, int size, ContinuationToken start, CancellationToken token)
    {
        var groups = new QueryGroups(query);
        var scan = new QueryScan(query.Condition.Collection, query.Condition.Index, query.Parts, null);
        await foreach (var row in source.ScanAsync(scan, token).WithCancellation(token))
        {
            if (query.Condition.Matches(row) && groups.Add(row) is { } refusal)
                return refusal;
        }
        using var objects = new ObjectWriter();
        var all = groups.Groups;
        var end = Math.Min(all.Count, query.Top ?? long.MaxValue);
        var next = start.Group;
        for (var bytes = 0L; next < end && next - start.Group < size && bytes < MaxPageBytes; next++)
            bytes += objects.Add(query.Columns, all[next]);
        return new QueryPage
        {
            ItemType = query.ItemType,
            Objects = objects.Objects,
            Continuation = next < end ? new ContinuationToken(start.Remaining, next, null).Write(query.Text) : null,
        };
    }
}
