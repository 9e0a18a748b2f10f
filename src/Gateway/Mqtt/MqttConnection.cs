using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;
using Homeport.Contract.Messages;
using Homeport.Hub.Access;
using Homeport.Hub.Limits;
using Homeport.Hub.Live;
using Homeport.Hub.Methods;
using Homeport.Hub.Twins;
using Homeport.Mqtt;
using Microsoft.Extensions.Logging;

namespace Homeport.Gateway.Mqtt;

/// <summary>
/// One MQTT connection of a device. Its loop owns it: bytes in, frames, messages into the log; acknowledgements leave through the
/// outbox when the log has them on the disk.
/// </summary>
/// <remarks><code>
///   opened ──CONNECT ok──► session ──DISCONNECT, end of stream, Close(reason)──► ended
///      └──bad CONNECT, no CONNECT in time──► (CONNACK with a code) ──────────────► ended
/// </code></remarks>
internal sealed partial class MqttConnection : IDeviceLink, ISweptConnection
{
    /// <summary>Largest CONNECT: a user name, and a token of at most 4 KB.</summary>
    private const int MaxConnectBody = 16 * 1024;

    /// <summary>Largest packet of a session: a topic and a message at their limits.</summary>
    private const int MaxBody = ushort.MaxValue + MessageLimits.DeviceToCloud + 4;

    private const string Protocol = "mqtt";

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan SlowClientTimeout = TimeSpan.FromSeconds(30);

    private readonly HubDoor _hub;
    private readonly PipeReader _input;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly PipeWriter _output;
    private readonly MqttOutbox _outbox;
    private readonly IPAddress? _remote;
    private X509Certificate2? _certificate;
    private MqttSession? _session;
    private TimeSpan _maxIdle = ConnectTimeout;
    private long _lastReceived;
    private long _lastActive;
    private CancellationTokenSource? _waiting;
    private int _reason;

    public MqttConnection(HubDoor hub, PipeReader input, PipeWriter output, X509Certificate2? certificate, IPAddress? remote, TimeProvider time, ILogger logger)
    {
        _hub = hub;
        _input = input;
        _output = output;
        _certificate = certificate;
        _remote = remote;
        _time = time;
        _logger = logger;
        _lastReceived = time.GetTimestamp();
        _outbox = new MqttOutbox(output, time);
        _outbox.Broken = reason => Close(reason);
    }

    /// <summary>Why the connection ended.</summary>
    public CloseReason Reason => (CloseReason)Volatile.Read(ref _reason);

    /// <summary>The CONNECT of a device that wants to register. With it this loop ends and the connection goes on as another.</summary>
    public ConnectPacket? Registering { get; private set; }

    /// <summary>For logs.</summary>
    public string Name => _session?.Key ?? "(nobody yet)";

    /// <inheritdoc/>
    public string Key => _session!.Key;

    /// <inheritdoc/>
    public string? Authority { get; private set; }

    /// <inheritdoc/>
    public DateTimeOffset LastActivity => _time.GetUtcNow() - _time.GetElapsedTime(Volatile.Read(ref _lastActive));

    /// <inheritdoc/>
    public bool TakesMethods => _session!.Subscriptions.TakesMethods;

    /// <inheritdoc/>
    public void Invoke(MethodRequest request)
    {
        if (!_session!.TryInvoke(request))
            Close(CloseReason.SlowClient);
    }

    /// <inheritdoc/>
    public void DesiredChanged(DesiredChange change)
    {
        if (!_session!.TryTell(change))
            Close(CloseReason.SlowClient);
    }

    /// <inheritdoc/>
    public void MessagesWaiting() => _session!.Messages.Wake();

    /// <inheritdoc/>
    public void Close(CloseReason reason)
    {
        if (Interlocked.CompareExchange(ref _reason, (int)reason, (int)CloseReason.None) != (int)CloseReason.None)
            return;
        _outbox.Close();
        _input.CancelPendingRead();
        _output.CancelPendingFlush();
        StopWaiting();
    }

    private void StopWaiting()
    {
        try
        {
            Volatile.Read(ref _waiting)?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The wait ended by itself in this moment.
            return;
        }
    }

