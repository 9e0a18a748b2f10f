using Homeport.Amqp.Encoding;
using Homeport.Amqp.Performatives;

namespace Homeport.Amqp;

public sealed partial class AmqpSession
{
    /// <summary>Room in a transfer frame for what is not payload: header, performative with a tag of 32 bytes.</summary>
    private const int TransferOverhead = 96;

    /// <summary>The rest of a delivery whose frames the window or the output stopped; at most one at a time.</summary>
    private Queue<PendingFrame>? _pending;

    /// <summary>Ends the tracking of a delivery. False when it was over before.</summary>
    internal bool Forget(OutgoingDelivery delivery)
    {
        if (!_unsettled.Remove(delivery.Id))
            return false;
        delivery.Link.Unsettled--;
        return true;
    }

    internal void ForgetAll(SendingLink link)
    {
        if (link.Unsettled == 0)
            return;
        foreach (var (id, _) in _unsettled.Where(d => ReferenceEquals(d.Value.Link, link)).ToArray())
            _unsettled.Remove(id);
        link.Unsettled = 0;
    }

    internal void WriteReceived(ReceivingLink link, uint first, uint last, DeliveryState state)
    {
        // A receiver that settles second waits for the sender to settle.
        var settled = link.ReceiverSettleMode == ReceiverSettleMode.First;
        if (!settled)
        {
            _awaitingSettlement ??= [];
            for (var id = first; ; id++)
            {
                _awaitingSettlement[id] = link;
                if (id == last)
                    break;
            }
        }
        WriteDisposition(new Disposition { IsReceiver = true, First = first, Last = last, Settled = settled, State = state });
    }

    internal void WriteSent(uint deliveryId, DeliveryState? state)
        => WriteDisposition(new Disposition { IsReceiver = false, First = deliveryId, Last = deliveryId, Settled = true, State = state });

    /// <summary>Writes a flow; the session's part is filled in here.</summary>
    internal void WriteFlow(in Flow flow)
    {
        if (_state != SessionState.Begun)
            return;
        // Each flow opens the whole window again.
        _incomingWindow = Connection.Settings.IncomingWindow;
        var start = Connection.BeginFrame(LocalChannel);
        (flow with
        {
            NextIncomingId = _nextIncomingId,
            IncomingWindow = _incomingWindow,
            NextOutgoingId = _nextOutgoingId,
            OutgoingWindow = Connection.Settings.IncomingWindow,
        }).Encode(Connection.Output);
        Connection.EndFrame(start);
    }

    internal OutgoingDelivery? WriteTransfer(SendingLink link, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> tag, bool settled, uint format, object? context)
    {
        var delivery = new OutgoingDelivery(link, _nextDeliveryId++, context);
        if (!settled)
        {
            _unsettled[delivery.Id] = delivery;
            link.Unsettled++;
        }
        var room = (int)Math.Min(Connection.PeerMaxFrameSize, int.MaxValue) - TransferOverhead;
        var first = true;
        do
        {
            var part = payload[..Math.Min(room, payload.Length)];
            payload = payload[part.Length..];
            var transfer = new Transfer { Handle = link.LocalHandle, More = !payload.IsEmpty };
            if (first)
            {
                transfer.DeliveryId = delivery.Id;
                transfer.DeliveryTag = tag;
                transfer.MessageFormat = format;
                transfer.Settled = settled;
            }
            first = false;
            WriteOrKeep(link, transfer, part);
        }
        while (!payload.IsEmpty);
        return delivery;
    }

    private void WriteOrKeep(SendingLink link, Transfer transfer, ReadOnlySpan<byte> payload)
    {
        if (_remoteIncomingWindow > 0 && _pending is null or { Count: 0 })
        {
            _remoteIncomingWindow--;
            _nextOutgoingId++;
            var start = Connection.BeginFrame(LocalChannel);
            transfer.Encode(Connection.Output);
            Connection.Output.WriteRaw(payload);
            Connection.EndFrame(start);
            return;
        }
        var body = new AmqpWriter();
        transfer.Encode(body);
        body.WriteRaw(payload);
        (_pending ??= new Queue<PendingFrame>()).Enqueue(new PendingFrame(link, body.Written.ToArray()));
    }

    private void FlushPending()
    {
        while (_pending is { Count: > 0 } && _remoteIncomingWindow > 0)
        {
            var frame = _pending.Dequeue();
            if (frame.Link.State != LinkState.Attached)
                continue;
            _remoteIncomingWindow--;
            _nextOutgoingId++;
            var start = Connection.BeginFrame(LocalChannel);
            Connection.Output.WriteRaw(frame.Body);
            Connection.EndFrame(start);
        }
    }

