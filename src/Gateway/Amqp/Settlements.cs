using Homeport.Amqp;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;
using Homeport.Log;

namespace Homeport.Gateway.Amqp;

/// <summary>
/// Deliveries that wait until the log has them on the disk, in the order in which they came. When a commit is durable, all that
/// became ready are accepted in one go, neighbours by one disposition.
/// </summary>
/// <remarks>Commits become durable in order, so the first one that is not holds nobody back who could go.</remarks>
internal sealed class Settlements(AmqpClient client) : ICommitWaiter, IThreadPoolWorkItem
{
    private readonly Lock _lock = new();
    private readonly Queue<Waiting> _waiting = new();
    private Commit? _awaited;
    private bool _closed;

    /// <summary>Accepts a delivery as soon as its commit is durable. Called under the connection's lock.</summary>
    /// <param name="link">The link.</param>
    /// <param name="deliveryId">The delivery.</param>
    /// <param name="first">The first commit that has a part of it.</param>
    /// <param name="commit">The last one.</param>
    public void Add(ReceivingLink link, uint deliveryId, Commit first, Commit commit)
    {
        lock (_lock)
        {
            if (_closed)
                return;
            _waiting.Enqueue(new Waiting(link, deliveryId, first, commit));
            if (_waiting.Count == 1 && !Await(commit))
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>Drops what is left.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            _waiting.Clear();
        }
    }

    /// <inheritdoc/>
    void ICommitWaiter.OnCommitted(Commit commit) => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

    /// <inheritdoc/>
    void IThreadPoolWorkItem.Execute()
    {
        using (client.Enter())
        {
            Run run = default;
            while (TryTake(out var next))
            {
                var failed = next.Commit.State == CommitState.Failed || next.First.State == CommitState.Failed;
                if (run.TryExtend(next, failed))
                    continue;
                run.Settle(client);
                run = new Run(next, failed);
            }
            run.Settle(client);
        }
    }

    private bool TryTake(out Waiting next)
    {
        lock (_lock)
        {
            if (!_waiting.TryPeek(out next) || (next.Commit.State == CommitState.Pending && Await(next.Commit)))
                return false;
            _waiting.Dequeue();
            return true;
        }
    }

    /// <summary>Asks to be told. False when the commit is over already.</summary>
    private bool Await(Commit commit)
    {
        if (ReferenceEquals(_awaited, commit))
            return commit.State == CommitState.Pending;
        if (!commit.TryAddWaiter(this))
            return false;
        _awaited = commit;
        return true;
    }

    private readonly record struct Waiting(ReceivingLink Link, uint DeliveryId, Commit First, Commit Commit);

    /// <summary>Deliveries of one link with numbers that follow each other.</summary>
    private struct Run(Waiting first, bool failed)
    {
        private uint _last = first.DeliveryId;

        public bool TryExtend(in Waiting next, bool nextFailed)
        {
            if (!ReferenceEquals(next.Link, first.Link) || next.DeliveryId != _last + 1 || nextFailed != failed)
                return false;
            _last = next.DeliveryId;
            return true;
        }

        public readonly void Settle(AmqpClient client)
        {
            if (first.Link is null)
                return;
            var state = failed
                ? DeliveryState.Reject(client.Refuse(new Refusal(HubErrors.ServerError, "The disk refused the message", "Send it again; look into the server's log.")))
                : DeliveryState.Accepted;
            first.Link.Settle(first.DeliveryId, _last, state);
        }
    }
}