    /// <summary>Ends the connection when its time is over. Called once a second.</summary>
    public void CheckDeadlines()
    {
        // Until CONNECT is accepted, what arrives does not count: a client that sends byte by byte would stay for ever.
        if (_time.GetElapsedTime(Volatile.Read(ref _lastReceived)) > _maxIdle)
            Close(_session is null ? CloseReason.ConnectTimeout : CloseReason.KeepAliveTimeout);
        else if (_session?.EndsAt <= _time.GetUtcNow())
            Close(CloseReason.TokenExpired);
        else if (_outbox.Stalled > SlowClientTimeout)
            Close(CloseReason.SlowClient);
        else
            _outbox.Trim();
    }

    /// <summary>Takes the connection out of the live ones and gives back its messages; publishes the will unless the client said goodbye (MQTT 3.1.1 section 3.1.2.5).</summary>
    public async Task EndAsync()
    {
        Close(CloseReason.ClientGone);
        if (_session is null)
            return;
        if (Reason != CloseReason.ClientDisconnected)
            _session.PublishWill();
        var offline = _hub.Live.Remove(this);
        _hub.Methods.Ended(this);
        _hub.Activity.NoteClosed(_session.DeviceId, _session.ModuleId, Protocol, _remote, Reason, offline ? LastActivity : null);
        await _session.Messages.CloseAsync();
    }

    /// <summary>Serves the connection until it ends.</summary>
    public async Task RunAsync()
    {
        while (Reason == CloseReason.None)
        {
            var result = await _input.ReadAsync();
            if (result.IsCanceled)
                break;
            if (_session is not null)
                Volatile.Write(ref _lastReceived, _time.GetTimestamp());
            var rest = await TakeFramesAsync(result.Buffer);
            _outbox.Flush();
            if (Reason != CloseReason.None)
                break;
            if (Registering is not null)
            {
                _input.AdvanceTo(rest.Start);
                return;
            }
            _input.AdvanceTo(rest.Start, rest.End);
            if (result.IsCompleted)
                Close(CloseReason.ClientGone);
        }
        ExplainEnd();
    }

    private async ValueTask<ReadOnlySequence<byte>> TakeFramesAsync(ReadOnlySequence<byte> buffer)
    {
        while (Reason == CloseReason.None && Registering is null)
        {
            switch (Frame.TryRead(ref buffer, _session is null ? MaxConnectBody : MaxBody, out var frame))
            {
                case FrameStatus.Incomplete:
                    return buffer;
                case FrameStatus.Malformed:
                    Close(CloseReason.MalformedPacket);
                    return buffer;
                case FrameStatus.TooLarge:
                    Close(CloseReason.PacketTooLarge);
                    return buffer;
                case FrameStatus.Complete when _session is null:
                    await ConnectAsync(frame);
                    break;
                default:
                    Take(frame);
                    break;
            }
            if (_outbox.IsFull)
                await WaitForOutboxAsync();
            if (_session is { HasRoom: false } session)
                await WaitForLogAsync(session);
        }
        return buffer;
    }

    private async Task WaitForOutboxAsync()
    {
        _outbox.Flush();
        await _outbox.RoomAsync();
    }

    /// <summary>Waits for a disk that is far behind, unless the connection ends meanwhile.</summary>
    private async Task WaitForLogAsync(MqttSession session)
    {
        using var waiting = new CancellationTokenSource();
        Volatile.Write(ref _waiting, waiting);
        try
        {
            if (Reason == CloseReason.None)
                await session.RoomAsync(waiting.Token);
        }
        catch (OperationCanceledException) when (Reason != CloseReason.None)
        {
            // Close ended the wait; the loop sees the reason.
            return;
        }
        finally
        {
            Volatile.Write(ref _waiting, null);
        }
    }

    private void Take(Frame frame)
    {
        var reason = frame.Body.IsSingleSegment
            ? Take(frame, frame.Body.FirstSpan)
            : TakeCopy(frame);
        if (reason != CloseReason.None)
            Close(reason);
    }

    /// <summary>A packet that lies in two or more of the pipe's segments is put together first.</summary>
    private CloseReason TakeCopy(Frame frame)
    {
        var length = (int)frame.Body.Length;
        var copy = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            frame.Body.CopyTo(copy);
            return Take(frame, copy.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(copy);
        }
    }

