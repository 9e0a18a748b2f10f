using Homeport.Amqp.Performatives;
using Homeport.Amqp.Sasl;

namespace Homeport.Amqp;

/// <summary>
/// Whom a connection tells what the peer does. All calls come from within the connection's own methods, on the thread that called
/// them; they may call the connection, its sessions and links.
/// </summary>
public interface IConnectionHandler
{
    /// <summary>A client chose a mechanism: answer with <see cref="AmqpConnection.SaslChallenge"/> or <see cref="AmqpConnection.SaslEnd"/>, now or later.</summary>
    void OnSaslInit(AmqpConnection connection, SaslInit init);

    /// <summary>A client answered a challenge; as above.</summary>
    void OnSaslResponse(AmqpConnection connection, byte[] response);

    /// <summary>The peer's open arrived; a server's own is written already.</summary>
    void OnOpened(AmqpConnection connection, Open open);

    /// <summary>
    /// The peer attaches a link: call <see cref="AmqpLink.Accept"/> or <see cref="AmqpLink.Refuse"/>, now or later.
    /// </summary>
    void OnAttach(AmqpLink link, Attach attach);

    /// <summary>A session is over, and all its links were told.</summary>
    void OnSessionEnded(AmqpSession session, AmqpError? error);

    /// <summary>The connection is over, and all its links were told. What is in the output should still be sent.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="error">Why, or null for a good end.</param>
    /// <param name="byPeer">False when this side found the reason.</param>
    void OnClosed(AmqpConnection connection, AmqpError? error, bool byPeer);
}

/// <summary>Whom a link tells what happens to it.</summary>
public interface ILinkHandler
{
    /// <summary>The peer's answer to a link that this side attached. Refused when source or target is missing: a detach follows.</summary>
    void OnAttached(AmqpLink link, Attach answer)
    {
    }

    /// <summary>The link is over, by either side; called once.</summary>
    void OnDetached(AmqpLink link, AmqpError? error);
}

/// <summary>Takes the deliveries of a link.</summary>
public interface IReceiverHandler : ILinkHandler
{
    /// <summary>A whole message. What it refers to is valid during the call only.</summary>
    void OnDelivery(ReceivingLink link, in Delivery delivery);

    /// <summary>The sender settled a delivery that this side had answered without settling it (<see cref="ReceiverSettleMode.Second"/>).</summary>
    /// <param name="link">The link.</param>
    /// <param name="deliveryId">The delivery.</param>
    /// <param name="state">What became of it by the sender's word; null when it says nothing.</param>
    void OnSettled(ReceivingLink link, uint deliveryId, DeliveryState? state)
    {
    }
}

/// <summary>Sends over a link.</summary>
public interface ISenderHandler : ILinkHandler
{
    /// <summary>
    /// The link can send, as far as <see cref="SendingLink.CanSend"/> is true. With <see cref="SendingLink.Drain"/> the peer wants
    /// all that is there now and an end: call <see cref="SendingLink.CompleteDrain"/> when there is nothing (more).
    /// </summary>
    void OnCredit(SendingLink link);

    /// <summary>The peer said what became of a delivery.</summary>
    /// <param name="link">The link.</param>
    /// <param name="delivery">What was sent.</param>
    /// <param name="state">Its state; null when the peer settled without one.</param>
    /// <param name="settled">False when the peer waits for this side to settle: call <see cref="SendingLink.Settle"/>.</param>
    void OnOutcome(SendingLink link, OutgoingDelivery delivery, DeliveryState? state, bool settled);
}
