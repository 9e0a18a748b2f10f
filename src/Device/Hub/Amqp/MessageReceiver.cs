using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Messages;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;

namespace Homeport.Device.Hub.Amqp;

/// <summary>
/// Cloud-to-device messages of one connection. Their outcomes are settled second: the hub says when it has noted one, or that it comes too late
/// (AMQP 1.0 part 2, section 2.6.12).
/// </summary>
internal sealed class MessageReceiver(AmqpDriver driver, Action<AmqpError?> ended) : IReceiverHandler
{
    /// <summary>Messages that the hub hands out at a time; the others stay with it.</summary>
    private const int Window = 50;

    private readonly Channel<Message> _arrived = Channel.CreateUnbounded<Message>();
    private readonly Dictionary<string, uint> _open = new(StringComparer.Ordinal);
    private readonly Dictionary<uint, TaskCompletionSource> _settling = [];
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ReceivingLink? _link;
    private bool _isOver;

    /// <summary>Ends when messages can come; fails when the hub refuses the link.</summary>
    public Task Opened => _opened.Task;

    /// <summary>Attaches the link; under the lock.</summary>
    public void Attach(AmqpSession session, string address, AmqpMap properties)
        => _link = session.AttachReceiver($"messages {Guid.NewGuid()}", new Source { Address = address }, new Target(), this, properties, ReceiverSettleMode.Second);

    public ValueTask<Message> ReadAsync(CancellationToken cancellationToken) => _arrived.Reader.ReadAsync(cancellationToken);

    /// <summary>Gives a message its outcome, and waits until the hub has noted it.</summary>
    /// <exception cref="IotHubException">The message is not one of this connection, or the hub did not take the outcome.</exception>
    public Task SettleAsync(string lockToken, DeliveryState outcome)
    {
        var settled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (driver.Enter())
        {
            if (_isOver || !_open.Remove(lockToken, out var id))
                throw IotHubException.Of(HubLinkEnd.LockLost, "The message came over a connection that has ended, or has its outcome already; the hub delivers it again if need be.");
            _link!.Settle(id, outcome);
            if (_link.ReceiverSettleMode == ReceiverSettleMode.First)
                settled.SetResult();
            else
                _settling[id] = settled;
        }

        return settled.Task;
    }

    /// <inheritdoc/>
    void ILinkHandler.OnAttached(AmqpLink link, Attach answer)
    {
        // A refusal has no source, and a detach with the reason follows.
        if (answer.Source is null)
            return;
        ((ReceivingLink)link).KeepWindow(Window);
        _opened.TrySetResult();
    }

    /// <inheritdoc/>
    void ILinkHandler.OnDetached(AmqpLink link, AmqpError? error)
    {
        _isOver = true;
        if (!_opened.TrySetException(AmqpFailures.Of(error, "the link for messages")))
            ended(error);
        foreach (var settled in _settling.Values)
            settled.TrySetException(IotHubException.Of(HubLinkEnd.LockLost, "The connection ended before the hub noted the outcome; it may deliver the message again."));
    }

    /// <inheritdoc/>
    void IReceiverHandler.OnDelivery(ReceivingLink link, in Homeport.Amqp.Delivery delivery)
    {
        var message = AmqpMessage.Decode(delivery.Payload, out var error);
        if (message is null)
        {
            link.Settle(delivery.Id, DeliveryState.Reject(new AmqpError(ErrorCondition.DecodeError, error)));
            return;
        }

        var token = Convert.ToHexStringLower(delivery.Tag);
        if (!delivery.Settled)
            _open[token] = delivery.Id;
        _arrived.Writer.TryWrite(Read(message, token));
    }

    /// <inheritdoc/>
    void IReceiverHandler.OnSettled(ReceivingLink link, uint deliveryId, DeliveryState? state)
    {
        if (!_settling.Remove(deliveryId, out var waiting))
            return;
        // This side rejects without an error of its own, so one that comes is the hub's.
        if (state is { Kind: DeliveryStateKind.Rejected, Error: { } error })
            waiting.TrySetException(AmqpFailures.Of(error, "the outcome of a message"));
        else
            waiting.TrySetResult();
    }

    private static Message Read(AmqpMessage amqp, string token)
    {
        var properties = amqp.Properties;
        var message = new Message(amqp.Body)
        {
            LockToken = token,
            MessageId = properties?.MessageId?.ToString(),
            CorrelationId = properties?.CorrelationId?.ToString(),
            UserId = properties?.UserId is { } user ? Encoding.UTF8.GetString(user) : null,
            To = properties?.To,
            ContentType = properties?.ContentType,
            ContentEncoding = properties?.ContentEncoding,
            ExpiryTimeUtc = properties?.AbsoluteExpiryTime?.UtcDateTime,
            EnqueuedTimeUtc = (amqp.MessageAnnotations?["iothub-enqueuedtime"] as DateTimeOffset?)?.UtcDateTime,
            DeliveryCount = Number(amqp.MessageAnnotations?["iothub-deliverycount"]) is var count and <= int.MaxValue ? (int)count : 0,
            SequenceNumber = Number(amqp.MessageAnnotations?["x-opt-sequence-number"]),
        };
        foreach (var (name, value) in amqp.ApplicationProperties ?? [])
        {
            var text = value is null ? null : Convert.ToString(value, CultureInfo.InvariantCulture);
            message.SetProperty(ShortName(name?.ToString() ?? ""), text);
        }

        return message;
    }

    private static string ShortName(string name) => name switch
    {
        "iothub-creation-time-utc" => SystemProperty.CreationTime,
        "iothub-message-schema" => SystemProperty.MessageSchema,
        "dt-subject" => SystemProperty.Subject,
        _ => name,
    };

    private static long Number(object? value) => value is null ? 0 : Convert.ToInt64(value, CultureInfo.InvariantCulture);
}
