using Homeport.Amqp;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Hub.Twins;

namespace Homeport.Gateway.Amqp.Devices;

/// <summary>What a client hears of its twin: answers to its requests, and changes of desired properties if it wants them.</summary>
/// <param name="device">The device.</param>
/// <param name="link">The link.</param>
/// <param name="correlation">Says which link of requests it belongs to, see <see cref="CorrelationProperty"/>.</param>
internal sealed class TwinAnswers(AmqpDevice device, SendingLink link, string? correlation) : ISenderHandler
{
    /// <summary>Property of the two links of a pair; the same in both.</summary>
    public const string CorrelationProperty = "com.microsoft:channel-correlation-id";

    /// <summary>Messages that may wait for the client's credit, before it is given up.</summary>
    private const int MaxWaiting = 256;

    private readonly Queue<byte[]> _waiting = new();
    private long _sentVersion;

    /// <summary>Which link of requests it belongs to.</summary>
    public string? Correlation => correlation;

    /// <summary>True while the client wants changes of desired properties.</summary>
    public bool WantsChanges { get; set; }

    /// <summary>Notes that the client has seen the desired properties up to a version.</summary>
    public void NoteSeen(long version) => Interlocked.Exchange(ref _sentVersion, version);

    /// <summary>Sends a change, unless the client does not want it or has seen it in a whole twin.</summary>
    public void Tell(DesiredChange change)
    {
        if (WantsChanges && change.Version > Interlocked.Read(ref _sentVersion))
            Send(new AmqpMessage { Data = [change.Body] });
    }

    /// <summary>Sends a message, now or when there is credit.</summary>
    public void Send(AmqpMessage message)
    {
        using (device.Client.Enter())
        {
            if (_waiting.Count >= MaxWaiting)
            {
                link.Detach(new AmqpError(ErrorCondition.ResourceLimitExceeded, $"{MaxWaiting} messages wait for credit of this link: give more."));
                return;
            }
            _waiting.Enqueue(message.ToBytes());
            SendWaiting();
        }
    }

    /// <inheritdoc/>
    public void OnCredit(SendingLink sender) => SendWaiting();

    /// <inheritdoc/>
    public void OnOutcome(SendingLink sender, OutgoingDelivery delivery, DeliveryState? state, bool settled)
    {
        device.NoteActivity();
        if (!settled)
            sender.Settle(delivery, state);
    }

    /// <inheritdoc/>
    public void OnDetached(AmqpLink detached, AmqpError? error) => device.Remove(detached);

    private void SendWaiting()
    {
        while (link.CanSend && _waiting.TryDequeue(out var message))
            link.Send(message);
        link.CompleteDrain();
    }
}
