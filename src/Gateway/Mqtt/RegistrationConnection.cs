using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;
using Homeport.Gateway.Provisioning;
using Homeport.Hub.Limits;
using Homeport.Hub.Live;
using Homeport.Mqtt;
using Homeport.Provisioning.Registrations;

namespace Homeport.Gateway.Mqtt;

/// <summary>
/// The MQTT connection of a device that registers. It goes step by step: each request is acknowledged and answered before the next
/// one is read, since the C# SDK takes nothing but the packet that it waits for.
/// </summary>
/// <remarks>
/// CONNECT is accepted with any credentials: whether they are good is answered to the register call, where the SDKs read the number
/// of the error.
/// </remarks>
internal sealed class RegistrationConnection : ISweptConnection
{
    /// <summary>Largest packet: a topic and a body at their limits.</summary>
    private const int MaxBody = RegistrationCall.MaxBodySize + 1024;

    /// <summary>Requests of one connection. SDKs send one at a time and wait for seconds in between.</summary>
    private static readonly Rate Requests = new(2, 20);

    /// <summary>C# and C turn the keep-alive off. A device may keep the connection a while to register again.</summary>
    private static readonly TimeSpan MaxIdle = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan SlowClientTimeout = TimeSpan.FromSeconds(30);

    private readonly RegistrationDoor _door;
    private readonly PipeReader _input;
    private readonly PipeWriter _output;
    private readonly RegistrationCall _call;
    private readonly TimeProvider _time;
    private readonly TimeSpan _maxIdle;
    private readonly TokenBucket _requests;
    private bool _subscribed;
    private ushort _packetId;
    private long _lastReceived;
    private long _writeStarted;
    private int _reason;

    private RegistrationConnection(RegistrationDoor door, PipeReader input, PipeWriter output, RegistrationCall call, int keepAlive, TimeProvider time)
    {
        _door = door;
        _input = input;
        _output = output;
        _call = call;
        _time = time;
        _maxIdle = keepAlive == 0 ? MaxIdle : TimeSpan.FromSeconds(Math.Min(keepAlive * 1.5, MaxIdle.TotalSeconds));
        _requests = new TokenBucket(Requests, time);
        _lastReceived = time.GetTimestamp();
    }

    /// <summary>Why the connection ended.</summary>
    public CloseReason Reason => (CloseReason)Volatile.Read(ref _reason);

    /// <summary>For logs.</summary>
    public string Name => _call.ToString();

    /// <summary>Reads who wants to register, from a CONNECT with a user name of the form <c>{idScope}/registrations/{registrationId}/api-version=...</c>.</summary>
    public static RegistrationCall CallOf(ConnectPacket connect, X509Certificate2? certificate, IPAddress? address)
    {
        var parts = (connect.UserName ?? "").Split('/');
        var version = parts[^1].Split('&').Select(p => p.Split('=', 2)).FirstOrDefault(p => p.Length == 2 && p[0].Equals("api-version", StringComparison.OrdinalIgnoreCase));
        return new RegistrationCall
        {
            IdScope = parts[0],
            RegistrationId = Uri.UnescapeDataString(parts[2]),
            Authorization = connect.Password,
            Certificate = certificate,
            Intermediates = ClientChain.Of(certificate),
            ApiVersion = version?[1] ?? "",
            Address = address,
            Door = "dps mqtt",
        };
    }

    /// <summary>Takes a connection over behind its CONNECT.</summary>
    public static RegistrationConnection Open(RegistrationDoor door, PipeReader input, PipeWriter output, RegistrationCall call, ConnectPacket connect, TimeProvider time)
        => new(door, input, output, call, connect.KeepAlive, time);

    /// <inheritdoc/>
    public void Close(CloseReason reason)
    {
        if (Interlocked.CompareExchange(ref _reason, (int)reason, (int)CloseReason.None) != (int)CloseReason.None)
            return;
        _input.CancelPendingRead();
        _output.CancelPendingFlush();
    }

    /// <inheritdoc/>
    public void CheckDeadlines()
    {
        var started = Volatile.Read(ref _writeStarted);
        if (started != 0 && _time.GetElapsedTime(started) > SlowClientTimeout)
            Close(CloseReason.SlowClient);
        else if (_time.GetElapsedTime(Volatile.Read(ref _lastReceived)) > _maxIdle)
            Close(CloseReason.KeepAliveTimeout);
    }

    /// <summary>Serves the connection until it ends.</summary>
    public async Task RunAsync()
    {
        await SendAsync(new ConnackPacket(SessionPresent: false, ConnectReturnCode.Accepted).ToBytes());
        while (Reason == CloseReason.None)
        {
            var result = await _input.ReadAsync();
            if (result.IsCanceled)
                break;
            Volatile.Write(ref _lastReceived, _time.GetTimestamp());
            var rest = await TakeFramesAsync(result.Buffer);
            _input.AdvanceTo(rest.Start, rest.End);
            if (result.IsCompleted)
                Close(CloseReason.ClientGone);
        }
        Close(CloseReason.ClientGone);
    }

