using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net.WebSockets;
using System.Text;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Device.Identity;
using Homeport.Mqtt;
using Microsoft.Extensions.Logging;

namespace Homeport.Device.Hub.Mqtt;

/// <summary>
/// One MQTT 3.1.1 connection of a device to its hub. Messages go out one after the other without waiting for each other's acknowledgement
/// (QoS 1), which the hub gives when it has stored a message. The session of the hub is kept (clean session 0), so that what was subscribed
/// and not yet delivered outlives the connection.
/// </summary>
[SuppressMessage("Usage", "CA2213", Justification = "The source of the end has no timer and so holds nothing; late callers may still look at it.")]
internal sealed partial class MqttLink : IHubLink
{
    private static readonly TimeSpan FarewellLimit = TimeSpan.FromSeconds(2);

    private readonly HubTarget _target;
    private readonly HubEvents _events;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly MqttTransport _transport;
    private readonly MqttOutbox _outbox;
    private readonly InFlightWindow _window;
    private readonly DeliveredMessages _delivered = new();
    private readonly byte[] _telemetryTopic;
    private readonly byte[] _deviceBound;
    private readonly ConcurrentDictionary<string, TaskCompletionSource<TwinAnswer>> _requests = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<ushort, TaskCompletionSource<byte[]>> _subscriptions = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource<IotHubException> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _loops = Task.CompletedTask;
    private HubFeatures _enabled;
    private int _hasEnded;
    private volatile bool _awaitsPong;

    private MqttLink(HubTarget target, MqttTransport transport, HubEvents events, TimeProvider time, ILogger logger)
    {
        _target = target;
        _transport = transport;
        _outbox = new MqttOutbox(transport);
        _events = events;
        _time = time;
        _logger = logger;
        _window = new InFlightWindow(target.MaxInFlight);
        _telemetryTopic = Encoding.UTF8.GetBytes(MqttTopics.Telemetry(target.Identity));
        _deviceBound = Encoding.UTF8.GetBytes(MqttTopics.DeviceBound(target.Identity));
    }

    /// <inheritdoc/>
    public Task<IotHubException> Completion => _completion.Task;

    /// <inheritdoc/>
    public int InFlight => _window.Count;

