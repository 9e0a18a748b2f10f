using System.Text;
using Homeport.Contract.Messages;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Registry;
using Homeport.Log;
using Homeport.Mqtt;
using Microsoft.Extensions.Logging;

namespace Homeport.Gateway.Mqtt;

/// <summary>
/// Cloud-to-device messages of a connected client: a small window of them is on its way, and a PUBACK completes one. What the client
/// did not acknowledge goes back to the queue when the connection ends.
/// </summary>
internal sealed partial class MessageDelivery(HubDoor hub, string deviceId, string? moduleId, Subscriptions subscriptions, MqttOutbox outbox, ILogger logger)
    : IThreadPoolWorkItem
{
    /// <summary>Messages that the client may have without acknowledging them.</summary>
    private const int Window = 16;

    private readonly QueueReader _reader = hub.CloudToDevice.OpenReader(deviceId, moduleId);
    private readonly Lock _lock = new();
    private Dictionary<ushort, long>? _unacknowledged;
    private ushort _lastId;
    private bool _pumping;
    private bool _again;

    /// <summary>Says that there may be messages to deliver. Posts and returns.</summary>
    public void Wake()
    {
        if (subscriptions.MessageQos is null)
            return;
        lock (_lock)
        {
            _again = true;
            if (_pumping)
                return;
            _pumping = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>The client has the message of a packet.</summary>
    public void Acknowledge(ushort packetId)
    {
        long sequence = 0;
        lock (_lock)
        {
            if (_unacknowledged?.Remove(packetId, out sequence) != true)
                return;
        }
        _ = CompleteAsync(sequence);
        Wake();
    }

    /// <summary>Gives back what was not acknowledged.</summary>
    public Task CloseAsync() => _reader.CloseAsync();

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
            LogFault(e, Identity.KeyOf(deviceId, moduleId));
            outbox.Fail();
        }
    }

    private bool NextRound()
    {
        int room;
        lock (_lock)
        {
            room = Window - (_unacknowledged?.Count ?? 0);
            if (!_again || room == 0)
            {
                _pumping = _again = false;
                return false;
            }
            _again = false;
        }
        if (subscriptions.MessageQos is not { } qos)
            return true;
        var messages = _reader.Take(room);
        foreach (var message in messages)
            Deliver(message, qos);
        return true;
    }

    private void Deliver(QueuedMessage message, int qos)
    {
        ushort packetId = 0;
        if (qos > 0)
        {
            lock (_lock)
            {
                packetId = NextId();
                (_unacknowledged ??= [])[packetId] = message.Sequence;
            }
        }
        if (!outbox.TryPost(PublishPacket.Make(Topic(message), message.Body.Span, qos, packetId, duplicate: qos > 0 && message.DeliveryCount > 0)))
        {
            outbox.GiveUp();
            return;
        }
        if (qos > 0)
            return;
        // With quality of service 0 nothing comes back: written is delivered.
        _ = CompleteAsync(message.Sequence);
        lock (_lock)
            _again = true;
    }

    private ushort NextId()
    {
        do
        {
            // One of the SDKs takes identifiers up to 0x7FFF only.
            _lastId = (ushort)(_lastId % 0x7FFF + 1);
        }
        while (_unacknowledged?.ContainsKey(_lastId) == true);
        return _lastId;
    }

    private byte[] Topic(QueuedMessage message)
    {
        // A bag is never empty: the hub writes $.to, without which one of the SDKs fails.
        var bag = PropertyBag.Encode(RecordProperties.Read(message.Properties.Span));
        return Encoding.UTF8.GetBytes(moduleId is null
            ? $"devices/{deviceId}/messages/devicebound/{bag}"
            : $"devices/{deviceId}/modules/{moduleId}/messages/devicebound/{bag}");
    }

    private async Task CompleteAsync(long sequence)
    {
        try
        {
            await _reader.CompleteAsync(sequence);
        }
        catch (Exception e)
        {
            // It stays in the queue, and the client gets it again.
            LogFault(e, Identity.KeyOf(deviceId, moduleId));
        }
    }

    [LoggerMessage(EventId = 3012, Level = LogLevel.Error, Message = "A cloud-to-device message of {Key} could not be delivered or completed.")]
    private partial void LogFault(Exception e, string key);
}
