using System.Text;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Hub.CloudToDevice;

namespace Homeport.Gateway.Amqp.Services;

/// <summary>
/// Sends feedback or file notifications to a service. Each message is a locked batch of the queue until the service gave it an outcome; a
/// link that ends gives its batches back. The delivery tag is the lock token: 16 bytes, since one of the SDKs makes a GUID of it.
/// </summary>
internal sealed class ServiceBoundSender(AmqpClient client, SendingLink link, ServiceBoundSource source)
    : ISenderHandler, IThreadPoolWorkItem, IDisposable
{
    /// <summary>Batches that the service may have without an outcome, whatever its credit.</summary>
    private const int Window = 16;

    private static readonly TimeSpan PollTime = TimeSpan.FromMilliseconds(250);

    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<string> _held = new(StringComparer.Ordinal);
    private CancellationToken _stopping;
    private bool _running;

    /// <inheritdoc/>
    public void OnCredit(SendingLink sender)
    {
        if (_running)
            return;
        _running = true;
        _stopping = _stop.Token;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <inheritdoc/>
    public void OnOutcome(SendingLink sender, OutgoingDelivery delivery, DeliveryState? state, bool settled)
    {
        _held.Remove((string)delivery.Context!);
        _ = SettleAsync(delivery, state ?? DeliveryState.Released, settled);
    }

    /// <inheritdoc/>
    public void OnDetached(AmqpLink detached, AmqpError? error)
    {
        string[] left = [.. _held];
        _held.Clear();
        _ = GiveBackAsync(left);
    }

    /// <inheritdoc/>
    public void Dispose() => _stop.Dispose();

    /// <inheritdoc/>
    void IThreadPoolWorkItem.Execute() => _ = RunAsync();

    private async Task RunAsync()
    {
        try
        {
            // Asked once in a while and not waited for: a record must not be taken for a reader whose credit went away meanwhile.
            while (WantsMore(out var gather))
            {
                if (await source.Queue.ReceiveAsync(source.IsArray ? ServiceBoundQueue.MaxBatch : 1, _stopping, gather) is { } batch)
                    await SendAsync(batch);
                else if (!Drained())
                    await Task.Delay(PollTime, client.Door.Time, _stopping);
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The link is over.
        }
        catch (Exception e)
        {
            var error = client.Fault(e);
            using (client.Enter())
                link.Detach(error);
        }
    }

    /// <summary>A service that drains wants what there is.</summary>
    private bool WantsMore(out TimeSpan gather)
    {
        using (client.Enter())
        {
            gather = source.IsArray && !link.Drain ? ServiceBoundQueue.GatherTime : TimeSpan.Zero;
            return _running = link.CanSend && link.Unsettled < Window;
        }
    }

    private bool Drained()
    {
        using (client.Enter())
        {
            if (!link.Drain)
                return false;
            link.CompleteDrain();
            return true;
        }
    }

    private async Task SendAsync(ServiceBoundBatch batch)
    {
        var message = Encode(batch);
        var settled = link.SenderSettleMode == SenderSettleMode.Settled;
        bool sent;
        using (client.Enter())
        {
            sent = link.Send(message, Guid.Parse(batch.LockToken).ToByteArray(), settled, context: batch.LockToken) is not null;
            if (sent && !settled)
                _held.Add(batch.LockToken);
        }
        // What is sent settled has been delivered with that; what could not be sent goes back.
        if (!sent)
            await source.Queue.AbandonAsync(batch.LockToken, CancellationToken.None);
        else if (settled)
            await source.Queue.CompleteAsync(batch.LockToken, CancellationToken.None);
    }

    private byte[] Encode(ServiceBoundBatch batch) => new AmqpMessage
    {
        MessageAnnotations = new AmqpMap { ["iothub-enqueuedtime"] = batch.EnqueuedTime, ["x-opt-lock-token"] = batch.LockToken },
        Properties = new MessageProperties
        {
            MessageId = batch.LockToken,
            UserId = Encoding.UTF8.GetBytes(source.HubName),
            ContentType = source.ContentType,
            ContentEncoding = "utf-8",
        },
        Data = [Encoding.UTF8.GetBytes(source.IsArray ? batch.ToJsonArray() : batch.Records[0].Payload)],
    }.ToBytes();

    private async Task SettleAsync(OutgoingDelivery delivery, DeliveryState state, bool settled)
    {
        var token = (string)delivery.Context!;
        try
        {
            var refusal = state.Kind switch
            {
                DeliveryStateKind.Accepted => await source.Queue.CompleteAsync(token, CancellationToken.None),
                DeliveryStateKind.Rejected => await source.Queue.RejectAsync(token, CancellationToken.None),
                _ => await source.Queue.AbandonAsync(token, CancellationToken.None),
            };
            if (refusal is not null)
                state = DeliveryState.Reject(client.Refuse(refusal));
        }
        catch (Exception e)
        {
            // It stays in the queue, and comes again when its lock ends.
            state = DeliveryState.Reject(client.Fault(e));
        }
        using (client.Enter())
        {
            // A client that settles second waits for this, and it waits for the disk.
            if (!settled)
                link.Settle(delivery, state);
            if (link.Credit > 0)
                OnCredit(link);
        }
    }

    private async Task GiveBackAsync(string[] tokens)
    {
        try
        {
            await _stop.CancelAsync();
            Dispose();
            foreach (var token in tokens)
                await source.Queue.AbandonAsync(token, CancellationToken.None);
        }
        catch (Exception e)
        {
            // Their locks end by themselves.
            client.Fault(e);
        }
    }
}
