using System.Text;
using Homeport.Amqp;
using Homeport.Amqp.Performatives;
using Homeport.Amqp.Sasl;
using Homeport.Contract.Rest.Operators;

namespace Homeport.Routing.Sinks.Amqp;

/// <summary>One connection to a broker with one link. A message counts when the broker has accepted it.</summary>
internal sealed class AmqpSender : IConnectionHandler, ISenderHandler, IAsyncDisposable
{
    private readonly RoutingEndpointDescription _endpoint;
    private readonly EventMessage _messages;
    private readonly AmqpDriver _driver;
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SendingLink? _link;
    private Sending? _sending;
    private string? _end;

    public AmqpSender(Stream stream, string host, RoutingEndpointDescription endpoint, EventMessage messages, TimeProvider time)
    {
        (_endpoint, _messages) = (endpoint, messages);
        var settings = new ConnectionSettings { ContainerId = $"homeport-{Guid.NewGuid():N}", HostName = host, Sasl = SaslOf(endpoint, host) };
        _driver = new AmqpDriver(stream, stream, settings, this, time) { Broken = e => Fail(PeerConnection.Explain(e)) };
    }

    /// <summary>Messages at the front of the batch under way that are accepted.</summary>
    public int Confirmed
    {
        get
        {
            using (_driver.Enter())
                return _sending?.Front ?? 0;
        }
    }

    /// <summary>Opens the connection and the link.</summary>
    /// <exception cref="IOException">The broker refuses, with its reason.</exception>
    public async Task OpenAsync(CancellationToken token)
    {
        _driver.Start();
        await _opened.Task.WaitAsync(token);
    }

    /// <summary>Sends a batch and waits for what the broker says of each of its messages.</summary>
    public async Task<DeliveryFailure?> SendAsync(IReadOnlyList<RoutedMessage> batch, CancellationToken token)
    {
        var sending = new Sending(batch.Count);
        var encoded = batch.Select(_messages.Encode).ToList();
        using (_driver.Enter())
        {
            _sending = sending;
            if (_end is { } end)
                return new DeliveryFailure(end);
            foreach (var message in encoded)
                sending.Waiting.Enqueue(message);
            SendWaiting();
        }
        return await sending.Done.Task.WaitAsync(token);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _driver.DisposeAsync();

    void IConnectionHandler.OnOpened(AmqpConnection connection, Open open)
    {
        var session = connection.BeginSession();
        _link = session.AttachSender($"homeport {Guid.NewGuid():N}", new Source(), new Target { Address = _endpoint.Address }, this, mode: SenderSettleMode.Unsettled);
    }

    void ILinkHandler.OnAttached(AmqpLink link, Attach answer)
    {
        // A refusal has no target, and a detach with the reason follows.
        if (answer.Target is not null)
            _opened.TrySetResult();
    }

    void ILinkHandler.OnDetached(AmqpLink link, AmqpError? error) => Fail($"it ended the link to '{_endpoint.Address}': {Text(error)}");

    void IConnectionHandler.OnSessionEnded(AmqpSession session, AmqpError? error) => Fail($"it ended the session: {Text(error)}");

    void IConnectionHandler.OnClosed(AmqpConnection connection, AmqpError? error, bool byPeer) => Fail($"the connection ended: {Text(error)}");

    void ISenderHandler.OnCredit(SendingLink link) => SendWaiting();

    void ISenderHandler.OnOutcome(SendingLink link, OutgoingDelivery delivery, DeliveryState? state, bool settled)
    {
        if (!settled)
            link.Settle(delivery, state);
        _sending?.Note((int)delivery.Context!, state);
    }

    void IConnectionHandler.OnAttach(AmqpLink link, Attach attach) => link.Refuse(attach, new AmqpError(ErrorCondition.NotAllowed, "This side sends only."));

    void IConnectionHandler.OnSaslInit(AmqpConnection connection, SaslInit init) => throw new InvalidOperationException("A client is not asked for a mechanism.");

    void IConnectionHandler.OnSaslResponse(AmqpConnection connection, byte[] response) => throw new InvalidOperationException("A client is not asked for a mechanism.");

    private void SendWaiting()
    {
        while (_link is { CanSend: true } link && _sending is { } sending && sending.Waiting.TryDequeue(out var message))
            link.Send(message, context: sending.Sent++);
    }

    private void Fail(string reason)
    {
        _end ??= "The broker: " + reason;
        _opened.TrySetException(new IOException(reason));
        _sending?.Fail(_end);
    }

    private static SaslInit SaslOf(RoutingEndpointDescription endpoint, string host) => string.IsNullOrEmpty(endpoint.UserName)
        ? new SaslInit("ANONYMOUS", [], host)
        : new SaslInit("PLAIN", Encoding.UTF8.GetBytes($"\0{endpoint.UserName}\0{endpoint.Secret}"), host);

    private static string Text(AmqpError? error) => error is null ? "no reason given" : $"{error.Condition} {error.Description}".Trim().TrimEnd('.');

    /// <summary>A batch on its way. Outcomes may come in any order.</summary>
    private sealed class Sending
    {
        private readonly DeliveryState?[] _outcomes;
        private int _missing;

        public Sending(int count)
        {
            _outcomes = new DeliveryState?[count];
            _missing = count;
        }

        public Queue<byte[]> Waiting { get; } = new();

        public int Sent { get; set; }

        public TaskCompletionSource<DeliveryFailure?> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Messages at the front that are accepted.</summary>
        public int Front
        {
            get
            {
                var front = Array.FindIndex(_outcomes, o => o?.Kind != DeliveryStateKind.Accepted);
                return front < 0 ? _outcomes.Length : front;
            }
        }

        public void Note(int index, DeliveryState? state)
        {
            if (_outcomes[index] is not null)
                return;
            // A broker that settles without a state has taken the message.
            _outcomes[index] = state ?? DeliveryState.Accepted;
            if (--_missing > 0)
                return;
            var front = Front;
            if (front == _outcomes.Length)
                Done.TrySetResult(null);
            else
                Done.TrySetResult(Explain(_outcomes[front]!) with { Delivered = front });
        }

        public void Fail(string reason) => Done.TrySetResult(new DeliveryFailure(reason) { Delivered = Front });

        private static DeliveryFailure Explain(DeliveryState state) => state.Kind == DeliveryStateKind.Rejected
            ? new DeliveryFailure($"The broker rejected it: {Text(state.Error)}", OfMessages: true)
            : new DeliveryFailure($"The broker did not take it ({state.Kind}): it may be full, or have no queue for it");
    }
}
