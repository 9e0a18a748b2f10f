using Homeport.Device.Identity;
using Homeport.Mqtt;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Device.Hub;

/// <summary>
/// One MQTT connection of a device to its hub, for sending. Messages go out one after the other without waiting for each other's
/// acknowledgement (QoS 1), which the hub gives when it has stored a message. After the end of the connection make another sender.
/// </summary>
public sealed partial class HubSender : IAsyncDisposable
{
    private const string ApiVersion = "2021-04-12";
    private const string ClientType = "homeport-device";

    private static readonly TimeSpan FarewellLimit = TimeSpan.FromSeconds(2);

    private readonly HubSenderOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly MqttTransport _transport;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly InFlightWindow _window;
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource<HubSenderEnd> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _loops = Task.CompletedTask;
    private int _hasEnded;
    private volatile bool _awaitsPong;

    private HubSender(HubSenderOptions options, MqttTransport transport, TimeProvider time, ILogger logger)
    {
        _options = options;
        _transport = transport;
        _time = time;
        _logger = logger;
        _window = new InFlightWindow(options.MaxInFlight);
    }

    /// <summary>Completes, without failing, when the connection has ended, and says why.</summary>
    public Task<HubSenderEnd> Completion => _completion.Task;

    /// <summary>Messages sent and not yet acknowledged.</summary>
    public int InFlight => _window.Count;

    /// <summary>Connects to a hub.</summary>
    /// <exception cref="HubConnectionException">The hub cannot be reached, is not trusted, or refuses.</exception>
    public static async Task<HubSender> ConnectAsync(
        HubSenderOptions options, DeviceTokenProvider tokens, TimeProvider? time, ILogger<HubSender>? logger, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxInFlight, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxInFlight, InFlightWindow.MaxSize);
        var clock = time ?? TimeProvider.System;
        var token = await tokens.GetAsync(cancellationToken);
        using var limit = new CancellationTokenSource(options.ConnectLimit, clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        MqttTransport? transport = null;
        try
        {
            transport = await MqttTransport.ConnectAsync(options, both.Token);
            await HandshakeAsync(options, token, transport, both.Token);
            var sender = new HubSender(options, transport, clock, logger ?? NullLogger<HubSender>.Instance);
            sender.Start();
            return sender;
        }
        catch (Exception e)
        {
            if (transport is not null)
                await transport.DisposeAsync();
            throw e switch
            {
                OperationCanceledException when !cancellationToken.IsCancellationRequested => new HubConnectionException(
                    HubSenderEnd.Silence, $"{options.HostName}:{options.Port} did not answer within {options.ConnectLimit}.", e),
                IOException => new HubConnectionException(HubSenderEnd.Lost, $"{options.HostName}:{options.Port}: {e.Message}", e),
                _ => e,
            };
        }
    }

    /// <summary>Sends a message and waits until the hub has stored it.</summary>
    /// <exception cref="HubConnectionException">The connection ended before.</exception>
    /// <exception cref="ArgumentException">The message is too large.</exception>
    public async Task SendAsync(HubMessage message, CancellationToken cancellationToken)
    {
        var delivery = await PublishAsync(message, cancellationToken);
        await delivery.Stored.WaitAsync(cancellationToken);
    }

    /// <summary>Sends a message and returns when it is on its way; waits while the window is full.</summary>
    /// <inheritdoc cref="SendAsync"/>
    public async Task<Delivery> PublishAsync(HubMessage message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        var topic = message.Topic(_options.DeviceId);
        var packet = new byte[PublishPacket.MaxSize(topic.Length, message.Body.Length)];
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _ended.Token);
        try
        {
            await _window.EnterAsync(both.Token);
            return await WriteAsync(packet, topic, message.Body, both.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw Ended(await _completion.Task);
        }
    }

    /// <summary>Says goodbye and closes. Messages without acknowledgement fail with <see cref="HubSenderEnd.Disposed"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Volatile.Read(ref _hasEnded) == 0)
        {
            try
            {
                await WriteAsync(EmptyPackets.Disconnect).WaitAsync(FarewellLimit, _time);
            }
            catch (Exception e) when (e is IOException or TimeoutException or OperationCanceledException)
            {
                // It is being closed anyway.
            }
        }

        End(HubSenderEnd.Disposed, null);
        await _loops;