    private CloseReason Take(Frame frame, ReadOnlySpan<byte> body)
    {
        switch (frame.Type)
        {
            case PacketType.Publish:
                Volatile.Write(ref _lastActive, _lastReceived);
                return PublishPacket.TryParse(frame.Flags, body, out var publish) ? _session!.Take(publish, this) : CloseReason.MalformedPacket;
            case PacketType.Pingreq when frame.Flags == 0 && body.IsEmpty:
                _outbox.Send(EmptyPackets.Pingresp);
                return CloseReason.None;
            case PacketType.Subscribe:
                if (!SubscribePacket.TryParse(frame.Flags, body, out var subscribe))
                    return CloseReason.MalformedPacket;
                _session!.Subscribe(subscribe);
                return CloseReason.None;
            case PacketType.Unsubscribe:
                if (!UnsubscribePacket.TryParse(frame.Flags, body, out var unsubscribe))
                    return CloseReason.MalformedPacket;
                _session!.Unsubscribe(unsubscribe);
                return CloseReason.None;
            case PacketType.Disconnect when frame.Flags == 0 && body.IsEmpty:
                return CloseReason.ClientDisconnected;
            case PacketType.Puback when frame.Flags == 0:
                if (!PubackPacket.TryParse(body, out var acknowledged))
                    return CloseReason.MalformedPacket;
                Volatile.Write(ref _lastActive, _lastReceived);
                _session!.Messages.Acknowledge(acknowledged);
                return CloseReason.None;
            case PacketType.Pubrec or PacketType.Pubrel or PacketType.Pubcomp:
                return CloseReason.QosNotSupported;
            case PacketType.Pingreq or PacketType.Disconnect or PacketType.Puback:
                return CloseReason.MalformedPacket;
            default:
                return CloseReason.ProtocolViolation;
        }
    }

    private async Task ConnectAsync(Frame frame)
    {
        if (frame.Type != PacketType.Connect)
        {
            Close(CloseReason.ProtocolViolation);
            return;
        }
        switch (ConnectPacket.TryParse(frame, out var connect))
        {
            case ConnectStatus.Malformed:
                Close(CloseReason.MalformedPacket);
                return;
            case ConnectStatus.OtherVersion:
                await RefuseAsync(ConnectReturnCode.UnacceptableProtocolVersion, CloseReason.VersionNotSupported);
                return;
            default:
                break;
        }
        if (_hub.Registrations is not null && MqttUserName.IsRegistration(connect!.UserName))
        {
            Registering = connect;
            return;
        }
        var changes = _hub.Live.Changes;
        var outcome = await AuthenticateAsync(connect!);
        if (!outcome.Succeeded(out var device, out var refusal))
        {
            _hub.Explanations.Keep(refusal, Protocol, ClaimedDevice(connect!));
            await RefuseAsync(ConnectReturnCode.NotAuthorized, CloseReason.AuthenticationFailed);
            return;
        }
        if (_hub.Faults?.OnConnect(device.Identity.Key) is { } ordered)
        {
            _hub.Explanations.Keep(ordered, Protocol);
            await RefuseAsync(ConnectReturnCode.NotAuthorized, CloseReason.FaultOrdered);
            return;
        }
        if (_hub.Throttles.TryTake(HubOperation.Connect, device.Identity.Key) is { } throttled)
        {
            _hub.Explanations.Keep(throttled.Refusal, Protocol);
            await RefuseAsync(ConnectReturnCode.ServerUnavailable, CloseReason.Throttled);
            return;
        }
        await OpenSessionAsync(connect!, device);
        if (_hub.Live.Changes != changes && !await _hub.Authenticator.StillHoldsAsync(device, CancellationToken.None))
            Close(CloseReason.IdentityChanged);
    }

    private async Task OpenSessionAsync(ConnectPacket connect, AuthenticatedDevice device)
    {
        Volatile.Write(ref _lastReceived, _time.GetTimestamp());
        Volatile.Write(ref _lastActive, _lastReceived);
        _maxIdle = KeepAlive.TimeoutOf(connect.KeepAlive);
        string? model = null;
        if (MqttUserName.TryParse(connect.UserName, out var user, out _) && user.Options.TryGetValue("model-id", out var announced))
            model = await _hub.Twins.NoteModelAsync(device.Identity.DeviceId, device.Identity.ModuleId, announced, CancellationToken.None);
        var session = new MqttSession(_hub, device, connect, model, _outbox, _time, _logger);
        var present = await session.Subscriptions.OpenAsync(connect.CleanSession, _hub.Subscriptions, CancellationToken.None);
        Authority = device.Authority;
        _session = session;
        _outbox.Send(new ConnackPacket(present, ConnectReturnCode.Accepted).ToBytes());
        _hub.Live.Open(this);
        session.Start();
        _hub.Activity.NoteOpened(_session.DeviceId, _session.ModuleId, Protocol, _remote);
        LogConnected(_session.Key, device.Method.Scope, device.Method.Type);
    }

