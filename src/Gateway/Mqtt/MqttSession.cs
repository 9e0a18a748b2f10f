using System.Buffers;
using System.Text;
using Homeport.Hub.Access;
using Homeport.Hub.Faults;
using Homeport.Hub.Limits;
using Homeport.Hub.Live;
using Homeport.Hub.Methods;
using Homeport.Hub.Registry;
using Homeport.Hub.Telemetry;
using Homeport.Hub.Twins;
using Homeport.Log;
using Homeport.Mqtt;
using Microsoft.Extensions.Logging;

namespace Homeport.Gateway.Mqtt;

/// <summary>What a connection holds once its device is known: topics, subscriptions, the way into the log.</summary>
internal sealed class MqttSession
{
    private const int StackLimit = 1024;

    private readonly HubDoor _hub;
    private readonly MqttOutbox _outbox;
    private readonly TelemetryTopic _telemetry;
    private readonly LogWriter _writer;
    private readonly TwinRequests _twin;
    private readonly DeviceThrottle _throttle;
    private readonly TimeProvider _time;
    private TimeSpan _pause;
    private readonly WillMessage? _will;

    public MqttSession(HubDoor hub, AuthenticatedDevice device, ConnectPacket connect, string? modelId, MqttOutbox outbox, TimeProvider time, ILogger logger)
    {
        _will = connect.Will;
        _hub = hub;
        _outbox = outbox;
        DeviceId = device.Identity.DeviceId;
        ModuleId = device.Identity.ModuleId;
        Key = device.Identity.Key;
        EndsAt = device.EndsAt;
        _telemetry = new TelemetryTopic(DeviceId, ModuleId);
        _writer = hub.Telemetry.WriterFor(device, modelId);
        Subscriptions = new Subscriptions(DeviceId, ModuleId, connect.CleanSession ? null : hub.Subscriptions);
        _throttle = hub.Throttles.ForConnection(Key);
        _time = time;
        _twin = new TwinRequests(hub, DeviceId, ModuleId, _throttle, time, logger);
        Messages = new MessageDelivery(hub, DeviceId, ModuleId, Subscriptions, outbox, logger);
    }

    /// <summary>What the client wants to be told.</summary>
    public Subscriptions Subscriptions { get; }

    /// <summary>Messages to the client.</summary>
    public MessageDelivery Messages { get; }

    public string DeviceId { get; }

    public string? ModuleId { get; }

    public string Key { get; }

    /// <summary>When the token ends, or null.</summary>
    public DateTimeOffset? EndsAt { get; }

    /// <summary>False when the log is far behind the devices, or the client far ahead of its answers.</summary>
    public bool HasRoom => _pause == TimeSpan.Zero && _hub.Telemetry.HasRoom(_writer) && _twin.HasRoom;

    /// <summary>Completes when the client may be read again, for one of the reasons; there may be another one.</summary>
    public Task RoomAsync(CancellationToken token)
    {
        if (_pause == TimeSpan.Zero)
            return _twin.HasRoom ? _hub.Telemetry.RoomAsync(_writer, token) : _twin.RoomAsync(token);
        var pause = _pause;
        _pause = TimeSpan.Zero;
        return Task.Delay(pause, _time, token);
    }

    /// <summary>Sends a direct method to the client. False when it does not read.</summary>
    public bool TryInvoke(MethodRequest request)
        => _outbox.TryPost(PublishPacket.Make(Encoding.UTF8.GetBytes($"$iothub/methods/POST/{request.Name}/?$rid={request.Id}"), request.Payload.Span));

    /// <summary>Sends a change of desired properties if the client subscribed to them. False when it does not read.</summary>
    public bool TryTell(DesiredChange change) => !Subscriptions.TakesDesiredPatches || _twin.TrySend(change, _outbox);

    /// <summary>Null when the will can be published in the identity's name, else what is wrong with it.</summary>
    public static string? CheckWill(WillMessage? will, Identity identity)
    {
        if (will is null)
            return null;
        if (will.Qos == 2)
            return "the will has quality of service 2";
        return new TelemetryTopic(identity.DeviceId, identity.ModuleId).TryMatch(Encoding.UTF8.GetBytes(will.Topic), out _) ? null : "the will's topic is not the device's own for telemetry";
    }

