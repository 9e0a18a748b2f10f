using Homeport.Device.Queue;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Device.Client;

/// <summary>How a <see cref="DeviceClient"/> works. The defaults suit a device that sends some messages a minute.</summary>
public sealed record DeviceClientOptions
{
    /// <summary>Which servers are believed.</summary>
    public ServerTrust Trust { get; init; } = ServerTrust.Default;

    /// <summary>
    /// Keeps messages in a file until the hub has them; null: a call waits for the hub. With it <c>SendEventAsync</c> returns when the message is on this
    /// device's disk, and the client never gives up.
    /// </summary>
    public OutgoingQueueOptions? Queue { get; init; }

    /// <summary>The life of a token that the client makes. It is replaced when 85 % are over.</summary>
    public TimeSpan SasTokenTimeToLive { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The model of Plug and Play, for example <c>dtmi:com:example:Thermostat;1</c>.</summary>
    public string? ModelId { get; init; }

    /// <summary>A module of the device, which has keys, a twin and methods of its own; null: the device itself.</summary>
    public string? ModuleId { get; init; }

    /// <summary>To connect to in place of the hub.</summary>
    public string? GatewayHostName { get; init; }

    public int MqttPort { get; init; } = 8883;

    public int AmqpPort { get; init; } = 5671;

    /// <summary>For HTTPS, files and WebSocket.</summary>
    public int HttpsPort { get; init; } = 443;

    /// <summary>The hub ends a connection that was silent for one and a half times this. A ping goes out at half of it.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>For TCP, TLS and the hub's first answer together.</summary>
    public TimeSpan ConnectLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Messages sent and not yet acknowledged; more wait. 1 to 10,000.</summary>
    public int MaxInFlight { get; init; } = 1000;

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;
}
