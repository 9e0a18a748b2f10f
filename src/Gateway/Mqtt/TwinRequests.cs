using System.Globalization;
using System.Text;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Limits;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Mqtt;
using Microsoft.Extensions.Logging;

namespace Homeport.Gateway.Mqtt;

/// <summary>The twin of a connected client: its requests and their answers, and the changes of its desired properties.</summary>
internal sealed partial class TwinRequests(HubDoor hub, string deviceId, string? moduleId, DeviceThrottle throttle, TimeProvider time, ILogger logger)
{
    /// <summary>Requests that a client may have under way; with more it is read no further.</summary>
    private const int MaxInFlight = 16;

    private readonly Lock _lock = new();
    private int _inFlight;
    private TaskCompletionSource? _room;
    private Task _last = Task.CompletedTask;
    private long _sentVersion;

    /// <summary>False when the client has to wait for answers.</summary>
    public bool HasRoom => Volatile.Read(ref _inFlight) < MaxInFlight;

    /// <summary>Completes when a request is done.</summary>
    public Task RoomAsync(CancellationToken token)
    {
        lock (_lock)
        {
            if (HasRoom)
                return Task.CompletedTask;
            return (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task.WaitAsync(token);
        }
    }

    /// <summary>Serves a request; its answer goes to the outbox, behind those of the requests before. The task completes when it is done.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="payload">A patch; copied.</param>
    /// <param name="outbox">Where the answer goes, or null for a client that cannot get one.</param>
    public Task Serve(RequestTopic request, ReadOnlySpan<byte> payload, MqttOutbox? outbox)
    {
        var copy = payload.ToArray();
        lock (_lock)
        {
            _inFlight++;
            return _last = ServeAsync(request, copy, outbox, _last);
        }
    }

    /// <summary>Sends a change of desired properties, unless the client has seen it in a whole twin.</summary>
    /// <returns>False when the client does not read.</returns>
    public bool TrySend(DesiredChange change, MqttOutbox outbox)
        => change.Version <= Interlocked.Read(ref _sentVersion)
            || outbox.TryPost(Packet(string.Create(CultureInfo.InvariantCulture, $"$iothub/twin/PATCH/properties/desired/?$version={change.Version}"), change.Body.Span));

    private async Task ServeAsync(RequestTopic request, byte[] payload, MqttOutbox? outbox, Task before)
    {
        byte[] answer;
        try
        {
            answer = request.Kind == RequestKind.GetTwin ? await GetAsync(request) : await PatchAsync(request, payload);
        }
        catch (Exception e)
        {
            LogFault(e, Identity.KeyOf(deviceId, moduleId));
            answer = Refuse(request, new Refusal(HubErrors.ServerError, "A fault of the server", "Look for the tracking id in the server's log."));
        }
        await before;
        if (outbox?.TryPost(answer) == false)
            outbox.GiveUp();
        TaskCompletionSource? room;
        lock (_lock)
        {
            _inFlight--;
            (room, _room) = (_room, null);
        }
        room?.TrySetResult();
    }

    private async Task<byte[]> GetAsync(RequestTopic request)
    {
        if (throttle.TakeTwinRead() is { } throttled)
            return Refuse(request, throttled.Refusal);
        if (!(await hub.Twins.GetAsync(deviceId, moduleId, CancellationToken.None)).Succeeded(out var twin, out var refusal))
            return Refuse(request, refusal);
        Interlocked.Exchange(ref _sentVersion, twin.Desired.Version);
        return Answer(request, 200, "", twin.ForDevice());
    }

    private async Task<byte[]> PatchAsync(RequestTopic request, byte[] payload)
    {
        if (throttle.TakeTwinUpdate() is { } throttled)
            return Refuse(request, throttled.Refusal);
        var outcome = await hub.Twins.ReportAsync(deviceId, moduleId, payload, CancellationToken.None);
        return outcome.Succeeded(out var twin, out var refusal)
            ? Answer(request, 204, string.Create(CultureInfo.InvariantCulture, $"&$version={twin.Reported.Version}"), default)
            : Refuse(request, refusal);
    }

    /// <summary>One of the SDKs sees an error only in a body with code and message.</summary>
    private byte[] Refuse(RequestTopic request, Refusal refusal)
    {
        hub.Explanations.Keep(refusal, "mqtt", deviceId);
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new DeviceErrorBody(refusal.Error.Code, refusal.TrackingId, refusal.Text, time.GetUtcNow()), Json.Default.DeviceErrorBody);
        return Answer(request, refusal.Error.HttpStatus, "", body);
    }

    private static byte[] Answer(RequestTopic request, int status, string more, ReadOnlySpan<byte> body)
        => Packet(string.Create(CultureInfo.InvariantCulture, $"$iothub/twin/res/{status}/?$rid={request.RequestId}{more}"), body);

    private static byte[] Packet(string topic, ReadOnlySpan<byte> body) => PublishPacket.Make(Encoding.UTF8.GetBytes(topic), body);

    [LoggerMessage(EventId = 3011, Level = LogLevel.Error, Message = "A twin request of {Key} failed.")]
    private partial void LogFault(Exception e, string key);
}
