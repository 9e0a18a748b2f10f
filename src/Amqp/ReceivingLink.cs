using System.Buffers;
using Homeport.Amqp.Performatives;

namespace Homeport.Amqp;

/// <summary>The end of a link that receives.</summary>
/// <remarks>
/// Credit is the number of deliveries that the sender may still start (AMQP 1.0 part 2, section 2.6.7). With a window the link gives
/// credit by itself, so that what is on the way and what has no answer yet stay within it.
/// </remarks>
public sealed class ReceivingLink : AmqpLink
{
    private ArrayBufferWriter<byte>? _parts;
    private byte[]? _tag;
    private uint _deliveryId;
    private uint _format;
    private bool _settled;
    private bool _ignores;
    private int _window;
    private int _held;

    internal ReceivingLink(AmqpSession session, string name, uint localHandle)
        : base(session, name, localHandle)
    {
    }

    /// <inheritdoc/>
    public override bool IsReceiver => true;

    /// <summary>Deliveries that the sender may start.</summary>
    public uint Credit { get; private set; }

    /// <summary>Deliveries without an answer.</summary>
    public int Unsettled { get; private set; }

    /// <summary>Gives credit so that at most so many deliveries are on the way or unanswered, from now on.</summary>
    public void KeepWindow(int window)
    {
        _window = window;
        Replenish(always: true);
    }

    /// <summary>Sets the credit once.</summary>
    /// <param name="credit">Deliveries that the sender may start.</param>
    /// <param name="drain">Wants what the sender has now; it uses up the rest of the credit.</param>
    public void SetCredit(uint credit, bool drain = false)
    {
        if (State != LinkState.Attached)
            return;
        Credit = credit;
        Session.WriteFlow(new Flow { Handle = LocalHandle, DeliveryCount = DeliveryCount, LinkCredit = credit, Drain = drain });
    }

    /// <summary>Answers a delivery.</summary>
    public void Settle(uint deliveryId, DeliveryState state) => Settle(deliveryId, deliveryId, state);

    /// <summary>Answers deliveries of this link whose numbers follow each other.</summary>
    public void Settle(uint first, uint last, DeliveryState state)
    {
        if (State != LinkState.Attached)
            return;
        Session.WriteReceived(this, first, last, state);
        Unsettled -= (int)(last - first) + 1;
        Replenish(always: false);
    }

    /// <summary>Holds the credit of one delivery back until <see cref="Unhold"/>, for deliveries that come settled.</summary>
    public void Hold() => _held++;

    /// <summary>Gives credit that was held back.</summary>
    public void Unhold()
    {
        _held--;
        Replenish(always: false);
    }

    internal override void OnAttached(Attach answer)
    {
        DeliveryCount = answer.InitialDeliveryCount ?? 0;
        base.OnAttached(answer);
    }

    internal override void OnFlow(in Flow flow)
    {
        // A sender that drained has moved its count on.
        if (flow.DeliveryCount is { } count && count - DeliveryCount <= Credit)
        {
            Credit -= count - DeliveryCount;
            DeliveryCount = count;
        }
        if (flow.Echo)
            SetCredit(Credit);
        else
            Replenish(always: false);
    }

    /// <summary>Takes a transfer frame. Null when all is well, else why the link ends.</summary>
    internal AmqpError? OnTransfer(Transfer transfer, uint deliveryId, ReadOnlySpan<byte> payload)
    {
        var first = _tag is null;
        if (first)
        {
            if (Credit == 0)
                return new AmqpError(ErrorCondition.TransferLimitExceeded, $"The link '{Name}' has no credit: wait for a flow.");
            Credit--;
            DeliveryCount++;
            _ignores = transfer.Resume;
        }
        if (transfer.Aborted)
        {
            Forget();
            Replenish(always: false);
            return null;
        }
        if (_ignores)
        {
            Ignore(transfer, deliveryId);
            return null;
        }
        if (MaxMessageSize != 0 && (ulong)((_parts?.WrittenCount ?? 0) + payload.Length) > MaxMessageSize)
            return new AmqpError(ErrorCondition.MessageSizeExceeded, $"The message has more than {MaxMessageSize} bytes.");
        if (first && !transfer.More)
        {
            Deliver(new Delivery { Id = deliveryId, Tag = transfer.DeliveryTag, MessageFormat = transfer.MessageFormat ?? 0, Settled = transfer.Settled ?? false, Payload = payload });
            return null;
        }
        Collect(transfer, deliveryId, payload, first);
        if (transfer.More)
            return null;
        var (parts, tag) = (_parts!, _tag!);
        var (id, format, settled) = (_deliveryId, _format, _settled);
        Forget();
        Deliver(new Delivery { Id = id, Tag = tag, MessageFormat = format, Settled = settled, Payload = parts.WrittenSpan });
        return null;
    }

    internal void OnSettled(uint deliveryId, DeliveryState? state) => (Handler as IReceiverHandler)?.OnSettled(this, deliveryId, state);

    /// <summary>True when the frame belongs to a delivery whose first frame came before.</summary>
    internal bool IsCollecting => _tag is not null;

    /// <summary>Number of the delivery that is being collected.</summary>
    internal uint CollectedId => _deliveryId;

    private protected override void Release() => Forget();

    private void Collect(Transfer transfer, uint deliveryId, ReadOnlySpan<byte> payload, bool first)
    {
        if (first)
        {
            _tag = transfer.DeliveryTag.ToArray();
            _deliveryId = deliveryId;
            _format = transfer.MessageFormat ?? 0;
            _parts = new ArrayBufferWriter<byte>();
            _settled = false;
        }
        // Settled on any frame is settled (section 2.7.5).
        _settled |= transfer.Settled ?? false;
        _parts!.Write(payload);
    }

    /// <summary>Nothing of an earlier attachment is kept, so there is no delivery to resume, and one that comes is ignored (section 2.6.13).</summary>
    private void Ignore(Transfer transfer, uint deliveryId)
    {
        (_tag, _deliveryId) = transfer.More ? (transfer.DeliveryTag.ToArray(), deliveryId) : (null, 0);
        Replenish(always: false);
    }

    private void Forget() => (_parts, _tag) = (null, null);

    private void Deliver(in Delivery delivery)
    {
        if (!delivery.Settled)
            Unsettled++;
        (Handler as IReceiverHandler)?.OnDelivery(this, delivery);
        Replenish(always: false);
    }

    private void Replenish(bool always)
    {
        var wanted = _window - Unsettled - _held;
        if (State == LinkState.Attached && _window > 0 && wanted > Credit && (always || wanted - Credit >= Math.Max(1, _window / 2)))
            SetCredit((uint)wanted);
    }
}
