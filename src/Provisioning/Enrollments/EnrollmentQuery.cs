using System.Buffers.Text;
using System.Text;
using System.Text.RegularExpressions;
using Homeport.Contract.Errors;

namespace Homeport.Provisioning.Enrollments;

/// <summary>One page of a query.</summary>
/// <param name="Items">In the order of their lower-case ids.</param>
/// <param name="Continuation">Where the next page begins; null on the last one.</param>
public sealed record QueryPage<T>(IReadOnlyList<T> Items, string? Continuation);

/// <summary>The query texts of the service API: <c>*</c>, <c>SELECT *</c>, <c>SELECT * FROM enrollments</c>. Conditions are not offered yet.</summary>
public static partial class EnrollmentQuery
{
    /// <summary>Items of a page, when the client does not say and at most.</summary>
    public const int MaxPageSize = 1000;

    private const int MaxQueryLength = 4096;

    /// <summary>Null when the query asks for all entries, else the refusal.</summary>
    public static Refusal? Check(string? query)
    {
        var text = query?.Trim() ?? "";
        if (text.Length > MaxQueryLength)
            return EnrollmentForm.Invalid("query", $"it has more than {MaxQueryLength} characters", "Send SELECT *.");
        // The Azure CLI sends the Python form of its query object: {'additional_properties': {}, 'query': 'SELECT *'}.
        if (PythonForm().Match(text) is { Success: true } python)
            text = python.Groups["query"].Value.Trim();
        if (text.Length == 0 || SelectAll().IsMatch(text))
            return null;
        return new Refusal(ProvisioningErrors.NotOffered, $"query: '{Shown.Text(text)}' has more than SELECT *, which is not offered by this version yet", "Send SELECT * and filter the pages.");
    }

    /// <summary>Page size from the header <c>x-ms-max-item-count</c>.</summary>
    public static int PageSize(string? header) => int.TryParse(header, out var size) && size > 0 ? Math.Min(size, MaxPageSize) : MaxPageSize;

    /// <summary>Cuts a page out of one more item than it holds.</summary>
    internal static QueryPage<T> Page<T>(IReadOnlyList<T> oneMore, int size, Func<T, string> id)
        => oneMore.Count <= size
            ? new QueryPage<T>(oneMore, null)
            : new QueryPage<T>([.. oneMore.Take(size)], Base64Url.EncodeToString(Encoding.UTF8.GetBytes(id(oneMore[size - 1]).ToLowerInvariant())));

    /// <summary>The id behind which a page begins; false when the continuation was not made here.</summary>
    internal static bool TryReadContinuation(string? continuation, out string? after)
    {
        after = null;
        if (string.IsNullOrEmpty(continuation))
            return true;
        if (continuation.Length > 1024 || !Base64Url.IsValid(continuation))
            return false;
        after = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(continuation));
        return true;
    }

    internal static Refusal BadContinuation() => EnrollmentForm.Invalid("x-ms-continuation", "it was not made by this service", "Send the header of the previous page, or none.");

    [GeneratedRegex(@"^(select\s+)?\*(\s+from\s+\w+)?\s*;?$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 100)]
    private static partial Regex SelectAll();

    [GeneratedRegex(@"^\{.*'query'\s*:\s*'(?<query>[^']*)'.*\}$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 100)]
    private static partial Regex PythonForm();
}
