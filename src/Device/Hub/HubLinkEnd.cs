namespace Homeport.Device.Hub;

/// <summary>Every way in which a connection to a hub, or one call on it, ends.</summary>
public enum HubLinkEnd
{
    /// <summary>This side closed it.</summary>
    Disposed,

    /// <summary>This side renews its token and goes on with a new connection.</summary>
    Renewal,

    /// <summary>No connection, or it broke.</summary>
    Lost,

    /// <summary>The server's certificate is not trusted, or is for another name.</summary>
    Untrusted,

    /// <summary>The hub does not accept the device or its token.</summary>
    Refused,

    /// <summary>The hub is there but not ready. Try later.</summary>
    Unavailable,

    /// <summary>The hub wants fewer calls. Try later.</summary>
    Throttled,

    /// <summary>The server closed it, for example because the token ended or the device connected elsewhere.</summary>
    ClosedByServer,

    /// <summary>No answer to CONNECT, to a ping or to a request.</summary>
    Silence,

    /// <summary>The server broke the protocol, for example by acknowledging out of order.</summary>
    ProtocolError,

    /// <summary>The hub refused this one call; the connection goes on.</summary>
    Rejected,

    /// <summary>The message is too large for the hub.</summary>
    TooLarge,

    /// <summary>The lock of the message is over.</summary>
    LockLost,

    /// <summary>A quota of the hub is used up.</summary>
    QuotaExceeded,
}
