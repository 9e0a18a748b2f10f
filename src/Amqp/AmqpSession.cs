using Homeport.Amqp.Encoding;
using Homeport.Amqp.Performatives;

namespace Homeport.Amqp;

/// <summary>A session: numbers its transfers, keeps their windows, and holds links (AMQP 1.0 part 2, section 2.5).</summary>
/// <remarks><code>
///   peer's begin (answered) ──────────────► Begun ──peer's end (answered)──────────► Ended
///   own begin ──► Asking ──peer's begin──►    └──End(error)──► Ending ──peer's end──► Ended
/// </code>
/// In Ending all frames but the peer's end are ignored: they were on their way.
/// </remarks>
public sealed partial class AmqpSession
{
    private readonly List<AmqpLink?> _byLocalHandle = [];
    private readonly Dictionary<uint, AmqpLink> _byRemoteHandle = [];
    private readonly Dictionary<(string Name, bool IsReceiver), AmqpLink> _byName = [];
    private readonly Dictionary<uint, OutgoingDelivery> _unsettled = [];
    private Dictionary<uint, ReceivingLink>? _awaitingSettlement;
    private uint _nextIncomingId;
    private uint _incomingWindow;
    private uint _nextOutgoingId;
    private uint _remoteIncomingWindow;
    private uint _remoteHandleMax = uint.MaxValue;
    private uint _nextDeliveryId;
    private bool _hasIncoming;

    internal AmqpSession(AmqpConnection connection, ushort localChannel)
    {
        Connection = connection;
        LocalChannel = localChannel;
        _incomingWindow = connection.Settings.IncomingWindow;
    }

    private enum SessionState
    {
        Asking,
        Begun,
        Ending,
        Ended,
    }

    /// <summary>The connection.</summary>
    public AmqpConnection Connection { get; }

    /// <summary>True while links can be used.</summary>
    public bool IsOpen => _state == SessionState.Begun;

    /// <summary>The links that are attached or being attached.</summary>
    public IEnumerable<AmqpLink> Links => _byName.Values;

    internal ushort LocalChannel { get; }

    internal ushort RemoteChannel { get; private set; }

    internal bool CanSend => IsOpen && _remoteIncomingWindow > 0 && _pending is null or { Count: 0 } && Connection.CanSend;

    private SessionState _state = SessionState.Asking;

    /// <summary>Attaches a link by which this side receives.</summary>
    public ReceivingLink AttachReceiver(string name, Source source, Target target, IReceiverHandler handler, AmqpMap? properties = null, ReceiverSettleMode mode = ReceiverSettleMode.First)
    {
        var link = new ReceivingLink(this, name, TakeHandle()) { MaxMessageSize = Connection.Settings.MaxMessageSize };
        Ask(link, new Attach
        {
            Name = name,
            Handle = link.LocalHandle,
            IsReceiver = true,
            ReceiverSettleMode = mode,
            Source = source,
            Target = target,
            MaxMessageSize = link.MaxMessageSize,
            Properties = properties,
        }, handler);
        return link;
    }

    /// <summary>Attaches a link by which this side sends.</summary>
    public SendingLink AttachSender(string name, Source source, Target target, ISenderHandler handler, AmqpMap? properties = null, SenderSettleMode mode = SenderSettleMode.Mixed)
    {
        var link = new SendingLink(this, name, TakeHandle());
        Ask(link, new Attach
        {
            Name = name,
            Handle = link.LocalHandle,
            SenderSettleMode = mode,
            Source = source,
            Target = target,
            InitialDeliveryCount = 0,
            Properties = properties,
        }, handler);
        return link;
    }

    /// <summary>Ends the session from this side. Does nothing when it is over.</summary>
    public void End(AmqpError? error = null)
    {
        if (_state is SessionState.Ending or SessionState.Ended)
            return;
        _state = SessionState.Ending;
        var start = Connection.BeginFrame(LocalChannel);
        new End(error).Encode(Connection.Output);
        Connection.EndFrame(start);
        EndLinks(error);
    }

    internal void Begin(uint incomingWindow)
    {
        _incomingWindow = incomingWindow;
        WriteBegin(null);
    }

    internal void OnBegin(Begin begin, ushort remoteChannel)
    {
        RemoteChannel = remoteChannel;
        _nextIncomingId = begin.NextOutgoingId;
        _remoteIncomingWindow = begin.IncomingWindow;
        _remoteHandleMax = begin.HandleMax;
        var answer = begin.RemoteChannel is null;
        _state = SessionState.Begun;
        if (answer)
            WriteBegin(remoteChannel);
    }

    internal void OnEnd(AmqpError? error)
    {
        var wasOpen = _state != SessionState.Ending;
        _state = SessionState.Ended;
        if (!wasOpen)
            return;
        var start = Connection.BeginFrame(LocalChannel);
        new End(null).Encode(Connection.Output);
        Connection.EndFrame(start);
        EndLinks(error);
    }

    /// <summary>The connection is over.</summary>
    internal void OnConnectionEnded(AmqpError? error)
    {
        if (_state is SessionState.Ending or SessionState.Ended)
            return;
        _state = SessionState.Ended;
        EndLinks(error);
    }

    internal void OnFrame(ulong descriptor, ref AmqpReader fields, ReadOnlySpan<byte> frame)
    {
        if (_state == SessionState.Ending)
            return;
        var error = descriptor switch
        {
            Descriptor.Attach => OnAttach(Attach.Decode(ref fields), fields),
            Descriptor.Flow => OnFlow(Flow.Decode(ref fields), fields),
            Descriptor.Transfer => OnTransfer(ref fields, frame),
            Descriptor.Disposition => OnDisposition(Disposition.Decode(ref fields), fields),
            _ => OnDetach(Detach.Decode(ref fields), fields),
        };
        if (error is not null)
            End(error);
    }

