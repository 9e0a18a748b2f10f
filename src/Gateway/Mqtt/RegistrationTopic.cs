using System.Globalization;
using System.Text;

namespace Homeport.Gateway.Mqtt;

/// <summary>
/// A request topic of the provisioning service: <c>$dps/registrations/PUT/iotdps-register/?$rid=7</c>, or
/// <c>$dps/registrations/GET/iotdps-get-operationstatus/?$rid=7&amp;operationId=...</c>.
/// </summary>
/// <param name="RequestId">The client's id as it stands in the topic; it goes back unchanged.</param>
/// <param name="OperationId">The operation asked for; null to register.</param>
internal readonly record struct RegistrationTopic(string RequestId, string? OperationId)
{
    /// <summary>The one filter that a registering device may subscribe to.</summary>
    public const string Responses = "$dps/registrations/res/#";

    /// <summary>Longest request id, in characters.</summary>
    private const int MaxRequestId = 128;

    private const int MaxOperationId = 256;

    /// <summary>Reads a topic; <paramref name="reason"/> says what is wrong with it.</summary>
    public static bool TryParse(ReadOnlySpan<byte> topic, out RegistrationTopic request, out string? reason)
    {
        request = default;
        var question = topic.IndexOf("/?"u8);
        var path = question < 0 ? topic : topic[..question];
        var polls = path.SequenceEqual("$dps/registrations/GET/iotdps-get-operationstatus"u8);
        if (!polls && !path.SequenceEqual("$dps/registrations/PUT/iotdps-register"u8))
        {
            reason = "the topic is none of the provisioning service";
            return false;
        }
        string? requestId = null, operationId = null;
        foreach (var pair in question < 0 ? [] : Encoding.UTF8.GetString(topic[(question + 2)..]).Split('&'))
        {
            if (pair.StartsWith("$rid=", StringComparison.Ordinal))
                requestId = pair[5..];
            else if (pair.StartsWith("operationId=", StringComparison.OrdinalIgnoreCase))
                operationId = Uri.UnescapeDataString(pair[12..]);
        }
        reason = requestId switch
        {
            null or "" => "the topic has no $rid=",
            _ when requestId.Length > MaxRequestId || requestId.Contains('$', StringComparison.Ordinal) => $"its $rid has more than {MaxRequestId} characters, or a $",
            _ when polls && operationId is null or "" or { Length: > MaxOperationId } => "the topic has no operationId=",
            _ => null,
        };
        request = new RegistrationTopic(requestId ?? "", polls ? operationId : null);
        return reason is null;
    }

    /// <summary>The topic of the answer. The SDKs' parsers want <c>$rid</c> first and no other dollar sign.</summary>
    public byte[] Response(int status, int? retryAfter)
    {
        var text = $"$dps/registrations/res/{status.ToString(CultureInfo.InvariantCulture)}/?$rid={RequestId}";
        return Encoding.UTF8.GetBytes(retryAfter is { } seconds ? $"{text}&retry-after={seconds.ToString(CultureInfo.InvariantCulture)}" : text);
    }
}
