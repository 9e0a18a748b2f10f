namespace Homeport.Hub.Live;

/// <summary>Every way in which a device's connection ends: log field, metric tag and what tests expect.</summary>
public enum CloseReason
{
    /// <summary>Not over yet.</summary>
    None,
    /// <summary>The client said goodbye.</summary>
    ClientDisconnected,
    /// <summary>The client's side of TCP ended without goodbye.</summary>
    ClientGone,
    /// <summary>No CONNECT in time.</summary>
    ConnectTimeout,
    /// <summary>Nothing arrived for one and a half times the keep-alive.</summary>
    KeepAliveTimeout,
    /// <summary>The client does not read what it is sent.</summary>
    SlowClient,
    /// <summary>Bytes that are no packet of the protocol.</summary>
    MalformedPacket,
    /// <summary>A packet above the limit.</summary>
    PacketTooLarge,
    /// <summary>A packet that is not allowed at this point.</summary>
    ProtocolViolation,
    /// <summary>Quality of service 2.</summary>
    QosNotSupported,
    /// <summary>A topic that is not the device's own.</summary>
    TopicNotAllowed,
    /// <summary>A message above the limit.</summary>
    MessageTooLarge,
    /// <summary>Far more messages than the limits allow, or the day's messages are used up.</summary>
    Throttled,
    /// <summary>Bad credentials.</summary>
    AuthenticationFailed,
    /// <summary>The protocol version is not served.</summary>
    VersionNotSupported,
    /// <summary>The token came to its end.</summary>
    TokenExpired,
    /// <summary>The same identity connected again.</summary>
    TakenOver,
    /// <summary>The identity was disabled, deleted or got other credentials.</summary>
    IdentityChanged,
    /// <summary>The client ordered the fault, on a server that takes such orders for tests.</summary>
    FaultOrdered,
    /// <summary>The disk refused the messages.</summary>
    StorageFailed,
    /// <summary>The server stops.</summary>
    ServerStopping,
    /// <summary>A fault of the server.</summary>
    ServerFault,
}
