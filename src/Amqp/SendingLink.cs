using System.Buffers.Binary;
using Homeport.Amqp.Performatives;

namespace Homeport.Amqp;

/// <summary>The end of a link that sends.</summary>
public sealed class SendingLink : AmqpLink
{
    private uint _nextTag;
    private bool _wasBlocked;

    internal SendingLink(AmqpSession session, string name, uint localHandle)
        : base(session, name, localHandle)
    {
    }

    /// <inheritdoc/>
    public override bool IsReceiver => false;

    /// <summary>Deliveries that may still be started.</summary>
    public uint Credit { get; private set; }

    /// <summary>Deliveries that the peer did not settle.</summary>
    public int Unsettled { get; internal set; }

    /// <summary>True while the peer wants what there is now, and an end.</summary>
    public bool Drain { get; private set; }

    /// <summary>
    /// True when a delivery may be sent now: there is credit, the session's window and the connection's output have room, and not
    /// too many deliveries wait for an answer. The handler hears when that changes.
    /// </summary>
    public bool CanSend
    {
        get
        {
            if (State != LinkState.Attached || Credit == 0)
                return false;
            var free = Session.CanSend && Unsettled < Session.Connection.Settings.MaxUnsettled;
            _wasBlocked |= !free;
            return free;
        }
    }

    /// <summary>Sends a message. Null, and nothing sent, when <see cref="CanSend"/> is false.</summary>
    /// <param name="payload">The message's sections; copied.</param>
    /// <param name="tag">Name of the delivery, up to 32 bytes; empty for a number of the link's own.</param>
    /// <param name="settled">True to want no answer. A link whose sender settles always is settled anyhow.</param>
    /// <param name="messageFormat">0 for a message of the standard.</param>
    /// <param name="context">What comes back with the outcome.</param>
    public OutgoingDelivery? Send(ReadOnlySpan<byte> payload, ReadOnlySpan<byte> tag = default, bool settled = false, uint messageFormat = 0, object? context = null)
    {
        if (!CanSend)
            return null;
        Span<byte> name = stackalloc byte[tag.IsEmpty ? sizeof(uint) : tag.Length];
        if (tag.IsEmpty)
            BinaryPrimitives.WriteUInt32BigEndian(name, _nextTag++);
        else
            tag.CopyTo(name);
        Credit--;
        DeliveryCount++;
        return Session.WriteTransfer(this, payload, name, settled || SenderSettleMode == SenderSettleMode.Settled, messageFormat, context);
    }

    /// <summary>Settles a delivery on this side, after the peer gave it an outcome (receivers that settle second wait for it).</summary>
    public void Settle(OutgoingDelivery delivery, DeliveryState? state)
    {
        if (State == LinkState.Attached && Session.Forget(delivery))
            Session.WriteSent(delivery.Id, state);
    }

    /// <summary>Says that nothing more is there: uses up the credit if the peer drains, else does nothing.</summary>
    public void CompleteDrain()
    {
        if (!Drain || State != LinkState.Attached)
            return;
        Drain = false;
        DeliveryCount += Credit;
        Credit = 0;
        Session.WriteFlow(new Flow { Handle = LocalHandle, DeliveryCount = DeliveryCount, LinkCredit = 0, Available = 0, Drain = true });
    }

    internal override void OnAttached(Attach answer)
    {
        MaxMessageSize = answer.MaxMessageSize ?? 0;
        base.OnAttached(answer);
    }

    internal override void OnFlow(in Flow flow)
    {
        if (flow.LinkCredit is { } credit)
        {
            // Credit counts from what the receiver has seen (section 2.6.7).
            var limit = (flow.DeliveryCount ?? 0) + credit;
            var left = limit - DeliveryCount;
            Credit = left > int.MaxValue ? 0 : left;
            Drain = flow.Drain;
        }
        var handler = Handler as ISenderHandler;
        if (Credit > 0)
            handler?.OnCredit(this);
        else if (Drain)
            CompleteDrain();
        if (flow.Echo && State == LinkState.Attached)
            Session.WriteFlow(new Flow { Handle = LocalHandle, DeliveryCount = DeliveryCount, LinkCredit = Credit, Available = 0 });
    }

    /// <summary>Tells the handler that something else than credit has room again.</summary>
    internal void Unblock()
    {
        if (!_wasBlocked)
            return;
        _wasBlocked = false;
        if (CanSend)
            (Handler as ISenderHandler)?.OnCredit(this);
    }

    internal void OnOutcome(OutgoingDelivery delivery, DeliveryState? state, bool settled)
    {
        (Handler as ISenderHandler)?.OnOutcome(this, delivery, state, settled);
        Unblock();
    }

    private protected override void Release()
    {
        Credit = 0;
        Session.ForgetAll(this);
    }
}