    private AmqpError? OnFlow(Flow flow, AmqpReader fields)
    {
        if (fields.Failed)
            return Undecodable(fields);
        // What the peer will take counts from what it has seen (section 2.5.6).
        var wasBlocked = !CanSend;
        var limit = (flow.NextIncomingId ?? 0) + flow.IncomingWindow;
        var left = limit - _nextOutgoingId;
        if (left > int.MaxValue)
            left = flow.IncomingWindow > int.MaxValue ? (uint)int.MaxValue : 0;
        _remoteIncomingWindow = left;
        FlushPending();
        if (flow.Handle is { } handle)
        {
            if (!_byRemoteHandle.TryGetValue(handle, out var link))
                return Unattached(handle);
            if (link.State == LinkState.Attached)
                link.OnFlow(flow);
        }
        else if (flow.Echo)
        {
            WriteFlow(default);
        }
        if (wasBlocked && CanSend)
            Unblock();
        return null;
    }

    private AmqpError? OnTransfer(ref AmqpReader fields, ReadOnlySpan<byte> payload)
    {
        var transfer = Transfer.Decode(ref fields);
        if (fields.Failed)
            return Undecodable(fields);
        if (_incomingWindow == 0)
            return new AmqpError(ErrorCondition.WindowViolation, "The session's window is used up: wait for a flow.");
        _incomingWindow--;
        _nextIncomingId++;
        if (!_byRemoteHandle.TryGetValue(transfer.Handle, out var found))
            return Unattached(transfer.Handle);
        if (found is not ReceivingLink link)
            return new AmqpError(ErrorCondition.ErrantLink, $"The link '{found.Name}' goes the other way.");
        var error = link.State == LinkState.Attached ? OnTransfer(link, transfer, payload) : null;
        if (_state == SessionState.Begun && _incomingWindow <= Connection.Settings.IncomingWindow / 2)
            WriteFlow(default);
        return error;
    }

    private AmqpError? OnTransfer(ReceivingLink link, Transfer transfer, ReadOnlySpan<byte> payload)
    {
        var id = link.CollectedId;
        if (!link.IsCollecting)
        {
            if (transfer.DeliveryId is not { } given || (_hasIncoming && given - _lastIncoming > int.MaxValue))
                return new AmqpError(ErrorCondition.InvalidField, "The first frame of a delivery has no delivery-id, or one that is not above the last.");
            if (transfer.DeliveryTag.Length > MaxTag)
                return new AmqpError(ErrorCondition.InvalidField, $"A delivery-tag has at most {MaxTag} bytes.");
            id = given;
            (_hasIncoming, _lastIncoming) = (true, given + 1);
        }
        else if (transfer.DeliveryId is { } again && again != id)
        {
            return new AmqpError(ErrorCondition.InvalidField, $"Delivery {again} starts before delivery {id} of the same link is complete.");
        }
        if (link.OnTransfer(transfer, id, payload) is { } error)
            link.Detach(error);
        return null;
    }

    /// <summary>Longest delivery-tag (section 2.8.7).</summary>
    private const int MaxTag = 32;

    private uint _lastIncoming;

    private AmqpError? OnDisposition(Disposition disposition, AmqpReader fields)
    {
        if (fields.Failed)
            return Undecodable(fields);
        var count = disposition.Last - disposition.First;
        if (count > int.MaxValue)
            return new AmqpError(ErrorCondition.InvalidField, "The last delivery of a disposition is before its first.");
        if (!disposition.IsReceiver)
        {
            if (disposition.Settled)
                OnSettled(disposition, count);
            return null;
        }
        // A range may be far longer than what there is.
        if (count <= (uint)_unsettled.Count)
        {
            for (var i = 0u; i <= count; i++)
            {
                if (_unsettled.TryGetValue(disposition.First + i, out var delivery))
                    OnOutcome(delivery, disposition);
            }
            return null;
        }
        foreach (var delivery in _unsettled.Values.Where(d => d.Id - disposition.First <= count).OrderBy(d => d.Id - disposition.First).ToArray())
            OnOutcome(delivery, disposition);
        return null;
    }

    private void OnSettled(Disposition disposition, uint count)
    {
        foreach (var (id, link) in _awaitingSettlement?.Where(d => d.Key - disposition.First <= count).ToArray() ?? [])
        {
            _awaitingSettlement!.Remove(id);
            link.OnSettled(id, disposition.State);
        }
    }

    private void OnOutcome(OutgoingDelivery delivery, in Disposition disposition)
    {
        if (disposition.Settled)
            Forget(delivery);
        delivery.State = disposition.State ?? delivery.State;
        if (disposition.Settled || disposition.State is { IsOutcome: true })
            delivery.Link.OnOutcome(delivery, delivery.State, disposition.Settled);
    }

    private void WriteDisposition(in Disposition disposition)
    {
        if (_state != SessionState.Begun)
            return;
        var start = Connection.BeginFrame(LocalChannel);
        disposition.Encode(Connection.Output);
        Connection.EndFrame(start);
    }

    private readonly record struct PendingFrame(SendingLink Link, byte[] Body);
}
