using Homeport.Amqp;
using Homeport.Amqp.Performatives;
using Homeport.Log;

namespace Homeport.Gateway.Amqp.Events;

/// <summary>
/// Sends the events of a partition to one reader: pages of records are read beside the connection and sent as far as credit and output
/// go. A reader that does not read holds at most a small page.
/// </summary>
internal sealed class EventSender(EventHub hub, AmqpClient client, SendingLink link, int partition, long offset)
    : ISenderHandler, IThreadPoolWorkItem, IDisposable
{
    /// <summary>Bytes of records to read at a time.</summary>
    private const int PageBytes = 128 * 1024;

    /// <summary>The same for readers with little credit, and what a reader without credit may hold.</summary>
    private const int SmallPageBytes = 16 * 1024;

    /// <summary>Credit that is little.</summary>
    private const int LittleCredit = 32;

    /// <summary>Bytes after which other links of the connection get their turn.</summary>
    private const int TurnBytes = 64 * 1024;

    private readonly CancellationTokenSource _stop = new();
    private CancellationToken _stopping;
    private RecordPage? _page;
    private long _offset = offset;
    private bool _running;
    private bool _ended;

    private enum Turn
    {
        /// <summary>There is nothing to do until there is credit or room.</summary>
        Pause,
        /// <summary>The page is sent.</summary>
        Read,
        /// <summary>Others first.</summary>
        Yield,
    }

    /// <summary>The receiver's place; left when the link ends.</summary>
    public IDisposable? Seat { get; set; }

    /// <summary>True when the reader wants to know how far behind it is.</summary>
    public bool WithMetrics { get; init; }

    /// <inheritdoc/>
    public void OnCredit(SendingLink sender)
    {
        if (_running)
        {
            // It waits for the next event: there is none now.
            if (link.Drain && _page is null && _offset >= hub.Log.NextOffset(partition))
                link.CompleteDrain();
            return;
        }
        _running = true;
        _stopping = _stop.Token;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <inheritdoc/>
    public void OnOutcome(SendingLink sender, OutgoingDelivery delivery, DeliveryState? state, bool settled)
    {
        // Whatever the outcome, the reader goes on; where it is, it keeps itself.
        if (!settled)
            link.Settle(delivery, state);
    }

    /// <inheritdoc/>
    public void OnDetached(AmqpLink detached, AmqpError? error)
    {
        _ended = true;
        Seat?.Dispose();
        if (!_running)
            DropPage();
        _ = StopAsync();
    }

    /// <inheritdoc/>
    public void Dispose() => _stop.Dispose();

    /// <inheritdoc/>
    void IThreadPoolWorkItem.Execute() => _ = RunAsync();

    private async Task StopAsync()
    {
        await _stop.CancelAsync();
        Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                var turn = TakeTurn();
                if (turn == Turn.Pause)
                    return;
                if (turn == Turn.Yield)
                {
                    ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                    return;
                }
                var size = link.Credit < LittleCredit ? SmallPageBytes : PageBytes;
                _page = await hub.Log.ReadPageAsync(partition, _offset, size, _stopping);
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            using (client.Enter())
                End();
        }
        catch (Exception e)
        {
            var error = client.Fault(e);
            using (client.Enter())
            {
                End();
                link.Detach(error);
            }
        }
    }

    private Turn TakeTurn()
    {
        using (client.Enter())
        {
            if (_ended)
            {
                End();
                return Turn.Pause;
            }
            var turn = SendPage();
            if (turn == Turn.Pause)
            {
                _running = false;
                if (_page is { Length: > SmallPageBytes } && link.Credit == 0)
                    DropPage();
            }
            return turn;
        }
    }

    /// <summary>Sends what can be sent of the page; under the connection's lock.</summary>
    private Turn SendPage()
    {
        var encoder = EventEncoder.Rent();
        try
        {
            var metrics = WithMetrics ? hub.Log.ExtentOf(partition) : null;
            var now = client.Door.Time.GetUtcNow();
            var settled = link.SenderSettleMode != SenderSettleMode.Unsettled;
            var bytes = 0;
            while (_page is { IsAtEnd: false } page)
            {
                if (!link.CanSend)
                    return Turn.Pause;
                if (bytes >= TurnBytes)
                    return Turn.Yield;
                page.TryRead(out var record);
                var message = encoder.Encode(record, metrics, now);
                bytes += message.Length;
                link.Send(message, settled: settled);
                _offset = page.NextOffset;
            }
        }
        finally
        {
            encoder.Return();
        }
        DropPage();
        if (link.Drain && _offset >= hub.Log.NextOffset(partition))
            link.CompleteDrain();
        return link.CanSend ? Turn.Read : Turn.Pause;
    }

    private void End()
    {
        _running = false;
        DropPage();
    }

    private void DropPage()
    {
        _page?.Dispose();
        _page = null;
    }
}
