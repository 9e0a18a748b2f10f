using System.Buffers;
using System.Buffers.Binary;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Framing;
using Homeport.Amqp.Performatives;

namespace Homeport.Amqp;

/// <summary>
/// One end of a connection, without I/O: bytes go in by <see cref="TryReceive"/>, what happens goes to the handler, and what is to be
/// sent collects in the output (AMQP 1.0 part 2, section 2.4). Not for several threads at once.
/// </summary>
/// <remarks><code>
///   server:  Start ──SASL header──► Sasl ──outcome ok──► Header ──AMQP header──► Opening ──open──► Open
///              └──AMQP header──────────────────────────────────────────────────►    │
///   client:  the same, with each step answered by the server                        │
///            Open ──peer's close (answered)──────────────────────────────────────► Ended
///              └──Close(error)──► Closing ──peer's close──────────────────────────► Ended
///            every state ──bytes that are no frame, bad order──► (close with the reason) ──► Ended
/// </code></remarks>
public sealed partial class AmqpConnection
{
    /// <summary>A silent peer that gave no idle time-out gets a heartbeat as often.</summary>
    private static readonly TimeSpan DefaultHeartbeat = TimeSpan.FromMinutes(2);

    /// <summary>Shortest idle time-out of a peer: heartbeats are looked after once a second.</summary>
    private const uint MinIdleTimeout = 2000;

    private const int KeptOutput = 4096;

    private readonly TimeProvider _time;
    private readonly bool _isServer;
    private readonly Dictionary<ushort, AmqpSession> _sessions = [];
    private readonly List<AmqpSession?> _byLocalChannel = [];
    private ConnectionState _state = ConnectionState.Start;
    private TimeSpan _heartbeat = DefaultHeartbeat;
    private ushort _peerChannelMax = ushort.MaxValue;
    private long _lastReceived;
    private long _lastSent;
    private int _links;
    private bool _wasBlocked;

    private AmqpConnection(ConnectionSettings settings, IConnectionHandler handler, TimeProvider time, bool isServer)
    {
        Settings = settings;
        Handler = handler;
        _time = time;
        _isServer = isServer;
        _lastReceived = _lastSent = time.GetTimestamp();
    }

    private enum ConnectionState
    {
        Start,
        Sasl,
        Header,
        Opening,
        Open,
        Closing,
        Ended,
    }

    /// <summary>How this side behaves.</summary>
    public ConnectionSettings Settings { get; }

    /// <summary>What the peer said when it opened; null before.</summary>
    public Open? Peer { get; private set; }

    /// <summary>True between both opens and the first close.</summary>
    public bool IsOpen => _state == ConnectionState.Open;

    /// <summary>True when nothing more will be read or written; the output may still be sent.</summary>
    public bool IsEnded => _state == ConnectionState.Ended;

    /// <summary>Bytes that wait to be sent.</summary>
    public int OutputLength => Output.Length;

    /// <summary>Number of links, those included that are being detached.</summary>
    public int LinkCount => _links;

    /// <summary>The sessions that are not over.</summary>
    public IEnumerable<AmqpSession> Sessions => _byLocalChannel.OfType<AmqpSession>();

    internal IConnectionHandler Handler { get; }

    internal AmqpWriter Output { get; } = new();

    internal uint PeerMaxFrameSize { get; private set; } = Frame.MinMaxSize;

    internal bool CanSend
    {
        get
        {
            var free = IsOpen && Output.Length < Settings.OutputLimit;
            _wasBlocked |= !free;
            return free;
        }
    }

    /// <summary>The end of a server; a client is expected to speak first.</summary>
    public static AmqpConnection Server(ConnectionSettings settings, IConnectionHandler handler, TimeProvider time) => new(settings, handler, time, isServer: true);

    /// <summary>The end of a client; its first bytes are in the output.</summary>
    public static AmqpConnection Client(ConnectionSettings settings, IConnectionHandler handler, TimeProvider time)
    {
        var connection = new AmqpConnection(settings, handler, time, isServer: false);
        connection.Output.WriteRaw(settings.Sasl is null ? ProtocolHeader.Amqp : ProtocolHeader.Sasl);
        return connection;
    }

    /// <summary>Begins a session.</summary>
    public AmqpSession BeginSession()
    {
        if (!IsOpen)
            throw new InvalidOperationException("The connection is not open.");
        var session = new AmqpSession(this, TakeChannel());
        Place(session);
        session.Begin(Settings.IncomingWindow);
        return session;
    }

    /// <summary>Closes the connection from this side. Does nothing when it is over.</summary>
    public void Close(AmqpError? error = null)
    {
        if (_state is ConnectionState.Closing or ConnectionState.Ended)
            return;
        // A peer that has not sent an open yet gets one before the reason.
        if (_state == ConnectionState.Opening && _isServer)
            WriteOpen();
        var hasOpened = _state is ConnectionState.Open or ConnectionState.Opening;
        if (hasOpened)
            WriteClose(error);
        _state = hasOpened ? ConnectionState.Closing : ConnectionState.Ended;
        EndSessions(error);
        Handler.OnClosed(this, error, byPeer: false);
    }

