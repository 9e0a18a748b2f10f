using System.Net;

namespace Homeport.Device.Provisioning;

/// <summary>What a device speaks to its provisioning service.</summary>
public enum ProvisioningTransport
{
    /// <summary>Port 443. For TPMs too.</summary>
    Https,

    /// <summary>MQTT 3.1.1 on port 8883.</summary>
    Mqtt,

    /// <summary>MQTT 3.1.1 by WebSocket on port 443.</summary>
    MqttWebSocket,

    /// <summary>AMQP 1.0 on port 5671. For TPMs too.</summary>
    Amqp,

    /// <summary>AMQP 1.0 by WebSocket on port 443. For TPMs too.</summary>
    AmqpWebSocket,
}

/// <summary>An answer of the service, whatever carried it.</summary>
internal sealed record ProvisioningAnswer(HttpStatusCode Status, byte[] Body, TimeSpan? RetryAfter)
{
    public bool Succeeded => (int)Status is >= 200 and < 300;
}

/// <summary>Carries the two requests of the device API. A failure is a <see cref="Client.Errors.IotHubException"/>; the next request may succeed.</summary>
internal interface IProvisioningTransport : IAsyncDisposable
{
    Task<ProvisioningAnswer> RegisterAsync(string registrationId, byte[] body, string? token, CancellationToken cancellationToken);

    Task<ProvisioningAnswer> PollAsync(string registrationId, string operationId, string? token, CancellationToken cancellationToken);
}
