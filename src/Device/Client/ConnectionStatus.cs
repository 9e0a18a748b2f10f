using System.Diagnostics.CodeAnalysis;

namespace Homeport.Device.Client;

/// <summary>Whether a device is connected, with the names of the Azure IoT device client.</summary>
[SuppressMessage("Naming", "CA1707", Justification = "The names of the Azure IoT device client: programs keep them.")]
public enum ConnectionStatus
{
    /// <summary>Not connected, and nothing is done about it until the next call.</summary>
    Disconnected,

    /// <summary>Connected.</summary>
    Connected,

    /// <summary>Not connected; the next attempt comes by itself.</summary>
    Disconnected_Retrying,

    /// <summary>Closed by the program.</summary>
    Disabled,
}

/// <summary>Why the status changed.</summary>
[SuppressMessage("Naming", "CA1707", Justification = "The names of the Azure IoT device client: programs keep them.")]
public enum ConnectionStatusChangeReason
{
    Connection_Ok,
    Expired_SAS_Token,
    Device_Disabled,

    /// <summary>The hub does not accept the device: unknown, disabled, wrong key, wrong clock.</summary>
    Bad_Credential,

    /// <summary>The retry policy has given up.</summary>
    Retry_Expired,
    No_Network,

    /// <summary>The network or the hub ended the connection, or the server is not trusted.</summary>
    Communication_Error,
    Client_Close,
}

/// <summary>Called at each change of the status, one call at a time.</summary>
public delegate void ConnectionStatusChangesHandler(ConnectionStatus status, ConnectionStatusChangeReason reason);
