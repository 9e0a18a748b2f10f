using Homeport.Contract.Errors;

namespace Homeport.Gateway.Provisioning;

/// <summary>What a device gets for a registration call, the same over every transport.</summary>
/// <param name="Status">HTTP status; in MQTT it stands in the topic, in AMQP from 400 on it is an outcome.</param>
/// <param name="Body">JSON in UTF-8.</param>
public sealed record RegistrationAnswer(int Status, byte[] Body)
{
    /// <summary>Seconds to wait before the next call, or null.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>The operation that was started, or null.</summary>
    public string? OperationId { get; init; }

    /// <summary>Why the call was refused, kept already; null when it was not.</summary>
    public Refusal? Refusal { get; init; }
}
