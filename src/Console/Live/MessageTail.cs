using System.Collections.Concurrent;
using Homeport.Contract.Rest;
using Microsoft.Extensions.Logging;

namespace Homeport.WebConsole.Live;

/// <summary>
/// Follows the log for the open pages: one reader for all of them, while there is one. A page gets the newest messages that it asks for
/// and the true count of all, so that a flood neither grows nor slows it.
/// </summary>
public sealed partial class MessageTail(ConsoleServices services, ILogger<MessageTail> logger) : IAsyncDisposable
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<MessageView, bool> _views = new();
    private readonly Lock _lock = new();
    private CancellationTokenSource? _stop;
    private Task _reading = Task.CompletedTask;

    /// <summary>Begins to show messages. Dispose the view to end it.</summary>
    /// <param name="deviceId">Of one device, or null for all.</param>
    public MessageView Open(string? deviceId)
    {
        var view = new MessageView(deviceId, Close);
        lock (_lock)
        {
            _views[view] = true;
            if (_stop is null)
            {
                _stop = new CancellationTokenSource();
                _reading = ReadAllAsync(_stop.Token);
            }
        }
        return view;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        CancellationTokenSource? stop;
        lock (_lock)
        {
            stop = _stop;
            _stop = null;
            _views.Clear();
        }
        if (stop is null)
            return;
        await stop.CancelAsync();
        await _reading;
        stop.Dispose();
    }

    private void Close(MessageView view)
    {
        lock (_lock)
        {
            _views.TryRemove(view, out _);
            if (!_views.IsEmpty || _stop is null)
                return;
            _stop.Cancel();
            _stop.Dispose();
            _stop = null;
        }
    }

    private Task ReadAllAsync(CancellationToken token)
    {
        // Positions are taken before the view is handed out: what comes after is seen.
        var starts = Enumerable.Range(0, services.Messages.PartitionCount).Select(p => (Partition: p, Offset: services.Messages.NextOffset(p))).ToList();
        return Task.WhenAll(starts.Select(s => Task.Run(() => ReadAsync(s.Partition, s.Offset, token), CancellationToken.None)));
    }

    private async Task ReadAsync(int partition, long offset, CancellationToken token)
    {
        while (!token.IsCancellationRequested)
        {
            try
            {
                var page = await services.Messages.ReadAsync(partition, offset, Homeport.Hub.Telemetry.MessageReader.MaxPage, Wait, token);
                offset = page.NextOffset;
                foreach (var (view, _) in _views)
                    view.Take(page.Messages);
            }
            catch (OperationCanceledException) when (token.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogReadFailed(e, partition);
                await Task.Delay(Pause, services.Time, CancellationToken.None);
            }
        }
    }

    [LoggerMessage(EventId = 5001, Level = LogLevel.Error, Message = "The console cannot read partition {Partition}; trying again.")]
    private partial void LogReadFailed(Exception e, int partition);
}

/// <summary>The newest messages for one page.</summary>
public sealed class MessageView : IDisposable
{
    /// <summary>Messages that a page shows at most.</summary>
    public const int Capacity = 100;

    private readonly string? _deviceId;
    private readonly Action<MessageView> _close;
    private readonly Lock _lock = new();
    private readonly Queue<StoredMessage> _newest = new(Capacity);
    private long _count;

    internal MessageView(string? deviceId, Action<MessageView> close) => (_deviceId, _close) = (deviceId, close);

    /// <summary>All messages since it opened, those included that are not kept.</summary>
    public long Count => Interlocked.Read(ref _count);

    /// <summary>The newest first.</summary>
    public IReadOnlyList<StoredMessage> Newest()
    {
        lock (_lock)
            return [.. _newest.Reverse()];
    }

    /// <inheritdoc/>
    public void Dispose() => _close(this);

    internal void Take(IReadOnlyList<StoredMessage> messages)
    {
        lock (_lock)
        {
            foreach (var message in messages)
            {
                if (_deviceId is not null && !string.Equals(message.DeviceId, _deviceId, StringComparison.Ordinal))
                    continue;
                _count++;
                if (_newest.Count == Capacity)
                    _newest.Dequeue();
                _newest.Enqueue(message);
            }
        }
    }
}
