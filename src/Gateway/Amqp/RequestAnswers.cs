using Homeport.Amqp;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;

namespace Homeport.Gateway.Amqp;

/// <summary>
/// The link by which a client gets answers to the requests that it sends by another. Without credit answers wait; of too many the oldest
/// are dropped: a client that gives no credit does not want them.
/// </summary>
/// <param name="node">The node that answers.</param>
/// <param name="request">The client's receiving link.</param>
/// <param name="capacity">Answers that wait at most.</param>
internal sealed class RequestAnswers(IAmqpNode node, LinkRequest request, int capacity) : ISenderHandler
{
    private readonly SendingLink _link = (SendingLink)request.Link;
    private readonly string? _target = request.Attach.Target?.Address;
    private readonly Queue<byte[]> _waiting = new();

    /// <summary>The node that answers.</summary>
    public IAmqpNode Node => node;

    /// <summary>
    /// The link for the answers to a request: the one whose target is the request's reply-to; else the newest of the same session, else of
    /// the connection. Null when there is none.
    /// </summary>
    /// <param name="node">The node that answers.</param>
    /// <param name="asking">The link by which the request came.</param>
    /// <param name="replyTo">The request's reply-to, or null.</param>
    public static RequestAnswers? Find(IAmqpNode node, ReceivingLink asking, string? replyTo)
    {
        var all = asking.Session.Connection.Sessions.SelectMany(s => s.Links).Select(l => l.UserHandler).OfType<RequestAnswers>().Where(a => ReferenceEquals(a.Node, node)).ToList();
        return all.Find(a => a._target is not null && string.Equals(a._target, replyTo, StringComparison.Ordinal))
            ?? all.FindLast(a => ReferenceEquals(a._link.Session, asking.Session))
            ?? all.LastOrDefault();
    }

    /// <summary>Sends an answer, now or when there is credit; under the connection's lock.</summary>
    public void Send(AmqpMessage answer)
    {
        if (_waiting.Count >= capacity)
            _waiting.Dequeue();
        _waiting.Enqueue(answer.ToBytes());
        SendWaiting();
    }

    /// <inheritdoc/>
    public void OnCredit(SendingLink link) => SendWaiting();

    /// <inheritdoc/>
    public void OnOutcome(SendingLink link, OutgoingDelivery delivery, DeliveryState? state, bool settled)
    {
        if (!settled)
            link.Settle(delivery, state);
    }

    /// <inheritdoc/>
    public void OnDetached(AmqpLink link, AmqpError? error) => _waiting.Clear();

    private void SendWaiting()
    {
        while (_link.CanSend && _waiting.TryDequeue(out var message))
            _link.Send(message);
        if (_waiting.Count == 0 || _link.Credit == 0)
            _link.CompleteDrain();
    }
}
