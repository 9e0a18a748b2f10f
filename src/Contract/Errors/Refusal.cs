namespace Homeport.Contract.Errors;

/// <summary>
/// Why something was refused, for the one who has to mend it: what was seen, what was tried in order, the nearest match and
/// the smallest fix. It holds no secrets, so it can be logged and shown.
/// </summary>
/// <param name="Error">Row of the catalogue, which decides what the protocol answers.</param>
/// <param name="Seen">What arrived, for example <c>device 'd1', token of policy 'device', expired 3 minutes ago</c>.</param>
/// <param name="Fix">The smallest change that would have let it in.</param>
/// <param name="Tried">The checks in the order in which they were made.</param>
/// <param name="Nearest">The entry that came closest, if any.</param>
public sealed record Refusal(ServiceError Error, string Seen, string Fix, IReadOnlyList<string>? Tried = null, string? Nearest = null)
{
    /// <summary>Under this id the explanation is found again, in the log and over the API.</summary>
    public string TrackingId { get; init; } = Guid.NewGuid().ToString("N");

    /// <summary>When the same call may go well, or null when waiting does not help.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>One line for a log or an error body.</summary>
    public string Text => $"{Error.Text} {Seen}. {Fix}";
}
