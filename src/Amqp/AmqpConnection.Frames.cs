using System.Buffers;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Framing;
using Homeport.Amqp.Performatives;
using Homeport.Amqp.Sasl;

namespace Homeport.Amqp;

public sealed partial class AmqpConnection
{
    /// <summary>Of servers: sends a challenge of the mechanism.</summary>
    public void SaslChallenge(ReadOnlySpan<byte> challenge)
    {
        if (_state != ConnectionState.Sasl)
            return;
        var start = BeginFrame(0, Frame.SaslType);
        Sasl.SaslChallenge.Encode(Output, challenge);
        EndFrame(start);
    }

    /// <summary>Of servers: ends the authentication. With another code than ok the connection is over.</summary>
    public void SaslEnd(SaslCode code)
    {
        if (_state != ConnectionState.Sasl)
            return;
        var start = BeginFrame(0, Frame.SaslType);
        new SaslOutcome(code).Encode(Output);
        EndFrame(start);
        _state = code == SaslCode.Ok ? ConnectionState.Header : ConnectionState.Ended;
        if (code != SaslCode.Ok)
            Handler.OnClosed(this, new AmqpError(ErrorCondition.UnauthorizedAccess, "The credentials are not accepted."), byPeer: false);
    }

    /// <summary>Of clients: answers a challenge.</summary>
    public void SaslRespond(ReadOnlySpan<byte> response)
    {
        if (_state != ConnectionState.Sasl)
            return;
        var start = BeginFrame(0, Frame.SaslType);
        SaslResponse.Encode(Output, response);
        EndFrame(start);
    }

    private bool TryReceiveHeader(ref ReadOnlySequence<byte> buffer)
    {
        Span<byte> header = stackalloc byte[ProtocolHeader.Size];
        var have = (int)Math.Min(buffer.Length, ProtocolHeader.Size);
        buffer.Slice(0, have).CopyTo(header);
        var isAmqp = header[..have].SequenceEqual(ProtocolHeader.Amqp[..have]);
        var isSasl = header[..have].SequenceEqual(ProtocolHeader.Sasl[..have]) && _state == ConnectionState.Start && HasSasl;
        if (!isAmqp && !isSasl)
        {
            // Whoever speaks something else is told what is spoken here (section 2.2).
            if (_isServer)
                Output.WriteRaw(HasSasl && _state == ConnectionState.Start ? ProtocolHeader.Sasl : ProtocolHeader.Amqp);
            _state = ConnectionState.Ended;
            Handler.OnClosed(this, new AmqpError(ErrorCondition.FramingError, "The first bytes are not those of AMQP 1.0."), byPeer: false);
            return false;
        }
        if (have < ProtocolHeader.Size)
            return false;
        buffer = buffer.Slice(ProtocolHeader.Size);
        _lastReceived = _time.GetTimestamp();
        if (isSasl)
        {
            StartSasl();
            return true;
        }
        if (_isServer)
            Output.WriteRaw(ProtocolHeader.Amqp);
        else
            WriteOpen();
        _state = ConnectionState.Opening;
        return true;
    }

    private bool HasSasl => _isServer ? Settings.SaslMechanisms.Count > 0 : Settings.Sasl is not null;

    private void StartSasl()
    {
        _state = ConnectionState.Sasl;
        if (!_isServer)
            return;
        Output.WriteRaw(ProtocolHeader.Sasl);
        var start = BeginFrame(0, Frame.SaslType);
        new SaslMechanisms(Settings.SaslMechanisms).Encode(Output);
        EndFrame(start);
    }

    private void OnFrame(in Frame frame, ReadOnlySpan<byte> body)
    {
        if (frame.Type != (_state == ConnectionState.Sasl ? Frame.SaslType : Frame.AmqpType))
        {
            Fail(ErrorCondition.FramingError, "A frame is of the wrong type: SASL comes before open, and nothing else.");
            return;
        }
        if (body.IsEmpty)
            return;
        var reader = new AmqpReader(body);
        var descriptor = reader.ReadDescriptor() ?? 0;
        var fields = reader.ReadList(out var isNull);
        if (isNull)
            reader.Fail("a performative is null");
        if (reader.Failed)
        {
            Fail(ErrorCondition.DecodeError, reader.Error!);
            return;
        }
        if (_state == ConnectionState.Sasl)
            OnSasl(descriptor, ref fields);
        else if (_state == ConnectionState.Closing)
            OnFrameWhileClosing(descriptor);
        else if (_state == ConnectionState.Opening)
            OnOpen(descriptor, ref fields);
        else
            OnFrame(frame.Channel, descriptor, ref fields, reader.Rest);
    }

    private void OnFrameWhileClosing(ulong descriptor)
    {
        if (descriptor == Descriptor.Close)
            _state = ConnectionState.Ended;
    }

    private void OnSasl(ulong descriptor, ref AmqpReader fields)
    {
        switch (descriptor)
        {
            case Descriptor.SaslInit when _isServer:
                var init = SaslInit.Decode(ref fields);
                if (!fields.Failed)
                    Handler.OnSaslInit(this, init);
                break;
            case Descriptor.SaslResponse when _isServer:
                var response = SaslResponse.Decode(ref fields);
                if (!fields.Failed)
                    Handler.OnSaslResponse(this, response);
                break;
            case Descriptor.SaslMechanisms when !_isServer:
                var start = BeginFrame(0, Frame.SaslType);
                Settings.Sasl!.Encode(Output);
                EndFrame(start);
                break;
            case Descriptor.SaslChallenge when !_isServer:
                var challenge = Sasl.SaslChallenge.Decode(ref fields);
                if (!fields.Failed)
                    Handler.OnSaslResponse(this, challenge);
                break;
            case Descriptor.SaslOutcome when !_isServer:
                OnSaslOutcome(SaslOutcome.Decode(ref fields));
                break;
            default:
                fields.Fail($"0x{descriptor:x} does not belong here");
                break;
        }
        if (fields.Failed)
            Fail(ErrorCondition.DecodeError, fields.Error!);
    }

