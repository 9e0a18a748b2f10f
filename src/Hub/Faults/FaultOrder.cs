using System.Globalization;
using Homeport.Log;

namespace Homeport.Hub.Faults;

/// <summary>A fault that a message orders. Source: the end-to-end tests of the Azure SDKs for C#, Node, Python, C and Java.</summary>
/// <param name="Type">What is to fail.</param>
/// <param name="CloseReason">Text for the log and for error descriptions; <c>boom</c> and <c>byebye</c> mostly. At most 128 characters.</param>
/// <param name="Delay">Time from the message to the fault.</param>
/// <param name="Duration">How long a fault lasts that is no single event.</param>
public sealed record FaultOrder(FaultType Type, string CloseReason, TimeSpan Delay, TimeSpan Duration)
{
    /// <summary>How long a fault lasts when the order does not say: the tests of the C SDK leave it out and wait for 30 seconds.</summary>
    public static readonly TimeSpan DefaultDuration = TimeSpan.FromSeconds(30);

    /// <summary>Longest delay and longest duration; more is cut down to it.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    private const string TypeName = "AzIoTHub_FaultOperationType";
    private const string ReasonName = "AzIoTHub_FaultOperationCloseReason";
    private const string DelayName = "AzIoTHub_FaultOperationDelayInSecs";
    private const string DurationName = "AzIoTHub_FaultOperationDurationInSecs";
    private const int MaxReason = 128;

    /// <summary>Reads the order of a message; null when it has none, or one that is not known. Allocates only when there is one.</summary>
    /// <param name="properties">Property block of the message, see <see cref="RecordProperties"/>.</param>
    public static FaultOrder? Read(ReadOnlySpan<byte> properties)
    {
        if (properties.IndexOf("AzIoTHub_FaultOperationType"u8) < 0)
            return null;
        FaultType? type = null;
        var reason = "";
        var (delay, duration) = (TimeSpan.Zero, DefaultDuration);
        foreach (var (name, value) in RecordProperties.Read(properties))
        {
            switch (name)
            {
                case TypeName:
                    type = Parse(value);
                    break;
                case ReasonName:
                    reason = value is { Length: > MaxReason } ? value[..MaxReason] : value ?? "";
                    break;
                case DelayName:
                    delay = Seconds(value) ?? TimeSpan.Zero;
                    break;
                case DurationName:
                    duration = Seconds(value) ?? DefaultDuration;
                    break;
                default:
                    break;
            }
        }
        return type is { } known ? new FaultOrder(known, reason.Trim(), delay, duration) : null;
    }

    // Not Enum.TryParse, which takes numbers too.
    private static FaultType? Parse(string? text)
    {
        foreach (var type in Enum.GetValues<FaultType>())
        {
            if (type.ToString().Equals(text, StringComparison.OrdinalIgnoreCase))
                return type;
        }
        return null;
    }

    private static TimeSpan? Seconds(string? text)
        => !double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) || !double.IsFinite(seconds) ? null
            : seconds >= Longest.TotalSeconds ? Longest
            : TimeSpan.FromSeconds(seconds);
}