    /// <summary>Ends without goodbye, for when the bytes of the peer came to their end.</summary>
    public void Abort()
    {
        var wasOpen = _state is not (ConnectionState.Closing or ConnectionState.Ended);
        _state = ConnectionState.Ended;
        if (!wasOpen)
            return;
        EndSessions(null);
        Handler.OnClosed(this, null, byPeer: true);
    }

    /// <summary>
    /// Takes one header or frame from the front of the buffer. False when more bytes are needed or the connection is over.
    /// </summary>
    public bool TryReceive(ref ReadOnlySequence<byte> buffer)
    {
        switch (_state)
        {
            case ConnectionState.Ended:
                return false;
            case ConnectionState.Start or ConnectionState.Header:
                return TryReceiveHeader(ref buffer);
            default:
                break;
        }
        switch (Frame.TryRead(ref buffer, Settings.MaxFrameSize, out var frame))
        {
            case FrameStatus.Incomplete:
                return false;
            case FrameStatus.TooLarge:
                Fail(ErrorCondition.FramingError, $"A frame is larger than the {Settings.MaxFrameSize} bytes of max-frame-size.");
                return false;
            case FrameStatus.Malformed:
                Fail(ErrorCondition.FramingError, "The bytes are no frame.");
                return false;
            default:
                break;
        }
        _lastReceived = _time.GetTimestamp();
        if (frame.Body.IsSingleSegment)
        {
            OnFrame(frame, frame.Body.FirstSpan);
            return true;
        }
        var length = (int)frame.Body.Length;
        var copy = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            frame.Body.CopyTo(copy);
            OnFrame(frame, copy.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(copy);
        }
        return true;
    }

    /// <summary>Moves the output to where it is sent from.</summary>
    public void TakeOutput(IBufferWriter<byte> target)
    {
        if (Output.Length == 0)
            return;
        target.Write(Output.Written);
        Output.Clear(KeptOutput);
        _lastSent = _time.GetTimestamp();
    }

    /// <summary>Says that the output was taken and there is room again: links that waited for it are told.</summary>
    public void ResumeSending()
    {
        if (!_wasBlocked || Output.Length >= Settings.OutputLimit)
            return;
        _wasBlocked = false;
        foreach (var session in _byLocalChannel.ToArray())
            session?.Unblock();
    }

    /// <summary>Sends a heartbeat when one is due, and gives up a peer that was silent for too long. Call it about once a second.</summary>
    public void Tick()
    {
        if (_state != ConnectionState.Open)
            return;
        if (_time.GetElapsedTime(_lastReceived) > Settings.IdleTimeout * 2)
        {
            Close(new AmqpError(ErrorCondition.ResourceLimitExceeded, $"Nothing arrived for {Settings.IdleTimeout.TotalSeconds * 2} seconds."));
            return;
        }
        if (_time.GetElapsedTime(_lastSent) >= _heartbeat && Output.Length == 0)
            EndFrame(BeginFrame(0));
    }

    internal int BeginFrame(ushort channel, byte type = Frame.AmqpType)
    {
        var start = Output.Length;
        var header = Output.Reserve(Frame.HeaderSize);
        header[4] = Frame.HeaderSize / 4;
        header[5] = type;
        BinaryPrimitives.WriteUInt16BigEndian(header[6..], channel);
        return start;
    }

    internal void EndFrame(int start) => BinaryPrimitives.WriteInt32BigEndian(Output.Patch(start, 4), Output.Length - start);

    internal bool TryAddLink()
    {
        if (_links >= Settings.MaxLinks)
            return false;
        _links++;
        return true;
    }

    internal void RemoveLink() => _links--;

    internal void OnSessionEnded(AmqpSession session, AmqpError? error) => Handler.OnSessionEnded(session, error);

    private void WriteOpen()
    {
        var start = BeginFrame(0);
        new Open
        {
            ContainerId = Settings.ContainerId,
            HostName = Settings.HostName,
            MaxFrameSize = Settings.MaxFrameSize,
            ChannelMax = Settings.ChannelMax,
            IdleTimeout = (uint)Settings.IdleTimeout.TotalMilliseconds,
            Properties = new AmqpMap(),
        }.Encode(Output);
        EndFrame(start);
    }

    private void WriteClose(AmqpError? error)
    {
        var start = BeginFrame(0);
        new Close(error).Encode(Output);
        EndFrame(start);
    }

    private void EndSessions(AmqpError? error)
    {
        var sessions = _byLocalChannel.ToArray();
        _byLocalChannel.Clear();
        _sessions.Clear();
        foreach (var session in sessions)
            session?.OnConnectionEnded(error);
    }

    private ushort TakeChannel()
    {
        var free = _byLocalChannel.IndexOf(null);
        return (ushort)(free < 0 ? _byLocalChannel.Count : free);
    }

    private void Place(AmqpSession session)
    {
        if (session.LocalChannel == _byLocalChannel.Count)
            _byLocalChannel.Add(session);
        else
            _byLocalChannel[session.LocalChannel] = session;
    }
}