    private void OnSaslOutcome(SaslOutcome outcome)
    {
        if (outcome.Code == SaslCode.Ok)
        {
            _state = ConnectionState.Header;
            Output.WriteRaw(ProtocolHeader.Amqp);
            return;
        }
        _state = ConnectionState.Ended;
        Handler.OnClosed(this, new AmqpError(ErrorCondition.UnauthorizedAccess, $"SASL ended with the code {outcome.Code}."), byPeer: true);
    }

    private void OnOpen(ulong descriptor, ref AmqpReader fields)
    {
        if (descriptor != Descriptor.Open)
        {
            Fail(ErrorCondition.NotAllowed, $"The performative 0x{descriptor:x} came before open.");
            return;
        }
        var open = Open.Decode(ref fields);
        if (fields.Failed)
        {
            Fail(ErrorCondition.DecodeError, fields.Error!);
            return;
        }
        if (open.MaxFrameSize < Frame.MinMaxSize)
        {
            Fail(ErrorCondition.InvalidField, $"max-frame-size is {open.MaxFrameSize}, at least {Frame.MinMaxSize} is needed.");
            return;
        }
        if (open.IdleTimeout is > 0 and < MinIdleTimeout)
        {
            Fail(ErrorCondition.NotAllowed, $"idle-time-out is {open.IdleTimeout} ms, at least {MinIdleTimeout} is needed.");
            return;
        }
        Peer = open;
        PeerMaxFrameSize = Math.Min(open.MaxFrameSize, Settings.MaxFrameSize);
        _peerChannelMax = open.ChannelMax;
        // Sooner than the peer's limit, by an eighth of it.
        if (open.IdleTimeout is > 0 and { } idle)
            _heartbeat = TimeSpan.FromMilliseconds(Math.Min(idle * 7.0 / 8 - 1000, idle / 2.0 + 60_000));
        if (_heartbeat < TimeSpan.FromSeconds(1))
            _heartbeat = TimeSpan.FromSeconds(1);
        if (_isServer)
            WriteOpen();
        _state = ConnectionState.Open;
        Handler.OnOpened(this, open);
    }

    private void OnFrame(ushort channel, ulong descriptor, ref AmqpReader fields, ReadOnlySpan<byte> payload)
    {
        switch (descriptor)
        {
            case Descriptor.Begin:
                OnBegin(channel, ref fields);
                return;
            case Descriptor.Close:
                var close = Performatives.Close.Decode(ref fields);
                WriteClose(null);
                _state = ConnectionState.Ended;
                EndSessions(close.Error);
                Handler.OnClosed(this, close.Error, byPeer: true);
                return;
            case >= Descriptor.Attach and <= Descriptor.End:
                break;
            default:
                Fail(ErrorCondition.NotAllowed, $"The performative 0x{descriptor:x} is not expected here.");
                return;
        }
        if (!_sessions.TryGetValue(channel, out var session))
        {
            Fail(ErrorCondition.NotAllowed, $"Channel {channel} has no session.");
            return;
        }
        if (descriptor != Descriptor.End)
        {
            session.OnFrame(descriptor, ref fields, payload);
            return;
        }
        var end = Performatives.End.Decode(ref fields);
        _sessions.Remove(channel);
        session.OnEnd(end.Error);
        if (_byLocalChannel.Count > session.LocalChannel)
            _byLocalChannel[session.LocalChannel] = null;
    }

    private void OnBegin(ushort channel, ref AmqpReader fields)
    {
        var begin = Begin.Decode(ref fields);
        if (fields.Failed)
        {
            Fail(ErrorCondition.DecodeError, fields.Error!);
            return;
        }
        if (channel > Settings.ChannelMax)
        {
            Fail(ErrorCondition.FramingError, $"Channel {channel} is above the channel-max of {Settings.ChannelMax}.");
            return;
        }
        if (_sessions.ContainsKey(channel))
        {
            Fail(ErrorCondition.NotAllowed, $"Channel {channel} has a session already.");
            return;
        }
        AmqpSession? session;
        if (begin.RemoteChannel is { } own)
        {
            session = own < _byLocalChannel.Count ? _byLocalChannel[own] : null;
            if (session is null || session.IsOpen)
            {
                Fail(ErrorCondition.InvalidField, $"A begin answers channel {own}, where none waits for an answer.");
                return;
            }
        }
        else
        {
            var local = TakeChannel();
            if (local > _peerChannelMax)
            {
                Fail(ErrorCondition.ResourceLimitExceeded, $"There are as many sessions as the peer's channel-max of {_peerChannelMax} allows.");
                return;
            }
            session = new AmqpSession(this, local);
            Place(session);
        }
        _sessions[channel] = session;
        session.OnBegin(begin, channel);
    }

    /// <summary>Ends the connection for something that the peer did.</summary>
    private void Fail(string condition, string description) => Close(new AmqpError(condition, description));
}
