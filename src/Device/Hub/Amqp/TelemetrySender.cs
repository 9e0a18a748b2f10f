using System.Diagnostics.CodeAnalysis;
using System.Text;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Messages;

namespace Homeport.Device.Hub.Amqp;

/// <summary>
/// Sends messages over one link, in order, without waiting for each other's outcome. A hub may answer out of order; deliveries are told of outcomes in the
/// order of sending, so that what they count is the front.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle holds nothing, and late waiters may still leave it.")]
internal sealed class TelemetrySender(AmqpDriver driver, int maxInFlight, Action<AmqpError?> ended) : ISenderHandler
{
    private readonly SemaphoreSlim _places = new(maxInFlight, maxInFlight);
    private readonly Queue<Sent> _waiting = new();
    private readonly Queue<Sent> _sent = new();
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SendingLink? _link;
    private TaskCompletionSource? _empty;
    private Exception? _failure;

    /// <summary>Ends when the hub lets the device send; fails when it does not.</summary>
    public Task Opened => _opened.Task;

    public int Count
    {
        get
        {
            using (driver.Enter())
                return _waiting.Count + _sent.Count;
        }
    }

    /// <summary>Attaches the link; under the lock.</summary>
    public void Attach(AmqpSession session, string address, AmqpMap properties)
        => _link = session.AttachSender($"telemetry {Guid.NewGuid()}", new Source(), new Target { Address = address }, this, properties);

    /// <summary>Ends when nothing is on its way any more.</summary>
    public Task WhenEmpty()
    {
        Task empty;
        using (driver.Enter())
        {
            if (_waiting.Count + _sent.Count > 0)
                _empty ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            empty = _empty?.Task ?? Task.CompletedTask;
        }

        return empty;
    }

    /// <summary>Puts messages on their way; waits while too many are.</summary>
    public async Task AddAsync(ReadOnlyMemory<OutgoingMessage> messages, Delivery delivery, CancellationToken cancellationToken)
    {
        for (var i = 0; i < messages.Length; i++)
        {
            await _places.WaitAsync(cancellationToken);
            var bytes = Encode(messages.Span[i]);
            using (driver.Enter())
            {
                if (_failure is not null)
                {
                    delivery.Fail(_failure);
                    return;
                }

                _waiting.Enqueue(new Sent(bytes, delivery));
                SendWaiting();
            }
        }
    }

    /// <summary>Fails what is on its way and what comes after.</summary>
    public void Fail(Exception failure)
    {
        TaskCompletionSource? empty;
        using (driver.Enter())
        {
            _failure = failure;
            foreach (var sent in _sent.Concat(_waiting))
                sent.Delivery.Fail(failure);
            _sent.Clear();
            _waiting.Clear();
            (empty, _empty) = (_empty, null);
        }

        empty?.TrySetException(failure);
    }

    /// <inheritdoc/>
    void ILinkHandler.OnAttached(AmqpLink link, Attach answer)
    {
        // A refusal has no target, and a detach with the reason follows.
        if (answer.Target is not null)
            _opened.TrySetResult();
    }

    /// <inheritdoc/>
    void ILinkHandler.OnDetached(AmqpLink link, AmqpError? error)
    {
        if (!_opened.TrySetException(AmqpFailures.Of(error, "the device")))
            ended(error);
    }

    /// <inheritdoc/>
    void ISenderHandler.OnCredit(SendingLink link) => SendWaiting();

    /// <inheritdoc/>
    void ISenderHandler.OnOutcome(SendingLink link, OutgoingDelivery delivery, DeliveryState? state, bool settled)
    {
        if (!settled)
            link.Settle(delivery, state);
        ((Sent)delivery.Context!).Outcome = state ?? DeliveryState.Accepted;
        while (_sent.TryPeek(out var oldest) && oldest.Outcome is { } outcome)
        {
            _sent.Dequeue();
            if (outcome.Kind == DeliveryStateKind.Accepted)
                oldest.Delivery.Acknowledge();
            else
                oldest.Delivery.Fail(AmqpFailures.Of(outcome.Error ?? new AmqpError(ErrorCondition.InternalError, $"it was {outcome.Kind}"), "a message"));
            _places.Release();
        }

        if (_sent.Count + _waiting.Count > 0 || _empty is not { } empty)
            return;
        _empty = null;
        empty.TrySetResult();
    }

    private void SendWaiting()
    {
        while (_link is { CanSend: true } link && _waiting.TryDequeue(out var next))
        {
            _sent.Enqueue(next);
            link.Send(next.Message, context: next);
            next.Message = [];
        }
    }

    private static byte[] Encode(in OutgoingMessage message)
    {
        string? id = null, correlationId = null, user = null, type = null, encoding = null;
        var own = new AmqpMap();
        foreach (var (name, value) in message.Properties())
        {
            switch (name)
            {
                case SystemProperty.MessageId: id = value; break;
                case SystemProperty.CorrelationId: correlationId = value; break;
                case SystemProperty.UserId: user = value; break;
                case SystemProperty.ContentType: type = value; break;
                case SystemProperty.ContentEncoding: encoding = value; break;
                default: own.Add(SystemProperty.LongName(name) ?? name, value); break;
            }
        }

        return new AmqpMessage
        {
            Properties = new MessageProperties
            {
                MessageId = id,
                CorrelationId = correlationId,
                UserId = user is null ? null : Encoding.UTF8.GetBytes(user),
                ContentType = type,
                ContentEncoding = encoding,
            },
            ApplicationProperties = own.Count == 0 ? null : own,
            Data = [message.Body],
        }.ToBytes();
    }

    private sealed class Sent(byte[] message, Delivery delivery)
    {
        /// <summary>Until it is sent.</summary>
        public byte[] Message { get; set; } = message;

        public Delivery Delivery { get; } = delivery;

        public DeliveryState? Outcome { get; set; }
    }
}