        // A writer that the end interrupted still has to go out of the stream.
        await _writing.WaitAsync(CancellationToken.None);
        _writing.Release();
        await _transport.DisposeAsync();
        _ended.Dispose();
    }

    private void Start() => _loops = Task.WhenAll(ReadAsync(), PingAsync());

    private static async Task HandshakeAsync(HubSenderOptions options, DeviceToken token, MqttTransport transport, CancellationToken cancellationToken)
    {
        var userName = $"{options.HostName}/{options.DeviceId}/?api-version={ApiVersion}&DeviceClientType={ClientType}";
        var connect = new ConnectPacket(options.DeviceId, userName, token.Text, CleanSession: true, (int)options.KeepAlive.TotalSeconds);
        await transport.WriteAsync(connect.ToBytes(), cancellationToken);
        if (await transport.ReadAsync(cancellationToken) is not { } packet)
            throw new HubConnectionException(HubSenderEnd.ClosedByServer, "The server closed the connection instead of answering CONNECT.");
        if (packet.Type != PacketType.Connack || !ConnackPacket.TryParse(packet.Body, out var answer))
            throw new HubConnectionException(HubSenderEnd.ProtocolError, "The server did not answer CONNECT by CONNACK. Is this an MQTT port?");
        switch (answer.ReturnCode)
        {
            case ConnectReturnCode.Accepted:
                return;
            case ConnectReturnCode.ServerUnavailable:
                throw new HubConnectionException(HubSenderEnd.Unavailable, "The hub is not ready. Try again later.");
            default:
                throw new HubConnectionException(
                    HubSenderEnd.Refused,
                    $"The hub refused the device '{options.DeviceId}' ({answer.ReturnCode}). Is it registered and enabled, is its key right, and is the clock right?");
        }
    }

    private async Task<Delivery> WriteAsync(byte[] packet, byte[] topic, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        try
        {
            await _writing.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            _window.Leave();
            throw;
        }

        try
        {
            // In the order of the packets on the wire, since the acknowledgements come in that order.
            var (packetId, stored) = _window.Add();
            var length = PublishPacket.Write(packet, topic, body.Span, qos: 1, packetId);
            await _transport.WriteAsync(packet.AsMemory(0, length), _ended.Token);
            return new Delivery(stored);
        }
        catch (IOException e)
        {
            End(HubSenderEnd.Lost, e);
            throw Ended(HubSenderEnd.Lost, e);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task WriteAsync(ReadOnlyMemory<byte> packet)
    {
        await _writing.WaitAsync(_ended.Token);
        try
        {
            await _transport.WriteAsync(packet, _ended.Token);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task ReadAsync()
    {
        try
        {
            while (true)
            {
                if (await _transport.ReadAsync(_ended.Token) is not { } packet)
                {
                    End(HubSenderEnd.ClosedByServer, null);
                    return;
                }

                if (!await HandleAsync(packet.Type, packet.Flags, packet.Body))
                {
                    End(HubSenderEnd.ProtocolError, null);
                    return;
                }
            }
        }
        catch (HubConnectionException e)
        {
            End(e.End, e);
        }
        catch (IOException e)
        {
            End(HubSenderEnd.Lost, e);
        }
        catch (OperationCanceledException)
        {
            // The end came from elsewhere.
        }
    }

    private async ValueTask<bool> HandleAsync(PacketType type, int flags, byte[] body)
    {
        switch (type)
        {
            case PacketType.Puback:
                return PubackPacket.TryParse(body, out var packetId) && _window.Acknowledge(packetId);
            case PacketType.Pingresp:
                _awaitsPong = false;
                return body.Length == 0;
            case PacketType.Publish:
                return await DeclineAsync(flags, body);
            default:
                return false;
        }
    }

    /// <summary>A sender subscribes to nothing; what comes all the same is acknowledged so that it does not come again and again.</summary>
    private async ValueTask<bool> DeclineAsync(int flags, byte[] body)
    {
        if (!PublishPacket.TryParse(flags, body, out var publish))
            return false;
        if (publish.Qos != 1)
            return publish.Qos == 0;
        var answer = new byte[PubackPacket.Size];
        PubackPacket.Write(answer, publish.PacketId);
        await WriteAsync(answer);
        return true;
    }

    private async Task PingAsync()
    {
        using var timer = new PeriodicTimer(_options.KeepAlive / 2, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_ended.Token))
            {
                if (_awaitsPong)
                {
                    End(HubSenderEnd.Silence, null);
                    return;
                }

                _awaitsPong = true;
                await WriteAsync(EmptyPackets.Pingreq);
            }
        }
        catch (IOException e)
        {
            End(HubSenderEnd.Lost, e);
        }
        catch (OperationCanceledException)
        {
            // The end came from elsewhere.
        }
    }

    private void End(HubSenderEnd end, Exception? cause)
    {
        if (Interlocked.Exchange(ref _hasEnded, 1) != 0)
            return;
        LogEnd(_options.HostName, _options.DeviceId, end, _window.Count);
        _completion.SetResult(end);
        _window.Fail(Ended(end, cause));
        _ended.Cancel();
    }

    private static HubConnectionException Ended(HubSenderEnd end, Exception? cause = null)
        => new(end, $"The connection to the hub has ended ({end}); a message without acknowledgement may or may not have arrived.", cause);

    [LoggerMessage(10, LogLevel.Information, "The connection of device {DeviceId} to the hub {Hub} ended: {End}, {InFlight} messages without acknowledgement")]
    private partial void LogEnd(string hub, string deviceId, HubSenderEnd end, int inFlight);
}
