using System.Diagnostics.CodeAnalysis;

namespace Homeport.Device.Client;

/// <summary>What a device speaks to its hub, with the names of the Azure IoT device client.</summary>
[SuppressMessage("Naming", "CA1707", Justification = "The names of the Azure IoT device client: programs keep them.")]
public enum TransportType
{
    /// <summary>AMQP 1.0 on port 5671, or by WebSocket on port 443 where that port is closed.</summary>
    Amqp = 0,

    /// <summary>HTTPS on port 443: messages in both directions and files; no twin, no methods, nothing is pushed.</summary>
    Http1 = 1,

    /// <summary>AMQP 1.0 by WebSocket on port 443, through proxies and firewalls.</summary>
    Amqp_WebSocket_Only = 2,

    /// <summary>AMQP 1.0 on port 5671.</summary>
    Amqp_Tcp_Only = 3,

    /// <summary>MQTT 3.1.1 on port 8883, or by WebSocket on port 443 where that port is closed.</summary>
    Mqtt = 4,

    /// <summary>MQTT 3.1.1 by WebSocket on port 443, through proxies and firewalls.</summary>
    Mqtt_WebSocket_Only = 5,

    /// <summary>MQTT 3.1.1 on port 8883.</summary>
    Mqtt_Tcp_Only = 6,
}
