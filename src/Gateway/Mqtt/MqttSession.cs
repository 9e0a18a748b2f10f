using System.Buffers;
using System.Text;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Hub.Telemetry;
using Homeport.Log;
using Homeport.Mqtt;

namespace Homeport.Gateway.Mqtt;

/// <summary>What a connection holds once its device is known: topics, subscriptions, the way into the log.</summary>
internal sealed class MqttSession
{
    private const int StackLimit = 1024;

    private readonly HubDoor _hub;
    private readonly TimeProvider _time;
    private readonly TelemetryTopic _telemetry;
    private readonly LogWriter _writer;
    private readonly HashSet<string> _subscriptions = new(StringComparer.Ordinal);

    private readonly WillMessage? _will;

    public MqttSession(HubDoor hub, AuthenticatedDevice device, WillMessage? will, TimeProvider time)
    {
        _will = will;
        _hub = hub;
        _time = time;
        DeviceId = device.Identity.DeviceId;
        ModuleId = device.Identity.ModuleId;
        Key = device.Identity.Key;
        EndsAt = device.EndsAt;
        _telemetry = new TelemetryTopic(DeviceId, ModuleId);
        _writer = hub.Telemetry.WriterFor(device);
    }

    public string DeviceId { get; }

    public string? ModuleId { get; }

    public string Key { get; }

    /// <summary>When the token ends, or null.</summary>
    public DateTimeOffset? EndsAt { get; }

    /// <summary>False when the log is far behind the devices.</summary>
    public bool HasRoom => _hub.Telemetry.HasRoom(_writer);

    public Task RoomAsync(CancellationToken token) => _hub.Telemetry.RoomAsync(_writer, token);

    public bool TakesMethods => _subscriptions.Contains("$iothub/methods/POST/#");

    public void Invoke(Hub.Methods.MethodRequest request, MqttOutbox outbox) => throw new NotSupportedException();

    public void DesiredChanged(Hub.Twins.DesiredChange change, MqttOutbox outbox) => throw new NotSupportedException();

    public void MessagesWaiting() => throw new NotSupportedException();

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
    public CloseReason Take(PublishPacket publish, MqttOutbox outbox)
    {
        if (publish.Qos == 2)
            return CloseReason.QosNotSupported;
        if (_telemetry.TryMatch(publish.Topic, out var bag))
            return TakeTelemetry(publish, bag, outbox);
        if (!publish.Topic.StartsWith("$iothub/twin/GET/"u8) && !publish.Topic.StartsWith("$iothub/twin/PATCH/properties/reported/"u8)
            && !publish.Topic.StartsWith("$iothub/methods/res/"u8))
        {
            return CloseReason.TopicNotAllowed;
        }
        if (publish.Qos == 1)
            outbox.Puback(publish.PacketId, null);
        AnswerRequest(publish.Topic, outbox);
        return CloseReason.None;
    }

    /// <summary>Notes the filters that are the identity's own, of which there are a handful. Gives a code for each.</summary>
    public byte[] Subscribe(SubscribePacket subscribe)
    {
        var codes = subscribe.Filters.Select(f => SubscriptionRules.Grant(f, DeviceId, ModuleId)).ToArray();
        for (var i = 0; i < codes.Length; i++)
        {
            if (codes[i] != SubscribePacket.Failure)
                _subscriptions.Add(subscribe.Filters[i].Filter);
        }
        return codes;
    }

    public void Unsubscribe(UnsubscribePacket unsubscribe)
    {
        foreach (var filter in unsubscribe.Filters)
            _subscriptions.Remove(filter);
    }

    private CloseReason TakeTelemetry(PublishPacket publish, ReadOnlySpan<byte> bag, MqttOutbox outbox)
    {
        var size = TelemetryTopic.MaxPropertySize(bag);
        byte[]? rented = null;
        var properties = size <= StackLimit ? stackalloc byte[StackLimit] : rented = ArrayPool<byte>.Shared.Rent(size);
        try
        {
            var length = TelemetryTopic.WriteProperties(bag, publish.Retain, properties, out var counted);
            if (!TelemetryIngest.IsWithinLimit(counted, publish.Payload.Length))
                return CloseReason.MessageTooLarge;
            var commit = _hub.Telemetry.Append(_writer, properties[..length], publish.Payload);
            if (publish.Qos == 1)
                outbox.Puback(publish.PacketId, commit);
            return CloseReason.None;
        }
        finally
        {
            if (rented is not null)
                ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Twins are not served yet: the request is answered with an error that SDKs hand to the application.</summary>
    private void AnswerRequest(ReadOnlySpan<byte> topic, MqttOutbox outbox)
    {
        const string Twin = "$iothub/twin/";
        const string RequestId = "?$rid=";
        var text = Encoding.UTF8.GetString(topic);
        var at = text.IndexOf(RequestId, StringComparison.Ordinal);
        if (!text.StartsWith(Twin, StringComparison.Ordinal) || at < 0 || !_subscriptions.Contains("$iothub/twin/res/#"))
            return;
        var refusal = _hub.Explanations.Keep(new Refusal(HubErrors.NotImplementedHere, $"'{Key}' asked for its twin", "This version has no twins."), "mqtt");
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new DeviceErrorBody(refusal.Error.Code, refusal.TrackingId, refusal.Text, _time.GetUtcNow()), Json.Default.DeviceErrorBody);
        var answer = Encoding.UTF8.GetBytes($"$iothub/twin/res/{refusal.Error.HttpStatus}/{text[at..].Split('&')[0]}");
        var packet = new byte[PublishPacket.MaxSize(answer.Length, body.Length)];
        var length = PublishPacket.Write(packet, answer, body, 0, 0);
        outbox.Send(packet.AsMemory(0, length));
    }
}
