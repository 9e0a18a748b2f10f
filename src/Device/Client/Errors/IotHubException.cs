using Homeport.Device.Hub;

namespace Homeport.Device.Client.Errors;

#pragma warning disable RCS1194, CA1032 // An exception without the way in which the call ended would say nothing.
/// <summary>A call to a hub that came to nothing. The names are those of the Azure IoT device client. Holds no key, no token and no payload.</summary>
public class IotHubException(HubLinkEnd end, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>How it ended.</summary>
    public HubLinkEnd End { get; } = end;

    /// <summary>The same call may succeed later.</summary>
    public bool IsTransient => End is HubLinkEnd.Lost or HubLinkEnd.Silence or HubLinkEnd.ClosedByServer or HubLinkEnd.Unavailable
        or HubLinkEnd.Throttled or HubLinkEnd.Renewal;

    /// <summary>Under which the hub's operator finds the explanation, or null.</summary>
    public string? TrackingId { get; init; }

    /// <summary>The exception that fits an end.</summary>
    internal static IotHubException Of(HubLinkEnd end, string message, Exception? inner = null) => end switch
    {
        HubLinkEnd.Refused => new UnauthorizedException(message, inner),
        HubLinkEnd.Unavailable => new ServerBusyException(message, inner),
        HubLinkEnd.Throttled => new IotHubThrottledException(message, inner),
        HubLinkEnd.LockLost => new DeviceMessageLockLostException(message, inner),
        HubLinkEnd.TooLarge => new MessageTooLargeException(message, inner),
        HubLinkEnd.QuotaExceeded => new QuotaExceededException(message, inner),
        HubLinkEnd.Rejected => new IotHubException(end, message, inner),
        _ => new IotHubCommunicationException(end, message, inner),
    };
}

/// <summary>The hub does not accept the device or its token: unknown, disabled, wrong key, expired token, wrong clock.</summary>
public sealed class UnauthorizedException(string message, Exception? inner = null) : IotHubException(HubLinkEnd.Refused, message, inner);

/// <summary>There is no connection, it broke, or the server is not trusted.</summary>
public sealed class IotHubCommunicationException(HubLinkEnd end, string message, Exception? inner = null) : IotHubException(end, message, inner);

/// <summary>The hub is there but not ready.</summary>
public sealed class ServerBusyException(string message, Exception? inner = null) : IotHubException(HubLinkEnd.Unavailable, message, inner);

/// <summary>The hub wants fewer calls per second.</summary>
public sealed class IotHubThrottledException(string message, Exception? inner = null) : IotHubException(HubLinkEnd.Throttled, message, inner);

/// <summary>The messages of this day or of this device are used up.</summary>
public sealed class QuotaExceededException(string message, Exception? inner = null) : IotHubException(HubLinkEnd.QuotaExceeded, message, inner);

/// <summary>A message, or a batch of them, that is larger than the hub takes.</summary>
public sealed class MessageTooLargeException(string message, Exception? inner = null) : IotHubException(HubLinkEnd.TooLarge, message, inner);

/// <summary>The time to complete, reject or abandon a cloud-to-device message is over; the hub delivers it again.</summary>
public sealed class DeviceMessageLockLostException(string message, Exception? inner = null) : IotHubException(HubLinkEnd.LockLost, message, inner);
#pragma warning restore RCS1194, CA1032
