using Homeport.Mqtt;

namespace Homeport.Gateway.Mqtt;

/// <summary>Which topic filters an identity may subscribe to: its own messages, its twin, its methods.</summary>
internal static class SubscriptionRules
{
    /// <summary>The SUBACK code: quality of service 0 or 1, or failure.</summary>
    public static byte Grant(TopicFilter filter, string deviceId, string? moduleId)
        => IsOwn(filter.Filter, deviceId, moduleId) ? (byte)Math.Min(filter.Qos, 1) : SubscribePacket.Failure;

    private static bool IsOwn(string filter, string deviceId, string? moduleId)
    {
        if (filter is "$iothub/twin/res/#" or "$iothub/twin/PATCH/properties/desired/#" or "$iothub/methods/POST/#")
            return true;
        var own = moduleId is null ? $"devices/{deviceId}/messages/devicebound/#" : $"devices/{deviceId}/modules/{moduleId}/";
        return moduleId is null
            ? string.Equals(filter, own, StringComparison.Ordinal)
            : filter.StartsWith(own, StringComparison.Ordinal) && filter.AsSpan(own.Length) is "#" or "inputs/#" or "messages/devicebound/#";
    }
}
