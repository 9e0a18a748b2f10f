using System.Globalization;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;
using Homeport.Contract.Messages;
using Homeport.Hub.CloudToDevice;
using Homeport.Log;

namespace Homeport.Gateway.Amqp.Devices;

/// <summary>
/// Cloud-to-device messages over a link. A message is held until the client gave it an outcome, and goes back to the queue when the
/// link ends before. The delivery tag is the lock token: 16 bytes, since one of the SDKs makes a GUID of it.
/// </summary>
internal sealed class MessageSender(AmqpDevice device, SendingLink link) : ISenderHandler, IThreadPoolWorkItem
{
    /// <summary>Messages that the client may have without an outcome, whatever its credit.</summary>
    private const int Window = 50;

    private readonly QueueReader _reader = device.Hub.CloudToDevice.OpenReader(device.DeviceId, device.ModuleId);
    private readonly Queue<QueuedMessage> _taken = new();
    private readonly Lock _lock = new();
    private bool _pumping;
    private bool _again;

    /// <summary>Says that there may be messages. Posts and returns.</summary>
    public void Wake()
    {
        lock (_lock)
        {
            _again = true;
            if (_pumping)
                return;
            _pumping = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <inheritdoc/>
    public void OnCredit(SendingLink sender) => Wake();

    /// <inheritdoc/>
    public void OnOutcome(SendingLink sender, OutgoingDelivery delivery, DeliveryState? state, bool settled)
    {
        device.NoteActivity();
        _ = SettleAsync(delivery, state ?? DeliveryState.Released, settled);
    }

    /// <inheritdoc/>
    public void OnDetached(AmqpLink detached, AmqpError? error)
    {
        device.Remove(detached);
        _ = CloseAsync();
    }

    /// <inheritdoc/>
    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            while (NextRound())
            {
                // Somebody woke it meanwhile.
            }
        }
        catch (Exception e)
        {
            var error = device.Client.Fault(e);
            using (device.Client.Enter())
                link.Detach(error);
        }
    }

    private bool NextRound()
    {
        lock (_lock)
        {
            if (!_again)
            {
                _pumping = false;
                return false;
            }
            _again = false;
        }
        int room;
        using (device.Client.Enter())
            room = link.CanSend ? (int)Math.Min(link.Credit, (uint)Math.Max(0, Window - link.Unsettled)) - _taken.Count : 0;
        // The store is asked outside of the connection's lock.
        var found = _reader.Take(room);
        using (device.Client.Enter())
        {
            foreach (var message in found)
                _taken.Enqueue(message);
            while (_taken.TryPeek(out var message) && link.CanSend)
            {
                _taken.Dequeue();
                Send(message);
            }
            if (_taken.Count == 0 && found.Count < room)
                link.CompleteDrain();
        }
        return true;
    }

    private void Send(QueuedMessage message)
    {
        var token = Guid.NewGuid();
        var settled = link.SenderSettleMode == SenderSettleMode.Settled;
        link.Send(Encode(message, token).ToBytes(), token.ToByteArray(), settled, context: message.Sequence);
        // What is sent settled has been delivered with that.
        if (settled)
            _ = _reader.CompleteAsync(message.Sequence);
    }

    private AmqpMessage Encode(QueuedMessage message, Guid token)
    {
        var own = new AmqpMap();
        string? id = null, correlationId = null, user = null, to = null, expiry = null, type = null, encoding = null;
        foreach (var (name, value) in RecordProperties.Read(message.Properties.Span))
        {
            switch (name)
            {
                case SystemProperty.MessageId: id = value; break;
                case SystemProperty.CorrelationId: correlationId = value; break;
                case SystemProperty.UserId: user = value; break;
                case SystemProperty.To: to = value; break;
                case SystemProperty.AbsoluteExpiryTime: expiry = value; break;
                case SystemProperty.ContentType: type = value; break;
                case SystemProperty.ContentEncoding: encoding = value; break;
                default: own.Add(SystemProperty.LongName(name) ?? name, value); break;
            }
        }
        return new AmqpMessage
        {
            MessageAnnotations = Annotations(message, token),
            Properties = new MessageProperties
            {
                MessageId = id,
                UserId = user is null ? null : System.Text.Encoding.UTF8.GetBytes(user),
                To = to,
                CorrelationId = correlationId,
                ContentType = type,
                ContentEncoding = encoding,
                AbsoluteExpiryTime = expiry is not null && DateTimeOffset.TryParse(expiry, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null,
            },
            ApplicationProperties = own.Count == 0 ? null : own,
            Data = [message.Body],
        };
    }

    /// <summary>SDKs look at each by its exact type.</summary>
    private AmqpMap Annotations(QueuedMessage message, Guid token)
    {
        var annotations = new AmqpMap
        {
            ["iothub-enqueuedtime"] = message.EnqueuedTime,
            ["iothub-deliverycount"] = (byte)Math.Min(message.DeliveryCount, byte.MaxValue),
            ["x-opt-lock-token"] = token.ToString(),
            ["x-opt-sequence-number"] = (ulong)message.Sequence,
            ["x-opt-enqueued-time"] = message.EnqueuedTime,
            ["iothub-connection-device-id"] = device.DeviceId,
        };
        if (device.ModuleId is not null)
            annotations["iothub-connection-module-id"] = device.ModuleId;
        return annotations;
    }

    private async Task SettleAsync(OutgoingDelivery delivery, DeliveryState state, bool settled)
    {
        var sequence = (long)delivery.Context!;
        try
        {
            var held = state.Kind switch
            {
                DeliveryStateKind.Accepted => await _reader.CompleteAsync(sequence),
                DeliveryStateKind.Rejected => await _reader.RejectAsync(sequence),
                DeliveryStateKind.Modified when state.UndeliverableHere => await _reader.RejectAsync(sequence),
                _ => await _reader.AbandonAsync(sequence),
            };
            if (!held)
                state = DeliveryState.Reject(device.Client.Refuse(new Refusal(HubErrors.DeviceMessageLockLost, $"Message {sequence} is not held by '{device.Key}' any more", "Take the message again."), device.DeviceId));
        }
        catch (Exception e)
        {
            // It stays in the queue, and the client gets it again.
            state = DeliveryState.Reject(device.Client.Fault(e));
        }
        // A client that settles second waits for this, and it waits for the disk.
        if (!settled)
        {
            using (device.Client.Enter())
                link.Settle(delivery, state);
        }
        Wake();
    }

    private async Task CloseAsync()
    {
        try
        {
            await _reader.CloseAsync();
        }
        catch (Exception e)
        {
            // The messages are in the queue; their locks end with the process.
            device.Client.Fault(e);
        }
    }
}
