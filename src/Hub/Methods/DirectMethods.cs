using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Homeport.Contract.Errors;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;

namespace Homeport.Hub.Methods;

/// <summary>Direct methods: calls that wait for the answer of a connected device. Nothing of them is stored.</summary>
public sealed class DirectMethods(LiveConnections live, IdentityRegistry registry, TimeProvider time)
{
    /// <summary>Largest payload of a call and of an answer, in bytes.</summary>
    public const int MaxPayload = 128 * 1024;

    /// <summary>Calls that one device may have under way.</summary>
    public const int MaxInFlight = 128;

    private const int MaxName = 128;
    private static readonly SearchValues<char> NotInTopics = SearchValues.Create("/?&#+\0");
    private static readonly TimeSpan MinResponse = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(300);

    private readonly ConcurrentDictionary<string, Pending> _pending = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<IDeviceLink, int> _inFlight = new();
    private readonly Awaited _awaited = new();
    private long _lastId;

    /// <summary>Calls a method of a device (no module) or a module and waits for its answer.</summary>
    public async Task<Outcome<MethodResult>> InvokeAsync(string deviceId, string? moduleId, MethodCall call, CancellationToken token)
    {
        if (Check(call) is { } bad)
            return bad;
        var key = Identity.KeyOf(deviceId, moduleId);
        var link = await FindAsync(key, call.ConnectTimeout, token);
        if (link is null)
            return await ExplainOfflineAsync(deviceId, moduleId, call, token);

        var pending = new Pending(Interlocked.Increment(ref _lastId).ToString("x", CultureInfo.InvariantCulture), link);
        if (_inFlight.AddOrUpdate(link, 1, static (_, count) => count + 1) > MaxInFlight)
        {
            EndCall(link);
            return new Refusal(HubErrors.DeviceMaximumInflightMethodExceeded, $"'{key}' has {MaxInFlight} calls under way", "Wait for an answer before the next call.");
        }
        _pending[pending.Id] = pending;
        try
        {
            return await CallAsync(pending, call, token);
        }
        finally
        {
            _pending.TryRemove(pending.Id, out _);
            EndCall(link);
        }
    }

    /// <summary>Takes a device's answer. One that nobody waits for, or that another device was asked for, is dropped.</summary>
    /// <param name="link">The connection that it came by.</param>
    /// <param name="id">Id of the request.</param>
    /// <param name="status">The application's status.</param>
    /// <param name="payload">JSON in UTF-8, or nothing.</param>
    public void Answer(IDeviceLink link, string id, int status, ReadOnlySpan<byte> payload)
    {
        if (_pending.TryGetValue(id, out var pending) && ReferenceEquals(pending.Link, link))
            pending.Completion.TrySetResult(Read(pending, status, payload));
    }

    /// <summary>Wakes the calls that wait for this identity: it is connected now and takes methods.</summary>
    public void Ready(string key) => _awaited.Set(key);

    /// <summary>Ends the calls that a connection cannot answer any more.</summary>
    public void Ended(IDeviceLink link)
    {
        if (!_inFlight.ContainsKey(link))
            return;
        foreach (var (_, pending) in _pending)
        {
            if (ReferenceEquals(pending.Link, link))
            {
                pending.Completion.TrySetResult(new Refusal(HubErrors.DeviceConnectionClosedRemotely, $"'{link.Key}' got the call and disconnected before it answered",
                    "Call again if the method may run twice."));
            }
        }
    }

    private async Task<Outcome<MethodResult>> CallAsync(Pending pending, MethodCall call, CancellationToken token)
    {
        pending.Link.Invoke(new MethodRequest(pending.Id, call.Name, call.Payload));
        // It may have ended between the look-up and the entry into the table.
        if (!live.TryGet(pending.Link.Key, out var now) || !ReferenceEquals(now, pending.Link))
            Ended(pending.Link);
        try
        {
            return await pending.Completion.Task.WaitAsync(call.ResponseTimeout, time, token);
        }
        catch (TimeoutException)
        {
            return new Refusal(HubErrors.GatewayTimeout, $"'{pending.Link.Key}' did not answer the method '{call.Name}' in {call.ResponseTimeout.TotalSeconds} seconds",
                "Let the device answer sooner, or set responseTimeoutInSeconds higher (at most 300).");
        }
    }

