using Homeport.Amqp.Encoding;
using Homeport.Amqp.Performatives;

namespace Homeport.Amqp;

/// <summary>State of a link.</summary>
public enum LinkState
{
    /// <summary>The peer's attach waits for an answer.</summary>
    Asked,
    /// <summary>This side's attach waits for an answer.</summary>
    Asking,
    Attached,
    /// <summary>This side detached; the peer's detach is awaited and all else ignored.</summary>
    Detaching,
    /// <summary>Over.</summary>
    Detached,
}

/// <summary>One end of a link (AMQP 1.0 part 2, section 2.6).</summary>
/// <remarks><code>
///   peer's attach ──► Asked ──Accept──────────┐
///                       └──Refuse──► Detaching│
///                                       ▲     ▼
///   own attach ─────► Asking ──answer──► Attached ──peer's detach (answered)──► Detached
///                       │                  └──Detach(error)──► Detaching ──peer's detach──► Detached
///                       └──answer without terminus──► (the peer's detach follows)
/// </code>
/// The end of the session or connection ends a link from every state.
/// </remarks>
public abstract class AmqpLink
{
    private ILinkHandler? _handler;
    private Attach? _asked;

    private protected AmqpLink(AmqpSession session, string name, uint localHandle)
    {
        Session = session;
        Name = name;
        LocalHandle = localHandle;
    }

    /// <summary>The session.</summary>
    public AmqpSession Session { get; }

    /// <summary>Name, unique in the session and direction.</summary>
    public string Name { get; }

    /// <summary>State.</summary>
    public LinkState State { get; internal set; }

    /// <summary>True when this side receives.</summary>
    public abstract bool IsReceiver { get; }

    /// <summary>How the sender settles.</summary>
    public SenderSettleMode SenderSettleMode { get; internal set; }

    /// <summary>How the receiver settles.</summary>
    public ReceiverSettleMode ReceiverSettleMode { get; internal set; }

    internal uint LocalHandle { get; }

    internal uint RemoteHandle { get; set; }

    /// <summary>Who took the link; null before and after.</summary>
    public ILinkHandler? UserHandler => _handler;

    internal ILinkHandler? Handler => _handler;

    internal uint DeliveryCount { get; set; }

    /// <summary>
    /// Takes the link that the peer attached. The answer says the peer's source and target back, unless others are given.
    /// </summary>
    /// <param name="attach">The peer's attach.</param>
    /// <param name="handler">Whom to tell; an <see cref="IReceiverHandler"/> or <see cref="ISenderHandler"/> as fits the link.</param>
    /// <param name="properties">Properties of the answer.</param>
    /// <param name="maxMessageSize">Largest message in bytes; null for the connection's setting.</param>
    public void Accept(Attach attach, ILinkHandler handler, AmqpMap? properties = null, ulong? maxMessageSize = null)
    {
        if (State != LinkState.Asked)
            return;
        _asked = null;
        if (IsReceiver ? handler is not IReceiverHandler : handler is not ISenderHandler)
            throw new ArgumentException("The handler does not fit the direction of the link.", nameof(handler));
        _handler = handler;
        State = LinkState.Attached;
        MaxMessageSize = maxMessageSize ?? Session.Connection.Settings.MaxMessageSize;
        SenderSettleMode = attach.SenderSettleMode;
        // The receiver decides (section 2.8.3), and this side has nothing to wait for: senders that wish for second do not settle before it.
        ReceiverSettleMode = IsReceiver ? ReceiverSettleMode.First : attach.ReceiverSettleMode;
        Session.WriteAttach(new Attach
        {
            Name = Name,
            Handle = LocalHandle,
            IsReceiver = IsReceiver,
            SenderSettleMode = SenderSettleMode,
            ReceiverSettleMode = ReceiverSettleMode,
            Source = attach.Source,
            Target = attach.Target,
            InitialDeliveryCount = IsReceiver ? null : DeliveryCount,
            MaxMessageSize = MaxMessageSize,
            Properties = properties ?? new AmqpMap(),
        });
    }

    /// <summary>Refuses the link that the peer attached: an answer without the terminus that there is not, and a detach with the reason.</summary>
    public void Refuse(Attach attach, AmqpError error)
    {
        if (State != LinkState.Asked)
            return;
        _asked = null;
        Session.WriteAttach(new Attach
        {
            Name = Name,
            Handle = LocalHandle,
            IsReceiver = IsReceiver,
            SenderSettleMode = attach.SenderSettleMode,
            ReceiverSettleMode = attach.ReceiverSettleMode,
            Source = IsReceiver ? attach.Source : null,
            Target = IsReceiver ? null : attach.Target,
            InitialDeliveryCount = IsReceiver ? null : 0,
            Properties = new AmqpMap(),
        });
        Detach(error);
    }

    /// <summary>Ends the link from this side. Does nothing when it is over. A link whose attach waits for an answer is refused.</summary>
    public void Detach(AmqpError? error = null)
    {
        if (State is LinkState.Detaching or LinkState.Detached)
            return;
        // A detach without an attach before it would be one of a handle that the peer does not know.
        if (_asked is { } attach)
        {
            Refuse(attach, error ?? new AmqpError(ErrorCondition.DetachForced, "The link ended before it was attached."));
            return;
        }
        State = LinkState.Detaching;
        Session.WriteDetach(LocalHandle, closed: true, error);
        End(error);
    }

    /// <summary>Largest message of the link, in bytes; 0 for any.</summary>
    public ulong MaxMessageSize { get; internal set; }

    /// <summary>The peer's attach waits for an answer.</summary>
    internal void OnAsked(Attach attach) => _asked = attach;

    internal void Ask(ILinkHandler handler)
    {
        _handler = handler;
        State = LinkState.Asking;
    }

    internal virtual void OnAttached(Attach answer)
    {
        State = LinkState.Attached;
        SenderSettleMode = answer.SenderSettleMode;
        ReceiverSettleMode = answer.ReceiverSettleMode;
        _handler?.OnAttached(this, answer);
    }

    internal abstract void OnFlow(in Flow flow);

    /// <summary>Tells the handler, once, that it is over.</summary>
    internal void End(AmqpError? error)
    {
        Release();
        _asked = null;
        var handler = _handler;
        _handler = null;
        handler?.OnDetached(this, error);
    }

    private protected abstract void Release();
}
