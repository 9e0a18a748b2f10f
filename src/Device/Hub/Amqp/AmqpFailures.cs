using Homeport.Amqp.Performatives;
using Homeport.Device.Client.Errors;

namespace Homeport.Device.Hub.Amqp;

/// <summary>What AMQP errors of a hub mean for a device. Source: the Azure IoT device SDKs, which map the same conditions.</summary>
internal static class AmqpFailures
{
    private const string Vendor = "com.microsoft:";

    /// <summary>An answer to what this side asked for: a link, a message, an outcome.</summary>
    public static IotHubException Of(AmqpError? error, string what)
        => IotHubException.Of(EndOf(error), $"The hub refused {what}: {Text(error)}");

    /// <summary>The end of a connection that was good until now. Whether the device may come back is found out by coming back.</summary>
    public static IotHubException OfEnd(AmqpError? error, string hostName)
    {
        var end = EndOf(error);
        return IotHubException.Of(
            end is HubLinkEnd.Unavailable or HubLinkEnd.Throttled or HubLinkEnd.ProtocolError ? end : HubLinkEnd.ClosedByServer,
            $"The connection to {hostName} has ended: {Text(error)}");
    }

    private static HubLinkEnd EndOf(AmqpError? error) => error?.Condition switch
    {
        null => HubLinkEnd.ClosedByServer,
        ErrorCondition.UnauthorizedAccess or ErrorCondition.NotFound or Vendor + "iot-hub-not-found-error" => HubLinkEnd.Refused,
        ErrorCondition.ResourceLimitExceeded => HubLinkEnd.QuotaExceeded,
        ErrorCondition.MessageSizeExceeded => HubLinkEnd.TooLarge,
        Vendor + "message-lock-lost" => HubLinkEnd.LockLost,
        Vendor + "device-container-throttled" or Vendor + "server-busy" => HubLinkEnd.Throttled,
        Vendor + "timeout" or ErrorCondition.InternalError => HubLinkEnd.Unavailable,
        ErrorCondition.Stolen or ErrorCondition.DetachForced or ErrorCondition.ConnectionForced => HubLinkEnd.ClosedByServer,
        ErrorCondition.FramingError or ErrorCondition.DecodeError or ErrorCondition.WindowViolation or ErrorCondition.InvalidField
            or ErrorCondition.HandleInUse or ErrorCondition.UnattachedHandle or ErrorCondition.ErrantLink => HubLinkEnd.ProtocolError,
        _ => HubLinkEnd.Rejected,
    };

    private static string Text(AmqpError? error) => error is null ? "no reason given." : error.Description ?? error.Condition;
}
