using System.Net;
using Homeport.Hub.Events;
using Homeport.Hub.Registry;
using Microsoft.Extensions.Logging;

namespace Homeport.Hub.Live;

/// <summary>
/// Notes when identities connect, go and are active, and writes that once a second, to the registry and to their history: a
/// thousand devices that connect at once cost one write. A crash loses the last second of it, and no message.
/// </summary>
public sealed partial class ActivityJournal(IIdentityStore store, TimeProvider time, ILogger<ActivityJournal> logger, ConnectionEvents? events = null, IConnectionStore? history = null)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private Dictionary<string, IdentityActivity> _pending = new(StringComparer.Ordinal);
    private List<ConnectionNote> _notes = [];

    /// <summary>Notes a connection.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="moduleId">The module, or null.</param>
    /// <param name="protocol">As the log has it.</param>
    /// <param name="address">Where it comes from, or null.</param>
    public void NoteOpened(string deviceId, string? moduleId, string protocol, IPAddress? address)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            _pending[Identity.KeyOf(deviceId, moduleId)] = new IdentityActivity(deviceId, moduleId, now, now);
            _notes.Add(new ConnectionNote(deviceId, moduleId, now, protocol, Text(address), CloseReason.None));
        }
    }

    /// <summary>Notes the end of a connection.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="moduleId">The module, or null.</param>
    /// <param name="protocol">As the log has it.</param>
    /// <param name="address">Where it came from, or null.</param>
    /// <param name="reason">Why it ended.</param>
    /// <param name="lastActivity">When it last sent something; null when a newer connection took its place.</param>
    public void NoteClosed(string deviceId, string? moduleId, string protocol, IPAddress? address, CloseReason reason, DateTimeOffset? lastActivity)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            if (lastActivity is { } last)
                _pending[Identity.KeyOf(deviceId, moduleId)] = new IdentityActivity(deviceId, moduleId, now, last);
            _notes.Add(new ConnectionNote(deviceId, moduleId, now, protocol, Text(address), reason));
        }
    }

    /// <summary>Notes that an identity without a connection did something, as over HTTPS.</summary>
    public void NoteActivity(string deviceId, string? moduleId)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            var key = Identity.KeyOf(deviceId, moduleId);
            _pending[key] = _pending.TryGetValue(key, out var noted) ? noted with { LastActivity = now } : new IdentityActivity(deviceId, moduleId, null, now);
        }
    }

    /// <summary>Writes until stopped, and then once more.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
                await WriteAsync(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await WriteAsync(CancellationToken.None);
        }
    }

    // Sockets for both families show IPv4 inside IPv6.
    private static string? Text(IPAddress? address) => (address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address)?.ToString();

    private async Task WriteAsync(CancellationToken token)
    {
        Dictionary<string, IdentityActivity> batch;
        List<ConnectionNote> notes;
        lock (_lock)
        {
            if (_pending.Count == 0 && _notes.Count == 0)
                return;
            (batch, notes) = (_pending, _notes);
            (_pending, _notes) = (new Dictionary<string, IdentityActivity>(StringComparer.Ordinal), []);
        }
        events?.Tell(batch.Values);
        try
        {
            await store.NoteActivityAsync(batch.Values, token);
            if (history is not null && notes.Count > 0)
                await history.AddAsync(notes, token);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogWriteFailed(e, batch.Count);
        }
    }

    [LoggerMessage(EventId = 2101, Level = LogLevel.Error, Message = "The connection times of {Count} devices could not be stored.")]
    private partial void LogWriteFailed(Exception e, int count);
}
