namespace Homeport.Device.Hub;

/// <summary>How a device reaches its hub over MQTT.</summary>
/// <param name="HostName">Host name of the hub, as its certificate and the tokens name it.</param>
/// <param name="DeviceId">The device.</param>
public sealed record HubSenderOptions(string HostName, string DeviceId)
{
    public int Port { get; init; } = 8883;

    public ServerTrust Trust { get; init; } = ServerTrust.System;

    /// <summary>The server ends a connection that was silent for one and a half times this. A ping goes out at half of it.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>For TCP, TLS and the answer to CONNECT together.</summary>
    public TimeSpan ConnectLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Messages sent and not yet acknowledged; more wait. 1 to 10,000.</summary>
    public int MaxInFlight { get; init; } = 100;
}

/// <summary>Every way in which a connection to a hub ends.</summary>
public enum HubSenderEnd
{
    /// <summary>This side closed it.</summary>
    Disposed,

    /// <summary>No connection, or it broke.</summary>
    Lost,

    /// <summary>The server's certificate is not trusted, or is for another name.</summary>
    Untrusted,

    /// <summary>The hub does not accept the device or its token.</summary>
    Refused,

    /// <summary>The hub is there but not ready. Try later.</summary>
    Unavailable,

    /// <summary>The server closed it, for example because the token ended or the device connected elsewhere.</summary>
    ClosedByServer,

    /// <summary>No answer to CONNECT or to a ping.</summary>
    Silence,

    /// <summary>The server broke the protocol, for example by acknowledging out of order.</summary>
    ProtocolError,
}

#pragma warning disable RCS1194 // An exception without an end would say nothing.
/// <summary>A connection to a hub that could not be made or has ended. A message whose sending ends so may or may not have arrived.</summary>
public sealed class HubConnectionException(HubSenderEnd end, string message, Exception? inner = null) : Exception(message, inner)
#pragma warning restore RCS1194
{
    public HubSenderEnd End { get; } = end;
}