    private async Task<Outcome<AuthenticatedDevice>> AuthenticateAsync(ConnectPacket connect)
    {
        if (MqttUserName.IsRegistration(connect.UserName))
        {
            return new Refusal(HubErrors.NotImplementedHere, $"Client '{Shorten(connect.ClientId)}' wants to register with a hub that has no provisioning service",
                "Register with the host name of the provisioning service.");
        }
        if (!MqttUserName.TryParse(connect.UserName, out var user, out var reason))
            return new Refusal(HubErrors.IotHubUnauthorized, $"Client '{Shorten(connect.ClientId)}': {reason}", "Use an Azure IoT SDK, or write the user name in this form.");
        var expected = user.ModuleId is null ? user.DeviceId : $"{user.DeviceId}/{user.ModuleId}";
        if (!string.Equals(connect.ClientId, expected, StringComparison.Ordinal))
        {
            return new Refusal(HubErrors.IotHubUnauthorized, $"Client id '{Shorten(connect.ClientId)}' is not what the user name says, '{Shorten(expected)}'",
                "Use the device id as client id, for a module {device}/{module}.");
        }
        var shown = new DeviceCredentials(user.DeviceId, user.ModuleId, connect.Password is { Length: > 0 } token ? token : null, _certificate)
        {
            Intermediates = ClientChain.Take(_certificate),
        };
        // Not needed any more; it is the largest thing that an idle connection would hold.
        _certificate = null;
        var outcome = await _hub.Authenticator.AuthenticateAsync(shown, CancellationToken.None);
        return outcome.Value is { } device && MqttSession.CheckWill(connect.Will, device.Identity) is { } wrong
            ? new Refusal(HubErrors.ArgumentInvalid, $"'{device.Identity.Key}': {wrong}", "Let the will go to devices/{your device id}/messages/events/ with quality of service 0 or 1.")
            : outcome;
    }

    private async Task RefuseAsync(ConnectReturnCode code, CloseReason reason)
    {
        await _output.WriteAsync(new ConnackPacket(SessionPresent: false, code).ToBytes());
        Close(reason);
    }

    private void ExplainEnd()
    {
        var fix = Reason switch
        {
            CloseReason.MalformedPacket => "Send MQTT 3.1.1 packets as the standard has them.",
            CloseReason.PacketTooLarge or CloseReason.MessageTooLarge => $"Keep a message with its properties within {MessageLimits.DeviceToCloud} bytes.",
            CloseReason.ProtocolViolation => "Send CONNECT first and once, and only packets that a client sends.",
            CloseReason.QosNotSupported => "Publish with quality of service 0 or 1.",
            CloseReason.TopicNotAllowed => "Publish to devices/{your device id}/messages/events/ and its property bag.",
            CloseReason.VersionNotSupported => "Set the client to MQTT 3.1.1 (version 4).",
            CloseReason.SlowClient => "Read what the server sends.",
            _ => null,
        };
        if (fix is not null)
            _hub.Explanations.Keep(new Refusal(HubErrors.ArgumentInvalid, $"Connection of {Name} ended: {Reason}", fix), Protocol, _session?.DeviceId);
    }

    /// <summary>Whom a refusal concerns. A client whose user name cannot be read says it in its client id as well.</summary>
    private static string ClaimedDevice(ConnectPacket connect)
        => MqttUserName.TryParse(connect.UserName, out var user, out _) ? user.DeviceId : connect.ClientId.Split('/')[0];

    private static string Shorten(string text) => text.Length <= 128 ? text : text[..128] + "...";

    [LoggerMessage(EventId = 3003, Level = LogLevel.Debug, Message = "{Key} connected with a {Type} credential of the {Scope}")]
    private partial void LogConnected(string key, string scope, string type);
}
