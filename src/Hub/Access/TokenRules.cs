using System.Globalization;
using Homeport.Contract.Access;

namespace Homeport.Hub.Access;

/// <summary>What every token has to satisfy, whoever signed it: its time and its host.</summary>
/// <param name="HostNames">Names under which the server is known; tokens for other hosts are refused.</param>
/// <param name="Time">The clock.</param>
public sealed record TokenRules(IReadOnlySet<string> HostNames, TimeProvider Time)
{
    /// <summary>
    /// How long after its expiry a token is still taken, since device clocks run late. Azure and its edge hub allow the same.
    /// </summary>
    public static readonly TimeSpan ClockAllowance = TimeSpan.FromMinutes(5);

    /// <summary>Null when the token is in time, else how late it is.</summary>
    public string? CheckTime(SharedAccessSignature token)
    {
        var late = Time.GetUtcNow().ToUnixTimeSeconds() - token.Expiry;
        return late <= ClockAllowance.TotalSeconds
            ? null
            : string.Create(CultureInfo.InvariantCulture, $"the token expired {TimeSpan.FromSeconds(late):c} ago (allowance {ClockAllowance.TotalMinutes} minutes)");
    }

    /// <summary>
    /// When a connection opened with the token has to end: at its expiry, or, when a late clock made it expired on arrival,
    /// at the end of the allowance.
    /// </summary>
    public DateTimeOffset EndOf(SharedAccessSignature token)
    {
        var expiry = DateTimeOffset.FromUnixTimeSeconds(token.Expiry);
        return expiry > Time.GetUtcNow() ? expiry : expiry + ClockAllowance;
    }

    /// <summary>Null when the audience's host is one of this server's names, else what it names.</summary>
    public string? CheckHost(Audience audience)
        => HostNames.Contains(audience.Host) ? null : $"the token is for the host '{Shorten(audience.Host)}', this server answers as {string.Join(", ", HostNames)}";

    private static string Shorten(string text) => text.Length <= 128 ? text : text[..128] + "...";
}