    /// <summary>Connects to a hub.</summary>
    /// <exception cref="IotHubException">The hub cannot be reached, is not trusted, or refuses.</exception>
    public static async Task<MqttLink> ConnectAsync(
        HubTarget target, bool webSocket, DeviceToken? token, HubEvents events, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(target.ConnectLimit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        MqttTransport? transport = null;
        var port = webSocket ? target.HttpsPort : target.MqttPort;
        try
        {
            transport = await MqttTransport.ConnectAsync(target, webSocket, both.Token);
            await HandshakeAsync(target, token, transport, both.Token);
            var link = new MqttLink(target, transport, events, time, logger);
            link.Start();
            return link;
        }
        catch (Exception e)
        {
            if (transport is not null)
                await transport.DisposeAsync();
            throw e switch
            {
                OperationCanceledException when !cancellationToken.IsCancellationRequested => IotHubException.Of(
                    HubLinkEnd.Silence, $"{target.ServerName}:{port} did not answer within {target.ConnectLimit}.", e),
                IOException or WebSocketException => IotHubException.Of(HubLinkEnd.Lost, $"{target.ServerName}:{port}: {e.Message}", e),
                _ => e,
            };
        }
    }

    /// <inheritdoc/>
    public Task WhenDrained() => _window.WhenEmpty();

    /// <inheritdoc/>
    public async ValueTask<Delivery> SendAsync(ReadOnlyMemory<OutgoingMessage> messages, CancellationToken cancellationToken)
    {
        if (messages.IsEmpty)
            return Delivery.Done(0);
        var delivery = new Delivery(messages.Length);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _ended.Token);
        try
        {
            ushort Next() => _window.Add(delivery);
            for (var i = 0; i < messages.Length; i++)
            {
                await _window.EnterAsync(both.Token);
                await _outbox.RoomAsync(both.Token);
                var message = messages.Span[i];
                _outbox.AddPublish(_telemetryTopic, message.Bag.Span, message.Body.Span, Next);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Who sent them looks at what was acknowledged of them, as if they all had been on their way.
            delivery.Fail(Again(await Completion));
        }

        return delivery;
    }

    /// <inheritdoc/>
    public async Task EnableAsync(HubFeatures features, CancellationToken cancellationToken)
    {
        (HubFeatures Feature, TopicFilter Filter)[] all =
        [
            (HubFeatures.Messages, new TopicFilter(MqttTopics.DeviceBound(_target.Identity) + "#", 1)),
            (HubFeatures.Methods, new TopicFilter(MqttTopics.MethodFilter, 0)),
            (HubFeatures.Twin, new TopicFilter(MqttTopics.TwinFilter, 0)),
            (HubFeatures.Desired, new TopicFilter(MqttTopics.DesiredFilter, 0)),
        ];
        var filters = all.Where(one => (features & ~_enabled & one.Feature) != HubFeatures.None).Select(static one => one.Filter).ToList();
        if (filters.Count == 0)
            return;
        var packetId = _window.TakePacketId();
        var granted = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        _subscriptions[packetId] = granted;
        _outbox.Add(new SubscribePacket(packetId, filters).ToBytes());
        var codes = await AnswerAsync(granted.Task, "a subscription", cancellationToken);
        if (codes.Length != filters.Count || codes.Contains(SubscribePacket.Failure))
            throw IotHubException.Of(HubLinkEnd.Rejected, $"The hub refused a subscription of '{_target.Identity}'.");
        _enabled |= features;
    }

    /// <inheritdoc/>
    public async Task<Message?> ReceiveAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        await EnableAsync(HubFeatures.Messages, cancellationToken);
        using var limit = new CancellationTokenSource(timeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _ended.Token, limit.Token);
        try
        {
            return await _delivered.ReadAsync(both.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return _ended.IsCancellationRequested ? throw Again(await Completion) : null;
        }
    }

    /// <inheritdoc/>
    public Task SettleAsync(string lockToken, MessageOutcome outcome, CancellationToken cancellationToken)
    {
        if (outcome != MessageOutcome.Complete)
            throw new NotSupportedException($"MQTT cannot {outcome} a message: complete it, or leave it and the hub delivers it again. HTTPS can.");
        if (Volatile.Read(ref _hasEnded) != 0)
            throw LockLost();
        foreach (var packetId in _delivered.Complete(lockToken) ?? throw LockLost())
            Acknowledge(packetId);

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task<byte[]> GetTwinAsync(CancellationToken cancellationToken)
    {
        var answer = await RequestAsync(MqttTopics.TwinGet, default, "the request for the twin", cancellationToken);
        return answer.Body;
    }

    /// <inheritdoc/>
    public async Task<long> ReportAsync(ReadOnlyMemory<byte> patch, CancellationToken cancellationToken)
    {
        var answer = await RequestAsync(MqttTopics.TwinReport, patch, "the reported properties", cancellationToken);
        return answer.Version;
    }

    /// <inheritdoc/>
    public Task RespondAsync(string requestId, int status, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        _outbox.AddPublish(MqttTopics.MethodAnswer(status, requestId), default, payload.Span, null);
        return Task.CompletedTask;
    }

    /// <summary>Says goodbye and closes. Messages without acknowledgement fail with <see cref="HubLinkEnd.Disposed"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Volatile.Read(ref _hasEnded) == 0)
        {
            try
            {
                _outbox.Add(EmptyPackets.Disconnect.Span);
                await Task.WhenAny(_outbox.FlushAsync(), Completion).WaitAsync(FarewellLimit, _time);
            }
            catch (TimeoutException)
            {
                // It is being closed anyway.
            }
        }

        End(HubLinkEnd.Disposed, "this side closed the connection", null);
        await _loops;
        await _transport.DisposeAsync();
    }

    private void Start() => _loops = Task.WhenAll(Guard(ReadAsync), Guard(() => _outbox.RunAsync(_ended.Token)), Guard(PingAsync));

    private static async Task HandshakeAsync(HubTarget target, DeviceToken? token, MqttTransport transport, CancellationToken cancellationToken)
    {
        var clientId = target.ModuleId is null ? target.DeviceId : $"{target.DeviceId}/{target.ModuleId}";
        var userName = $"{target.HostName}/{clientId}/?api-version={HubTarget.ApiVersion}&DeviceClientType={Uri.EscapeDataString(target.Product)}"
            + (target.ModelId is null ? "" : $"&model-id={Uri.EscapeDataString(target.ModelId)}");
        var connect = new ConnectPacket(clientId, userName, token?.Text, CleanSession: false, (int)target.KeepAlive.TotalSeconds);
        await transport.WriteAsync(connect.ToBytes(), cancellationToken);
        if (await transport.ReadAsync(cancellationToken) is not { } packet)
            throw IotHubException.Of(HubLinkEnd.ClosedByServer, "The server closed the connection instead of answering CONNECT.");
        if (packet.Type != PacketType.Connack || !ConnackPacket.TryParse(packet.Body, out var answer))
            throw IotHubException.Of(HubLinkEnd.ProtocolError, "The server did not answer CONNECT by CONNACK. Is this an MQTT port?");
        switch (answer.ReturnCode)
        {
            case ConnectReturnCode.Accepted:
                return;
            case ConnectReturnCode.ServerUnavailable:
                throw IotHubException.Of(HubLinkEnd.Unavailable, "The hub is not ready. Try again later.");
            default:
                throw IotHubException.Of(
                    HubLinkEnd.Refused,
                    $"The hub refused the device '{target.Identity}' ({answer.ReturnCode}). Is it registered and enabled, is its key right, and is the clock right?");
        }
    }

    private async Task<TwinAnswer> RequestAsync(Func<string, byte[]> topic, ReadOnlyMemory<byte> body, string what, CancellationToken cancellationToken)
    {
        await EnableAsync(HubFeatures.Twin, cancellationToken);
        var requestId = Guid.NewGuid().ToString("N");
        var waiting = new TaskCompletionSource<TwinAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _requests[requestId] = waiting;
        try
        {
            _outbox.AddPublish(topic(requestId), default, body.Span, null);
            var answer = await AnswerAsync(waiting.Task, what, cancellationToken);
            if (answer.Status < 300)
                return answer;
            var end = answer.Status switch
            {
                429 => HubLinkEnd.Throttled,
                413 => HubLinkEnd.TooLarge,
                >= 500 => HubLinkEnd.Unavailable,
                _ => HubLinkEnd.Rejected,
            };
            throw IotHubException.Of(end, $"The hub refused {what} with status {answer.Status}: {Encoding.UTF8.GetString(answer.Body)}");
        }
        finally
        {
            _requests.TryRemove(requestId, out _);
        }
    }

    private async Task<T> AnswerAsync<T>(Task<T> answer, string what, CancellationToken cancellationToken)
    {
        try
        {
            if (await Task.WhenAny(answer, Completion).WaitAsync(_target.AnswerLimit, _time, cancellationToken) != answer)
                throw Again(await Completion);
            return await answer;
        }
        catch (TimeoutException e)
        {
            throw IotHubException.Of(HubLinkEnd.Silence, $"The hub did not answer {what} within {_target.AnswerLimit}.", e);
        }
    }

    private async Task ReadAsync()
    {
        while (true)
        {
            if (await _transport.ReadAsync(_ended.Token) is not { } packet)
            {
                End(HubLinkEnd.ClosedByServer, "the hub closed it: the token ended, or the device connected elsewhere, or was disabled", null);
                return;
            }

            if (!Handle(packet.Type, packet.Flags, packet.Body))
            {
                End(HubLinkEnd.ProtocolError, $"the server broke the protocol with a packet {packet.Type}", null);
                return;
            }
        }
    }

    private bool Handle(PacketType type, int flags, byte[] body)
    {
        switch (type)
        {
            case PacketType.Puback:
                return PubackPacket.TryParse(body, out var packetId) && _window.Acknowledge(packetId);
            case PacketType.Pingresp:
                _awaitsPong = false;
                return body.Length == 0;
            case PacketType.Suback when body.Length > 2:
                if (_subscriptions.TryRemove((ushort)((body[0] << 8) | body[1]), out var granted))
                    granted.TrySetResult(body[2..]);
                return true;
            case PacketType.Publish:
                return PublishPacket.TryParse(flags, body, out var publish) && publish.Qos < 2 && Receive(publish);
            default:
                return false;
        }
    }

    private bool Receive(PublishPacket publish)
    {
        if (publish.Topic.StartsWith(_deviceBound))
        {
            _delivered.Add(MqttTopics.ToMessage(publish.Topic[_deviceBound.Length..], publish.Payload), publish.PacketId);
            return true;
        }

        var topic = Encoding.UTF8.GetString(publish.Topic);
        if (MqttTopics.TryMethod(topic, out var name, out var requestId))
            _events.Method(new MethodCall(name, requestId, publish.Payload.ToArray()));
        else if (MqttTopics.IsDesired(topic))
            _events.Desired(publish.Payload.ToArray());
        else if (MqttTopics.TryTwin(topic, out var status, out requestId, out var version) && _requests.TryGetValue(requestId, out var waiting))
            waiting.TrySetResult(new TwinAnswer(status, version, publish.Payload.ToArray()));

        // What nobody asked for is acknowledged all the same, so that it does not come again and again.
        if (publish.Qos == 1)
            Acknowledge(publish.PacketId);
        return true;
    }

    private void Acknowledge(ushort packetId)
    {
        Span<byte> packet = stackalloc byte[PubackPacket.Size];
        PubackPacket.Write(packet, packetId);
        _outbox.Add(packet);
    }

    private async Task PingAsync()
    {
        using var timer = new PeriodicTimer(_target.KeepAlive / 2, _time);
        while (await timer.WaitForNextTickAsync(_ended.Token))
        {
            if (_awaitsPong)
            {
                End(HubLinkEnd.Silence, "the hub did not answer a ping", null);
                return;
            }

            _awaitsPong = true;
            _outbox.Add(EmptyPackets.Pingreq.Span);
        }
    }

    private async Task Guard(Func<Task> loop)
    {
        // The loops run apart from the caller, who would otherwise read the first packets.
        await Task.Yield();
        try
        {
            await loop();
        }
        catch (IotHubException e)
        {
            End(e.End, e.Message, e);
        }
        catch (Exception e) when (e is IOException or WebSocketException or ObjectDisposedException)
        {
            End(HubLinkEnd.Lost, e.Message, e);
        }
        catch (OperationCanceledException)
        {
            // The end came from elsewhere.
        }
    }

    private void End(HubLinkEnd end, string reason, Exception? cause)
    {
        if (Interlocked.Exchange(ref _hasEnded, 1) != 0)
            return;
        LogEnd(_target.HostName, _target.Identity, end, _window.Count);
        var failure = IotHubException.Of(end, $"The connection to {_target.HostName} has ended: {reason}.", cause);
        _completion.SetResult(failure);
        _window.Fail(failure);
        _ended.Cancel();
    }

    /// <summary>An exception of its own for each caller.</summary>
    private static IotHubException Again(IotHubException end)
        => IotHubException.Of(end.End, end.Message + " A message without acknowledgement may or may not have arrived.", end);

    private static IotHubException LockLost()
        => IotHubException.Of(HubLinkEnd.LockLost, "The message came over a connection that has ended; the hub delivers it again.");

    private sealed record TwinAnswer(int Status, long Version, byte[] Body);

    [LoggerMessage(10, LogLevel.Information, "The connection of device {DeviceId} to the hub {Hub} ended: {End}, {InFlight} messages without acknowledgement")]
    private partial void LogEnd(string hub, string deviceId, HubLinkEnd end, int inFlight);
}
