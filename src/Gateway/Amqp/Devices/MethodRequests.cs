using System.Buffers.Binary;
using System.Globalization;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Hub.Methods;

namespace Homeport.Gateway.Amqp.Devices;

/// <summary>Direct methods to a client. The call's number travels as a UUID: the C SDK takes nothing else as correlation id.</summary>
internal sealed class MethodRequests(AmqpDevice device, SendingLink link) : ISenderHandler
{
    /// <summary>Calls that may wait for the client's credit; the hub allows no more under way.</summary>
    private const int MaxWaiting = DirectMethods.MaxInFlight;

    private readonly Queue<byte[]> _waiting = new();
    private bool _isReady;

    /// <summary>Sends a call, now or when there is credit. One that finds no room is not sent: its caller hears of the time-out.</summary>
    public void Invoke(MethodRequest request)
    {
        var message = new AmqpMessage
        {
            Properties = new MessageProperties { CorrelationId = IdOf(request.Id) },
            ApplicationProperties = Named(request.Name),
            Data = [request.Payload],
        }.ToBytes();
        using (device.Client.Enter())
        {
            if (_waiting.Count < MaxWaiting)
                _waiting.Enqueue(message);
            SendWaiting();
        }
    }

    /// <inheritdoc/>
    public void OnCredit(SendingLink sender)
    {
        SendWaiting();
        if (_isReady)
            return;
        _isReady = true;
        device.Hub.Methods.Ready(device.Key);
    }

    /// <inheritdoc/>
    public void OnOutcome(SendingLink sender, OutgoingDelivery delivery, DeliveryState? state, bool settled)
    {
        device.NoteActivity();
        if (!settled)
            sender.Settle(delivery, state);
    }

    /// <inheritdoc/>
    public void OnDetached(AmqpLink detached, AmqpError? error) => device.Remove(detached);

    /// <summary>The UUID of a call's number.</summary>
    public static Guid IdOf(string id)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], ulong.Parse(id, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        return new Guid(bytes, bigEndian: true);
    }

    /// <summary>The number of a call's UUID.</summary>
    public static string IdOf(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]).ToString("x", CultureInfo.InvariantCulture);
    }

    private static AmqpMap Named(string method)
    {
        var map = new AmqpMap();
        map.Add("IoThub-methodname", method);
        return map;
    }

    private void SendWaiting()
    {
        while (link.CanSend && _waiting.TryDequeue(out var message))
            link.Send(message);
        link.CompleteDrain();
    }
}
