using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;
using Homeport.Contract.Messages;
using Homeport.Hub.Faults;
using Homeport.Hub.Telemetry;
using Homeport.Log;

namespace Homeport.Gateway.Amqp.Devices;

/// <summary>Messages of a device into the log; each is accepted when it is on the disk.</summary>
internal sealed class TelemetryReceiver(AmqpDevice device) : IReceiverHandler
{
    /// <summary>Deliveries of a link on the way or unanswered.</summary>
    public const int Window = 500;

    /// <summary>A batch: its data sections are whole messages. Source: the Azure SDKs.</summary>
    private const uint BatchFormat = 0x80013700;

    private readonly LogWriter _writer = device.Hub.Telemetry.WriterFor(device.Authenticated, device.ModelId);

    /// <inheritdoc/>
    public void OnDelivery(ReceivingLink link, in Delivery delivery)
    {
        device.NoteActivity();
        var refusal = delivery.MessageFormat == BatchFormat ? TakeBatch(link, delivery) : TakeOne(link, delivery);
        if (refusal is not null && !delivery.Settled)
            link.Settle(delivery.Id, DeliveryState.Reject(device.Client.Refuse(refusal, device.DeviceId)));
        else if (refusal is not null)
            device.Client.Refuse(refusal, device.DeviceId);
        if (!device.Hub.Telemetry.HasRoom(_writer))
            device.Client.BeforeNextFrame(() => new ValueTask(device.Hub.Telemetry.RoomAsync(_writer, device.Client.Ended)));
    }

    /// <inheritdoc/>
    public void OnDetached(AmqpLink link, AmqpError? error) => device.Remove(link);

    private Refusal? TakeOne(ReceivingLink link, in Delivery delivery)
    {
        if (Read(delivery.Payload, device.Client.Properties, out var body) is { } unreadable)
            return unreadable;
        var properties = device.Client.Properties;
        if (!TelemetryIngest.IsWithinLimit(properties.Counted, body.Length))
            return TooLarge(properties.Counted + body.Length);
        if (device.Throttle.TakeMessage(properties.Counted + body.Length, out var pause) is { } throttled)
            return throttled.Refusal;
        if (device.Hub.Faults is { } faults)
        {
            // A message that orders refusals is one itself, and the last that is taken.
            if (FaultOrder.Read(properties.Bytes) is { } order && faults.Take(device.Key, FaultProtocol.Amqp, order) is { } action)
            {
                if (action.Effect != FaultEffect.None)
                    return Obey(link, delivery, action, order);
            }
            else if (faults.OnSend(device.Key) is { } refusal)
            {
                return refusal;
            }
        }
        var commit = device.Hub.Telemetry.Append(_writer, properties.Bytes, body);
        Answer(link, delivery, commit, commit, pause);
        return null;
    }

    private Refusal? TakeBatch(ReceivingLink link, in Delivery delivery)
    {
        var messages = new List<(byte[] Properties, byte[] Body)>();
        var total = 0;
        var sections = new SectionReader(delivery.Payload);
        while (sections.Read())
        {
            if (sections.Section != Section.Data)
                continue;
            var value = sections.Value;
            var inner = value.ReadBinary(out _);
            if (value.Failed)
                return Unreadable(value.Error!);
            if (Read(inner, device.Client.Properties, out var body) is { } refusal)
                return refusal with { Seen = $"Message {messages.Count + 1} of the batch: {refusal.Seen}" };
            var properties = device.Client.Properties;
            total += properties.Counted + body.Length;
            messages.Add((properties.Bytes.ToArray(), body.ToArray()));
        }
        if (sections.Error is { } error)
            return Unreadable(error);
        if (messages.Count == 0)
            return new Refusal(HubErrors.ArgumentInvalid, "The batch has no messages", "Send one at least, each in a data section.");
        if (total > MessageLimits.DeviceToCloud)
            return TooLarge(total);
        // All or none: the limits are asked for all before anything is stored.
        var wait = TimeSpan.Zero;
        foreach (var (properties, body) in messages)
        {
            if (device.Throttle.TakeMessage(properties.Length + body.Length, out wait) is { } throttled)
                return throttled.Refusal;
        }
        if (device.Hub.Faults?.OnSend(device.Key) is { } ordered)
            return ordered;
        Commit? first = null, last = null;
        foreach (var (properties, body) in messages)
        {
            last = device.Hub.Telemetry.Append(_writer, properties, body);
            first ??= last;
        }
        Answer(link, delivery, first!, last!, wait);
        return null;
    }

