using Homeport.Contract.Errors;

namespace Homeport.Hub.Faults;

/// <summary>What the door of a device that ordered a fault does.</summary>
/// <param name="Effect">What happens to its connection.</param>
/// <param name="After">Time until then.</param>
/// <param name="Acknowledge">
/// Whether the message with the order is acknowledged. MQTT's is not when the connection ends: Azure's tests are made for that.
/// </param>
/// <param name="Refusal">With <see cref="FaultEffect.Refuse"/>: the answer to the message itself.</param>
public sealed record FaultAction(FaultEffect Effect, TimeSpan After, bool Acknowledge, Refusal? Refusal = null);

/// <summary>What a fault does to a connection.</summary>
public enum FaultEffect
{
    /// <summary>Nothing now: later messages and connections are refused, see <see cref="FaultInjection.OnSend"/> and <see cref="FaultInjection.OnConnect"/>.</summary>
    None,
    /// <summary>TCP ends at once, without a packet or frame of goodbye.</summary>
    Abort,
    /// <summary>The connection ends in good order: MQTT closes the stream, AMQP sends close without an error.</summary>
    ShutDown,
    /// <summary>AMQP sends close with <c>amqp:connection:forced</c>.</summary>
    CloseConnection,
    /// <summary>AMQP ends the session with <c>amqp:internal-error</c>.</summary>
    EndSession,
    /// <summary>AMQP detaches the link that the order's type names, with <c>amqp:link:detach-forced</c>.</summary>
    DetachLink,
    /// <summary>The message with the order is refused, and nothing else.</summary>
    Refuse,
}