    /// <summary>The connection of an identity that takes methods; waits for one that is not there yet.</summary>
    private async Task<IDeviceLink?> FindAsync(string key, TimeSpan wait, CancellationToken token)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            if (live.TryGet(key, out var link) && link.TakesMethods)
                return link;
            var left = wait - time.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
                return null;
            var signal = _awaited.Enter(key);
            try
            {
                // It may have come before the signal was there.
                if (live.TryGet(key, out link) && link.TakesMethods)
                    return link;
                await signal.WaitAsync(left, time, token);
            }
            catch (TimeoutException)
            {
                return null;
            }
            finally
            {
                _awaited.Leave(key);
            }
        }
    }

    private void EndCall(IDeviceLink link)
    {
        var left = _inFlight.AddOrUpdate(link, 0, static (_, count) => count - 1);
        if (left == 0)
            _inFlight.TryRemove(new KeyValuePair<IDeviceLink, int>(link, 0));
    }

    private async Task<Refusal> ExplainOfflineAsync(string deviceId, string? moduleId, MethodCall call, CancellationToken token)
    {
        if (!(await registry.GetAsync(deviceId, moduleId, token)).Succeeded(out var identity, out var unknown))
            return unknown;
        var key = identity.Key;
        if (!identity.Enabled)
            return new Refusal(HubErrors.DeviceNotFound, $"Device '{deviceId}' is disabled", "Enable it in the registry.");
        var waited = call.ConnectTimeout > TimeSpan.Zero ? $", also after {call.ConnectTimeout.TotalSeconds} seconds" : "";
        if (live.IsConnected(key))
            return new Refusal(HubErrors.DeviceNotOnline, $"'{key}' is connected, but does not listen for methods{waited}", "Let the device subscribe to methods: in an SDK, set a method handler.");
        if (identity.ConnectionTime is not { } since)
            return new Refusal(HubErrors.DeviceNotOnline, $"'{key}' has never been connected{waited}", "Check the device's connection string and network; then call again.");
        return new Refusal(HubErrors.DeviceNotOnline, string.Create(CultureInfo.InvariantCulture, $"'{key}' is offline since {since:yyyy-MM-dd'T'HH:mm:ss}Z{waited}"),
            "Call again when it is connected, or set connectTimeoutInSeconds (at most 300) to wait for it.");
    }

    /// <summary>Null when a call may be made; else what is wrong with it.</summary>
    internal static Refusal? Check(MethodCall call)
    {
        if (call.Name.Length is 0 or > MaxName || call.Name.AsSpan().IndexOfAny(NotInTopics) >= 0 || Encoding.UTF8.GetByteCount(call.Name) > 4 * MaxName)
            return Invalid("methodName is empty, too long or has a character that cannot stand in a topic", $"Use 1 to {MaxName} characters without / ? & # +.");
        if (call.ResponseTimeout < MinResponse || call.ResponseTimeout > MaxWait)
            return Invalid($"responseTimeoutInSeconds is {call.ResponseTimeout.TotalSeconds}", "Use 5 to 300.");
        if (call.ConnectTimeout < TimeSpan.Zero || call.ConnectTimeout > MaxWait)
            return Invalid($"connectTimeoutInSeconds is {call.ConnectTimeout.TotalSeconds}", "Use 0 to 300.");
        if (call.Payload.Length > MaxPayload)
            return new Refusal(HubErrors.MessageTooLarge, $"The payload has {call.Payload.Length} bytes", $"Send at most {MaxPayload} bytes.");
        return Utf8.IsValid(call.Payload.Span) ? null : Invalid("The payload is no UTF-8", "Send JSON in UTF-8.");
    }

    private static Outcome<MethodResult> Read(Pending pending, int status, ReadOnlySpan<byte> payload)
    {
        if (payload.Length > MaxPayload)
            return new Refusal(HubErrors.BadDeviceResponse, $"'{pending.Link.Key}' answered with {payload.Length} bytes", $"Let the device answer with at most {MaxPayload} bytes.");
        return payload.IsEmpty || IsJson(payload)
            ? new MethodResult(status, payload.ToArray())
            : new Refusal(HubErrors.BadDeviceResponse, $"'{pending.Link.Key}' answered with a payload that is no JSON", "Let the device answer with a JSON value, or with nothing.");
    }

    private static bool IsJson(ReadOnlySpan<byte> payload)
    {
        // The reader looks at the bytes of a text only when the text is asked for.
        if (!Utf8.IsValid(payload))
            return false;
        var reader = new Utf8JsonReader(payload);
        try
        {
            // TrySkip reads one whole value, to its end.
            return reader.Read() && reader.TrySkip() && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static Refusal Invalid(string seen, string fix) => new(HubErrors.ArgumentInvalid, seen, fix);

    private sealed record Pending(string Id, IDeviceLink Link)
    {
        public TaskCompletionSource<Outcome<MethodResult>> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