    private void Answer(ReceivingLink link, in Delivery delivery, Commit first, Commit last, TimeSpan pause)
    {
        if (delivery.Settled)
        {
            if (pause > TimeSpan.Zero)
                _ = ReleaseLaterAsync(link, pause);
            return;
        }
        // A link whose deliveries are answered later gets its credit later: the sender slows down, and nobody else.
        if (pause > TimeSpan.Zero)
            _ = SettleLaterAsync(link, delivery.Id, first, last, pause);
        else
            device.Client.Settlements.Add(link, delivery.Id, first, last);
    }

    private async Task SettleLaterAsync(ReceivingLink link, uint id, Commit first, Commit last, TimeSpan pause)
    {
        await Task.Delay(pause, device.Client.Door.Time);
        using (device.Client.Enter())
            device.Client.Settlements.Add(link, id, first, last);
    }

    private async Task ReleaseLaterAsync(ReceivingLink link, TimeSpan pause)
    {
        link.Hold();
        await Task.Delay(pause, device.Client.Door.Time);
        using (device.Client.Enter())
            link.Unhold();
    }

    /// <summary>The message that orders a fault is accepted and not stored.</summary>
    private Refusal? Obey(ReceivingLink link, in Delivery delivery, FaultAction action, FaultOrder order)
    {
        if (action.Effect == FaultEffect.Refuse)
            return action.Refusal;
        if (action.Acknowledge && !delivery.Settled)
            link.Settle(delivery.Id, DeliveryState.Accepted);
        _ = device.FailAsync(link, action, order.Type);
        return null;
    }

    private static Refusal? Read(ReadOnlySpan<byte> message, PropertyBlock properties, out ReadOnlySpan<byte> body)
    {
        properties.Clear();
        body = default;
        var hasBody = false;
        var sections = new SectionReader(message);
        while (sections.Read())
        {
            var value = sections.Value;
            var part = sections.Section switch
            {
                Section.Data => value.ReadBinary(out _),
                Section.AmqpValue => BodyValue(ref value),
                Section.AmqpSequence => Unusable(ref value),
                _ => default,
            };
            if (sections.Section is Section.Data or Section.AmqpValue)
            {
                // Several data sections are one body in pieces.
                body = hasBody ? (byte[])[.. body, .. part] : part;
                hasBody = true;
            }
            if ((value.Error ?? properties.Add(sections.Section, sections.Value)) is { } error)
                return Unreadable($"{sections.Section}: {error}");
        }
        return sections.Error is { } wrong ? Unreadable(wrong) : null;
    }

    private static ReadOnlySpan<byte> BodyValue(scoped ref AmqpReader value)
    {
        switch (value.PeekCode())
        {
            case 0x40:
                return default;
            case 0xa0 or 0xb0:
                return value.ReadBinary(out _);
            case 0xa1 or 0xb1:
                return value.ReadUtf8(out _);
            default:
                return Unusable(ref value);
        }
    }

    private static ReadOnlySpan<byte> Unusable(scoped ref AmqpReader value)
    {
        value.Fail("a message's body is bytes or text");
        return default;
    }

    private static Refusal Unreadable(string what) => new(HubErrors.IotHubFormatError, $"The message cannot be read: {what}", "Send a message as AMQP 1.0 part 3 has it, with one data section as body.");

    private static Refusal TooLarge(int size)
        => new(HubErrors.MessageTooLarge, $"The message has {size} bytes with its properties", $"Keep it, or the batch in total, within {MessageLimits.DeviceToCloud} bytes.");
}
