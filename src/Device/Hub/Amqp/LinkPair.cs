using System.Diagnostics.CodeAnalysis;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Device.Client.Errors;

namespace Homeport.Device.Hub.Amqp;

/// <summary>What came of a request: an answer, or the error with which the request was rejected.</summary>
internal readonly record struct LinkAnswer(AmqpMessage? Message, AmqpError? Error);

/// <summary>
/// Two links with one address: messages go by one and come by the other. An answer has its request's id as correlation id; what comes without one that
/// is awaited, the peer sent of its own accord.
/// </summary>
internal sealed class LinkPair : ISenderHandler, IReceiverHandler
{
    /// <summary>Answers, or messages of the peer's own, that may be on their way.</summary>
    private const int Window = 100;

    private readonly AmqpDriver _driver;
    private readonly string _address;
    private readonly Action<AmqpMessage> _unasked;
    private readonly Action<AmqpError?> _ended;
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Dictionary<string, TaskCompletionSource<LinkAnswer>> _requests = new(StringComparer.Ordinal);
    private readonly Queue<(byte[] Message, string? Id)> _waiting = new();
    private SendingLink? _sender;
    private int _attached;
    private bool _isOver;

    /// <summary>Prepares a pair.</summary>
    /// <param name="driver">The connection.</param>
    /// <param name="address">Of the node.</param>
    /// <param name="unasked">Takes messages that answer nothing; called under the lock.</param>
    /// <param name="ended">Called, under the lock, when an opened pair ends.</param>
    public LinkPair(AmqpDriver driver, string address, Action<AmqpMessage> unasked, Action<AmqpError?> ended)
        => (_driver, _address, _unasked, _ended) = (driver, address, unasked, ended);

    /// <summary>Ends when both links are attached; fails when the peer refuses one.</summary>
    public Task Opened => _opened.Task;

    /// <summary>Attaches both links; under the lock.</summary>
    public void Attach(AmqpSession session, AmqpMap? properties = null)
    {
        var id = Guid.NewGuid().ToString();
        _sender = session.AttachSender($"{_address} {id} to", new Source { Address = id }, new Target { Address = _address }, this, properties);
        session.AttachReceiver($"{_address} {id} from", new Source { Address = _address }, new Target { Address = id }, this, properties);
    }

    /// <summary>Sends a message that has no answer.</summary>
    public void Send(AmqpMessage message) => Send(message, null);

    /// <summary>Sends a request and waits for its answer.</summary>
    /// <param name="request">Without properties: its message id and correlation id are made here.</param>
    /// <param name="what">In words, for the exception.</param>
    /// <param name="limit">How long to wait.</param>
    /// <param name="time">By which clock.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="IotHubException">There is no answer, or the links ended before.</exception>
    public async Task<LinkAnswer> AskAsync(AmqpMessage request, string what, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var id = Guid.NewGuid().ToString();
        var answer = new TaskCompletionSource<LinkAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        using (_driver.Enter())
        {
            if (_isOver)
                throw IotHubException.Of(HubLinkEnd.Lost, "The connection has ended.");
            _requests.Add(id, answer);
            Send(request with { Properties = new MessageProperties { MessageId = id, CorrelationId = id } }, id);
        }

        try
        {
            return await answer.Task.WaitAsync(limit, time, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw IotHubException.Of(HubLinkEnd.Silence, $"The hub did not answer {what} within {limit}.", e);
        }
        finally
        {
            using (_driver.Enter())
                _requests.Remove(id);
        }
    }

    /// <inheritdoc/>
    [SuppressMessage("Design", "CA1033", Justification = "The engine's to call.")]
    void ILinkHandler.OnAttached(AmqpLink link, Attach answer)
    {
        // A refusal has no terminus, and a detach with the reason follows.
        if (link.IsReceiver ? answer.Source is null : answer.Target is null)
            return;
        (link as ReceivingLink)?.KeepWindow(Window);
        if (++_attached == 2)
            _opened.TrySetResult();
    }

    /// <inheritdoc/>
    void ILinkHandler.OnDetached(AmqpLink link, AmqpError? error)
    {
        if (_isOver)
            return;
        _isOver = true;
        if (!_opened.TrySetException(AmqpFailures.Of(error, $"a link to {_address}")))
            _ended(error);
        foreach (var request in _requests.Values)
            request.TrySetException(IotHubException.Of(HubLinkEnd.ClosedByServer, $"The link to {_address} has ended before the answer came: {error?.Description ?? "no reason given"}"));
        _waiting.Clear();
    }

    /// <inheritdoc/>
    void IReceiverHandler.OnDelivery(ReceivingLink link, in Homeport.Amqp.Delivery delivery)
    {
        var message = AmqpMessage.Decode(delivery.Payload, out var error);
        if (!delivery.Settled)
            link.Settle(delivery.Id, message is null ? DeliveryState.Reject(new AmqpError(ErrorCondition.DecodeError, error)) : DeliveryState.Accepted);
        if (message is null)
            return;
        if (message.Properties?.CorrelationId?.ToString() is { } id && _requests.TryGetValue(id, out var request))
            request.TrySetResult(new LinkAnswer(message, null));
        else
            _unasked(message);
    }

    /// <inheritdoc/>
    void ISenderHandler.OnCredit(SendingLink link) => SendWaiting();

    /// <inheritdoc/>
    void ISenderHandler.OnOutcome(SendingLink link, OutgoingDelivery delivery, DeliveryState? state, bool settled)
    {
        if (!settled)
            link.Settle(delivery, state);
        if (state?.Kind == DeliveryStateKind.Rejected && delivery.Context is string id && _requests.TryGetValue(id, out var request))
            request.TrySetResult(new LinkAnswer(null, state.Error ?? new AmqpError(ErrorCondition.InternalError)));
    }

    private void Send(AmqpMessage message, string? id)
    {
        using (_driver.Enter())
        {
            if (_isOver)
                return;
            _waiting.Enqueue((message.ToBytes(), id));
            SendWaiting();
        }
    }

    private void SendWaiting()
    {
        while (_sender is { CanSend: true } link && _waiting.TryDequeue(out var next))
            link.Send(next.Message, context: next.Id);
    }
}
