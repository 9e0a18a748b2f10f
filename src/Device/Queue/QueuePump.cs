using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Device.Hub;
using Microsoft.Extensions.Logging;

namespace Homeport.Device.Queue;

/// <summary>
/// Sends what a queue holds, in order, and removes what the hub has stored. At most <see cref="MaxOpenChunks"/> chunks are in memory at a time,
/// however many messages wait. After a connection ended it starts again at the oldest message that was not acknowledged.
/// </summary>
internal sealed partial class QueuePump(OutgoingQueue queue, HubSession session, TimeProvider time, ILogger logger)
{
    private const int ChunkMessages = 200;
    private const int ChunkBytes = 128 * 1024;
    private const int MaxOpenChunks = 8;

    private readonly ILogger _logger = logger;
    private readonly Queue<Chunk> _open = new();
    private readonly ExponentialBackoff _pauses = new();
    private long _removed;

    /// <summary>What is being handed to the connection.</summary>
    private (long First, long Last) _sending;

    /// <summary>Up to this number messages go one by one, to find the one that the hub refuses.</summary>
    private long _singlyThrough;

    private int _failures;

    /// <summary>Works until it is stopped.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await SendAsync(await session.GetLinkAsync(cancellationToken), cancellationToken);
            }
            catch (IotHubException e)
            {
                LogTrouble(e.Message);
                await AfterFailureAsync(e);
                await PauseAsync(e, cancellationToken);
            }
            catch (QueueException e)
            {
                // What cannot be removed now is removed with what comes later; what cannot be read is there later.
                LogTrouble(e.Message);
                await PauseAsync(e, cancellationToken);
            }
            finally
            {
                _open.Clear();
            }
        }
    }

    private async Task SendAsync(IHubLink link, CancellationToken cancellationToken)
    {
        var sent = _removed;
        while (true)
        {
            var reading = queue.ReadAsync(sent, sent < _singlyThrough ? 1 : ChunkMessages, ChunkBytes, cancellationToken);
            // Chunks are acknowledged in order, so the oldest one ends first.
            while (_open.TryPeek(out var oldest) && (_open.Count >= MaxOpenChunks || await Task.WhenAny(reading, oldest.Delivery.Stored) != reading))
                await SettleAsync();
            if (await Task.WhenAny(reading, link.Completion) != reading)
                throw await link.Completion;
            var page = await reading;
            _sending = (page[0].Number, page[^1].Number);
            var delivery = await link.SendAsync(page.Select(static queued => queued.Message).ToArray(), cancellationToken);
            _open.Enqueue(new Chunk([.. page.Select(static queued => queued.Number)], delivery));
            sent = _sending.Last;
            _sending = default;
        }
    }

    /// <summary>Waits for the oldest chunk and removes it and all behind it that are stored as well.</summary>
    private async Task SettleAsync()
    {
        if (_open.TryPeek(out var oldest))
            await oldest.Delivery.Stored;
        await RemoveStoredAsync();
    }

    private async Task RemoveStoredAsync()
    {
        var before = _removed;
        while (_open.TryPeek(out var chunk) && chunk.Delivery.Acknowledged is > 0 and var stored)
        {
            _removed = chunk.Numbers[stored - 1];
            if (stored < chunk.Numbers.Length)
                break;
            _open.Dequeue();
        }

        if (_removed == before)
            return;
        _failures = 0;
        await queue.RemoveThroughAsync(_removed);
    }

    private async Task AfterFailureAsync(IotHubException e)
    {
        try
        {
            await RemoveStoredAsync();
            if (e.End is not (HubLinkEnd.Rejected or HubLinkEnd.TooLarge))
                return;
            // AMQP refuses one message: the one behind those that are stored. HTTPS refuses a request with several.
            if (_open.TryPeek(out var chunk))
                await DropAsync(chunk.Numbers[chunk.Delivery.Acknowledged], e);
            else if (_sending.Last > 0)
                await FindRefusedAsync(e);
        }
        catch (QueueException failure)
        {
            LogTrouble(failure.Message);
        }
        finally
        {
            _sending = default;
        }
    }

    private Task FindRefusedAsync(IotHubException e)
    {
        if (_sending.First == _sending.Last)
            return DropAsync(_sending.Last, e);
        _singlyThrough = _sending.Last;
        return Task.CompletedTask;
    }

    /// <summary>A message that the hub will never take must not hold back all others: it is dropped and counted, it alone.</summary>
    private async Task DropAsync(long number, IotHubException e)
    {
        LogRefused(e.Message);
        _removed = number;
        await queue.RemoveThroughAsync(number, isDropped: true);
    }

    private async Task PauseAsync(Exception e, CancellationToken cancellationToken)
    {
        _pauses.ShouldRetry(_failures++, e, out var pause);
        await Task.Delay(pause, time, cancellationToken);
    }

    private sealed record Chunk(long[] Numbers, Delivery Delivery);

    [LoggerMessage(50, LogLevel.Warning, "The queue waits: {Reason}")]
    private partial void LogTrouble(string reason);

    [LoggerMessage(51, LogLevel.Error, "A message is dropped, the hub refuses it: {Reason}")]
    private partial void LogRefused(string reason);
}
