using System.Globalization;
using System.Text.RegularExpressions;
using Homeport.Contract.Errors;
using Homeport.Log;

namespace Homeport.Hub.Consumers;

/// <summary>Where a receiver starts in its partition.</summary>
/// <param name="Kind">What the value counts.</param>
/// <param name="Value">Offset, or Unix milliseconds.</param>
/// <param name="Inclusive">The event with the value belongs to it.</param>
public sealed partial record EventPosition(EventPositionKind Kind, long Value, bool Inclusive)
{
    private const int MaxExpression = 512;

    /// <summary>The oldest event that is kept.</summary>
    public static EventPosition Earliest { get; } = new(EventPositionKind.Offset, -1, Inclusive: false);

    /// <summary>Behind the newest event.</summary>
    public static EventPosition Latest { get; } = new(EventPositionKind.Latest, 0, Inclusive: false);

    /// <summary>
    /// Reads the expression of a selector filter: <c>amqp.annotation.x-opt-offset &gt; '17'</c>, with <c>&gt;=</c> for the event itself, with
    /// <c>x-opt-sequence-number</c> or <c>x-opt-enqueued-time</c> (Unix milliseconds). Quotes are free. Offset -1 is the start, @latest the end.
    /// </summary>
    public static Outcome<EventPosition> Parse(string expression)
    {
        var match = expression.Length <= MaxExpression ? Expression().Match(expression) : Match.Empty;
        if (!match.Success)
        {
            return new Refusal(HubErrors.ArgumentInvalid, $"The selector filter is '{Shorten(expression)}'",
                "Use amqp.annotation.x-opt-offset, x-opt-sequence-number or x-opt-enqueued-time with > or >= and a number in quotes, or offset > '@latest'.");
        }
        var kind = match.Groups["name"].Value == "x-opt-enqueued-time" ? EventPositionKind.EnqueuedTime : EventPositionKind.Offset;
        var value = match.Groups["value"].Value;
        if (value == "@latest")
        {
            return kind == EventPositionKind.Offset
                ? Latest
                : new Refusal(HubErrors.ArgumentInvalid, $"The selector filter is '{Shorten(expression)}'", "@latest is an offset; a time is a number of milliseconds since 1970.");
        }
        return long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? new EventPosition(kind, number, match.Groups["operator"].Value == ">=")
            : new Refusal(HubErrors.ArgumentInvalid, $"The selector filter has the number '{Shorten(value)}'", "Use a whole number of 64 bits.");
    }

    /// <summary>The offset of the first event for the receiver.</summary>
    public async Task<Outcome<StartOffset>> ResolveAsync(HubLog log, int partition, CancellationToken token)
    {
        var next = log.NextOffset(partition);
        switch (Kind)
        {
            case EventPositionKind.Latest:
                return new StartOffset(next);
            case EventPositionKind.EnqueuedTime:
                var time = Math.Clamp(Inclusive || Value == long.MaxValue ? Value : Value + 1, MinTime, MaxTime);
                return new StartOffset(await log.FindAsync(partition, DateTimeOffset.FromUnixTimeMilliseconds(time), token));
            default:
                if (Value <= (Inclusive ? next : next - 1))
                    return new StartOffset(Math.Max(0, Inclusive ? Value : Value + 1));
                return new Refusal(HubErrors.ArgumentInvalid, string.Create(CultureInfo.InvariantCulture, $"The offset or sequence number {Value} is not in partition {partition}, whose last is {next - 1}"),
                    "Start from one that exists. A checkpoint of another hub, or of one whose data was deleted, has to go.");
        }
    }

    private static readonly long MinTime = DateTimeOffset.MinValue.ToUnixTimeMilliseconds();
    private static readonly long MaxTime = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    private static string Shorten(string text) => text.Length <= 64 ? text : text[..64] + "...";

    [GeneratedRegex(@"^\s*amqp\.annotation\.(?<name>x-opt-offset|x-opt-sequence-number|x-opt-enqueued-time)\s*(?<operator>>=?)\s*(?<quote>'?)(?<value>@latest|-?[0-9]{1,20})\k<quote>\s*$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Expression();
}

/// <summary>What the value of a position counts.</summary>
public enum EventPositionKind
{
    /// <summary>Offset; it is the sequence number as well.</summary>
    Offset,
    /// <summary>Time at which the hub took the event.</summary>
    EnqueuedTime,
    /// <summary>Behind the newest event; without a value.</summary>
    Latest,
}

/// <summary>Where to read first.</summary>
/// <param name="Offset">In the partition; retention may have dropped it.</param>
public sealed record StartOffset(long Offset);