    /// <summary>Publishes the will, if there is one, as a message that says what it is.</summary>
    public void PublishWill()
    {
        if (_will is null || !_telemetry.TryMatch(Encoding.UTF8.GetBytes(_will.Topic), out var bag))
            return;
        var properties = new byte[TelemetryTopic.MaxPropertySize(bag) + 64];
        var length = TelemetryTopic.WriteProperties(bag, _will.Retain, properties, out _);
        length += RecordProperties.Write(properties.AsSpan(length), "iothub-MessageType"u8, "Will"u8);
        _hub.Telemetry.Append(_writer, properties.AsSpan(0, length), _will.Body);
    }

    /// <summary>Takes a message or a request. Gives the reason to close, or none.</summary>
    /// <param name="publish">The packet.</param>
    /// <param name="link">The client's connection.</param>
    public CloseReason Take(PublishPacket publish, IDeviceLink link)
    {
        if (publish.Qos == 2)
            return CloseReason.QosNotSupported;
        if (_telemetry.TryMatch(publish.Topic, out var bag))
            return TakeTelemetry(publish, bag, link);
        if (!RequestTopic.TryParse(publish.Topic, out var request))
            return CloseReason.TopicNotAllowed;
        var done = Task.CompletedTask;
        if (request.Kind == RequestKind.MethodResponse)
            _hub.Methods.Answer(link, request.RequestId, request.Status, publish.Payload);
        else
            done = _twin.Serve(request, publish.Payload, Subscriptions.TakesTwinResponses ? _outbox : null);
        if (publish.Qos == 1)
            _outbox.Puback(publish.PacketId, done);
        return CloseReason.None;
    }

    /// <summary>Notes what the client wants to be told, and answers when that is stored.</summary>
    public void Subscribe(SubscribePacket subscribe)
    {
        var (codes, stored) = Subscriptions.Add(subscribe);
        _outbox.Send(subscribe.Suback(codes), stored);
        Start();
    }

    /// <summary>Begins with what the client subscribed to, now or in an earlier connection.</summary>
    public void Start()
    {
        if (Subscriptions.TakesMethods)
            _hub.Methods.Ready(Key);
        Messages.Wake();
    }

    /// <summary>Forgets filters, and answers when that is stored.</summary>
    public void Unsubscribe(UnsubscribePacket unsubscribe) => _outbox.Send(unsubscribe.Unsuback(), Subscriptions.Remove(unsubscribe));

    /// <summary>Looks whether a message orders a fault, or meets one that was ordered. True when it is not stored.</summary>
    private bool TakeFault(FaultInjection faults, ReadOnlySpan<byte> properties, IDeviceLink link, out CloseReason ended)
    {
        ended = CloseReason.None;
        if (FaultOrder.Read(properties) is { } order && faults.Take(Key, FaultProtocol.Mqtt, order) is { } action)
        {
            if (action.Effect == FaultEffect.None)
                return false;
            if (action.After == TimeSpan.Zero)
                ended = CloseReason.FaultOrdered;
            else
                _ = CloseLaterAsync(link, action.After);
            return true;
        }
        if (faults.OnSend(Key) is not { } refusal)
            return false;
        _hub.Explanations.Keep(refusal, "mqtt");
        ended = CloseReason.FaultOrdered;
        return true;
    }

    private async Task CloseLaterAsync(IDeviceLink link, TimeSpan delay)
    {
        await Task.Delay(delay, _time);
        link.Close(CloseReason.FaultOrdered);
    }

    private CloseReason TakeTelemetry(PublishPacket publish, ReadOnlySpan<byte> bag, IDeviceLink link)
    {
        var size = TelemetryTopic.MaxPropertySize(bag);
        byte[]? rented = null;
        var properties = size <= StackLimit ? stackalloc byte[StackLimit] : rented = ArrayPool<byte>.Shared.Rent(size);
        try
        {
            var length = TelemetryTopic.WriteProperties(bag, publish.Retain, properties, out var counted);
            if (!TelemetryIngest.IsWithinLimit(counted, publish.Payload.Length))
                return CloseReason.MessageTooLarge;
            if (_throttle.TakeMessage(counted + publish.Payload.Length, out _pause) is { } throttled)
            {
                _hub.Explanations.Keep(throttled.Refusal, "mqtt");
                return CloseReason.Throttled;
            }
            if (_hub.Faults is { } faults && TakeFault(faults, properties[..length], link, out var ended))
                return ended;
            var commit = _hub.Telemetry.Append(_writer, properties[..length], publish.Payload);
            if (publish.Qos == 1)
                _outbox.Puback(publish.PacketId, commit);
            return CloseReason.None;
        }
        finally
        {
            if (rented is not null)
                ArrayPool<byte>.Shared.Return(rented);
        }
    }
}
