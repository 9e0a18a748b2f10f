using Homeport.Hub.Events;
using Homeport.Hub.Registry;
using Microsoft.Extensions.Logging;

namespace Homeport.Hub.Live;

/// <summary>
/// Notes when identities connect, go and are active, and writes that to the registry once a second in one transaction: a
/// thousand devices that connect at once cost one write. A crash loses the last second of it, and no message.
/// </summary>
public sealed partial class ActivityJournal(IIdentityStore store, TimeProvider time, ILogger<ActivityJournal> logger, ConnectionEvents? events = null)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private Dictionary<string, IdentityActivity> _pending = new(StringComparer.Ordinal);

    /// <summary>Notes a connection or its end.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="moduleId">The module, or null.</param>
    /// <param name="lastActivity">When it last sent something; null for now.</param>
    public void NoteConnection(string deviceId, string? moduleId, DateTimeOffset? lastActivity = null)
    {
        var now = time.GetUtcNow();
        lock (_lock)
            _pending[Identity.KeyOf(deviceId, moduleId)] = new IdentityActivity(deviceId, moduleId, now, lastActivity ?? now);
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

    private async Task WriteAsync(CancellationToken token)
    {
        Dictionary<string, IdentityActivity> batch;
        lock (_lock)
        {
            if (_pending.Count == 0)
                return;
            batch = _pending;
            _pending = new Dictionary<string, IdentityActivity>(StringComparer.Ordinal);
        }
        events?.Tell(batch.Values);
        try
        {
            await store.NoteActivityAsync(batch.Values, token);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogWriteFailed(e, batch.Count);
        }
    }

    [LoggerMessage(EventId = 2101, Level = LogLevel.Error, Message = "The connection times of {Count} devices could not be stored.")]
    private partial void LogWriteFailed(Exception e, int count);
}