    private async ValueTask<ReadOnlySequence<byte>> TakeFramesAsync(ReadOnlySequence<byte> buffer)
    {
        while (Reason == CloseReason.None)
        {
            switch (Frame.TryRead(ref buffer, MaxBody, out var frame))
            {
                case FrameStatus.Incomplete:
                    return buffer;
                case FrameStatus.TooLarge:
                    Fail(CloseReason.PacketTooLarge, $"Keep the body within {RegistrationCall.MaxBodySize} bytes.");
                    return buffer;
                case FrameStatus.Malformed:
                    Fail(CloseReason.MalformedPacket, "Send MQTT 3.1.1 packets as the standard has them.");
                    return buffer;
                default:
                    await TakeAsync(frame.Type, frame.Flags, frame.Body.ToArray());
                    break;
            }
        }
        return buffer;
    }

    private async ValueTask TakeAsync(PacketType type, int flags, byte[] body)
    {
        switch (type)
        {
            case PacketType.Publish:
                await PublishAsync(flags, body);
                break;
            case PacketType.Subscribe when SubscribePacket.TryParse(flags, body, out var subscribe):
                await SubscribeAsync(subscribe);
                break;
            case PacketType.Unsubscribe when UnsubscribePacket.TryParse(flags, body, out var unsubscribe):
                _subscribed &= !unsubscribe.Filters.Contains(RegistrationTopic.Responses, StringComparer.Ordinal);
                await SendAsync(unsubscribe.Unsuback());
                break;
            case PacketType.Pingreq when flags == 0 && body.Length == 0:
                await SendAsync(EmptyPackets.Pingresp);
                break;
            case PacketType.Puback when flags == 0 && PubackPacket.TryParse(body, out _):
                break;
            case PacketType.Disconnect when flags == 0 && body.Length == 0:
                Close(CloseReason.ClientDisconnected);
                break;
            case PacketType.Subscribe or PacketType.Unsubscribe or PacketType.Pingreq or PacketType.Puback or PacketType.Disconnect:
                Fail(CloseReason.MalformedPacket, "Send MQTT 3.1.1 packets as the standard has them.");
                break;
            default:
                Fail(CloseReason.ProtocolViolation, "Behind CONNECT, a registering device subscribes and publishes with quality of service 0 or 1.");
                break;
        }
    }

    private async ValueTask SubscribeAsync(SubscribePacket subscribe)
    {
        var codes = new byte[subscribe.Filters.Count];
        for (var i = 0; i < codes.Length; i++)
        {
            var (filter, qos) = subscribe.Filters[i];
            var known = filter.Equals(RegistrationTopic.Responses, StringComparison.Ordinal);
            _subscribed |= known;
            codes[i] = known ? (byte)Math.Min(qos, 1) : SubscribePacket.Failure;
        }
        await SendAsync(subscribe.Suback(codes));
    }

    private async ValueTask PublishAsync(int flags, byte[] body)
    {
        if (!PublishPacket.TryParse(flags, body, out var publish))
        {
            Fail(CloseReason.MalformedPacket, "Send MQTT 3.1.1 packets as the standard has them.");
            return;
        }
        if (publish.Qos > 1)
        {
            Fail(CloseReason.QosNotSupported, "Publish with quality of service 0 or 1.");
            return;
        }
        if (!RegistrationTopic.TryParse(publish.Topic, out var topic, out var reason))
        {
            Fail(CloseReason.TopicNotAllowed, $"Publish to $dps/registrations/PUT/iotdps-register/?$rid=... or to $dps/registrations/GET/iotdps-get-operationstatus/?$rid=...&operationId=...: {reason}.");
            return;
        }
        var (acknowledge, packetId, payload) = (publish.Qos == 1, publish.PacketId, publish.Payload.ToArray());
        if (acknowledge)
            await SendAsync(Puback(packetId));
        var answer = await AnswerAsync(topic, payload);
        if (_subscribed)
            await SendAsync(PublishPacket.Make(topic.Response(answer.Status, answer.RetryAfter), answer.Body, qos: 1, NextPacketId()));
    }

    private Task<RegistrationAnswer> AnswerAsync(RegistrationTopic topic, byte[] payload)
    {
        var wait = _requests.TryTake();
        if (wait > TimeSpan.Zero)
        {
            var answer = _door.Refuse(_call, new Refusal(ProvisioningErrors.TooManyRequests, $"The connection of {_call} sent requests without a pause", "Wait as long as retry-after says before the next request."));
            return Task.FromResult(answer with { RetryAfter = (int)Math.Ceiling(wait.TotalSeconds) + RandomNumberGenerator.GetInt32(1, 4) });
        }
        return topic.OperationId is { } operation
            ? _door.PollAsync(_call, operation, CancellationToken.None)
            : _door.RegisterAsync(_call, payload, CancellationToken.None);
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> packet)
    {
        Volatile.Write(ref _writeStarted, _time.GetTimestamp());
        var result = await _output.WriteAsync(packet);
        Volatile.Write(ref _writeStarted, 0);
        if (result.IsCompleted)
            Close(CloseReason.ClientGone);
    }

    private void Fail(CloseReason reason, string fix)
    {
        _door.Explain(_call, new Refusal(ProvisioningErrors.BadRequest, $"The MQTT connection of {_call} ended: {reason}", fix));
        Close(reason);
    }

    private ushort NextPacketId() => _packetId = (ushort)(_packetId == ushort.MaxValue ? 1 : _packetId + 1);

    private static byte[] Puback(ushort packetId)
    {
        var packet = new byte[PubackPacket.Size];
        PubackPacket.Write(packet, packetId);
        return packet;
    }
}