    /// <summary>Goes on with what waited for room in the output.</summary>
    internal void Unblock()
    {
        FlushPending();
        // A handler may end links or attach others.
        foreach (var link in _byLocalHandle.ToArray())
        {
            if (!CanSend)
                return;
            (link as SendingLink)?.Unblock();
        }
    }

    internal void WriteAttach(Attach attach)
    {
        if (_state != SessionState.Begun)
            return;
        var start = Connection.BeginFrame(LocalChannel);
        attach.Encode(Connection.Output);
        Connection.EndFrame(start);
    }

    internal void WriteDetach(uint handle, bool closed, AmqpError? error)
    {
        if (_state != SessionState.Begun)
            return;
        var start = Connection.BeginFrame(LocalChannel);
        new Detach { Handle = handle, Closed = closed, Error = error }.Encode(Connection.Output);
        Connection.EndFrame(start);
    }

    private void WriteBegin(ushort? remoteChannel)
    {
        var start = Connection.BeginFrame(LocalChannel);
        new Begin
        {
            RemoteChannel = remoteChannel,
            NextOutgoingId = _nextOutgoingId,
            IncomingWindow = _incomingWindow,
            OutgoingWindow = Connection.Settings.IncomingWindow,
            HandleMax = Connection.Settings.HandleMax,
        }.Encode(Connection.Output);
        Connection.EndFrame(start);
    }

    private void Ask(AmqpLink link, Attach attach, ILinkHandler handler)
    {
        Place(link);
        _byName[(link.Name, link.IsReceiver)] = link;
        link.Ask(handler);
        var start = Connection.BeginFrame(LocalChannel);
        attach.Encode(Connection.Output);
        Connection.EndFrame(start);
    }

    private AmqpError? OnAttach(Attach attach, AmqpReader fields)
    {
        if (fields.Failed)
            return Undecodable(fields);
        if (attach.Handle > Connection.Settings.HandleMax)
            return new AmqpError(ErrorCondition.InvalidField, $"Handle {attach.Handle} is above the handle-max of {Connection.Settings.HandleMax}.");
        if (_byRemoteHandle.ContainsKey(attach.Handle))
            return new AmqpError(ErrorCondition.HandleInUse, $"Handle {attach.Handle} has a link already.");
        var key = (attach.Name, IsReceiver: !attach.IsReceiver);
        if (_byName.TryGetValue(key, out var own))
        {
            if (own.State == LinkState.Asking)
            {
                own.RemoteHandle = attach.Handle;
                _byRemoteHandle[attach.Handle] = own;
                own.OnAttached(attach);
                return null;
            }
            own.Detach(new AmqpError(ErrorCondition.Stolen, $"The link '{attach.Name}' was attached again."));
        }
        if (!Connection.TryAddLink())
            return new AmqpError(ErrorCondition.ResourceLimitExceeded, $"The connection has {Connection.Settings.MaxLinks} links.");
        var handle = TakeHandle();
        if (handle > _remoteHandleMax)
            return new AmqpError(ErrorCondition.ResourceLimitExceeded, $"The session has as many links as the peer's handle-max of {_remoteHandleMax} allows.");
        AmqpLink link = attach.IsReceiver ? new SendingLink(this, attach.Name, handle) : new ReceivingLink(this, attach.Name, handle);
        link.RemoteHandle = attach.Handle;
        if (link.IsReceiver)
            link.DeliveryCount = attach.InitialDeliveryCount ?? 0;
        Place(link);
        _byRemoteHandle[attach.Handle] = link;
        _byName[key] = link;
        link.OnAsked(attach);
        Connection.Handler.OnAttach(link, attach);
        return null;
    }

    private AmqpError? OnDetach(Detach detach, AmqpReader fields)
    {
        if (fields.Failed)
            return Undecodable(fields);
        if (!_byRemoteHandle.Remove(detach.Handle, out var link))
            return Unattached(detach.Handle);
        _byLocalHandle[(int)link.LocalHandle] = null;
        if (_byName.TryGetValue((link.Name, link.IsReceiver), out var named) && ReferenceEquals(named, link))
            _byName.Remove((link.Name, link.IsReceiver));
        Connection.RemoveLink();
        var answer = link.State is not LinkState.Detaching;
        link.State = LinkState.Detached;
        if (answer)
        {
            WriteDetach(link.LocalHandle, detach.Closed, null);
            link.End(detach.Error);
        }
        return null;
    }

    private void EndLinks(AmqpError? error)
    {
        var links = _byLocalHandle.ToArray();
        _byLocalHandle.Clear();
        _byRemoteHandle.Clear();
        _byName.Clear();
        _unsettled.Clear();
        _awaitingSettlement = null;
        _pending = null;
        foreach (var link in links)
        {
            if (link is null)
                continue;
            Connection.RemoveLink();
            var told = link.State == LinkState.Detaching;
            link.State = LinkState.Detached;
            if (!told)
                link.End(error);
        }
        Connection.OnSessionEnded(this, error);
    }

    private uint TakeHandle()
    {
        var free = _byLocalHandle.IndexOf(null);
        return (uint)(free < 0 ? _byLocalHandle.Count : free);
    }

    private void Place(AmqpLink link)
    {
        if (link.LocalHandle == _byLocalHandle.Count)
            _byLocalHandle.Add(link);
        else
            _byLocalHandle[(int)link.LocalHandle] = link;
    }

    private static AmqpError Undecodable(AmqpReader fields) => new(ErrorCondition.DecodeError, fields.Error);

    private static AmqpError Unattached(uint handle) => new(ErrorCondition.UnattachedHandle, $"Handle {handle} has no link.");
}
