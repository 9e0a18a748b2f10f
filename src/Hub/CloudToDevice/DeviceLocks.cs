namespace Homeport.Hub.CloudToDevice;

/// <summary>
/// Who holds which message. In memory: a restart unlocks all. A queue costs something only while one of its messages is held.
/// </summary>
internal sealed class DeviceLocks(ICloudToDeviceStore store)
{
    /// <summary>Queues share this many locks, so that thousands of devices hardly meet and a queue without messages has nothing of its own.</summary>
    private const int StripeCount = 64;

    private readonly Stripe[] _stripes = [.. Enumerable.Range(0, StripeCount).Select(_ => new Stripe())];

    /// <summary>Reads and holds the next free messages of a queue.</summary>
    public IReadOnlyList<QueuedMessage> Take(QueueAddress queue, object owner, int max, DateTimeOffset now)
    {
        var key = queue.Key;
        var stripe = StripeOf(key);
        // The read is under the lock: a message that is completed meanwhile is either not read or still held.
        lock (stripe.Gate)
        {
            // Looked at in here: whoever closes a reader then finds all that it holds.
            if (owner is QueueReader { IsClosed: true })
                return [];
            stripe.Queues.TryGetValue(key, out var held);
            var found = store.Read(queue, held?.Cursor ?? 0, held?.ReadSize(max) ?? max, now);
            if (found.Count == 0)
                return [];
            if (held is null)
                stripe.Queues[key] = held = new HeldMessages();
            var taken = new List<QueuedMessage>(Math.Min(found.Count, max));
            foreach (var message in found)
            {
                if (taken.Count == max)
                    break;
                if (held.TryHold(message.Sequence, owner))
                    taken.Add(message);
            }
            return taken;
        }
    }

    public bool IsHeld(QueueAddress queue, long sequence) => With(queue, held => held.IsHeld(sequence));

    public bool IsHeldBy(QueueAddress queue, long sequence, object owner) => With(queue, held => held.IsHeldBy(sequence, owner));

    /// <summary>The messages of an owner in a queue.</summary>
    public long[] HeldBy(QueueAddress queue, object owner) => With(queue, held => held.HeldBy(owner)) ?? [];

    /// <summary>The owners of a kind in a queue.</summary>
    public T[] Owners<T>(QueueAddress queue) => With(queue, held => held.Owners.OfType<T>().ToArray()) ?? [];

    /// <summary>Ends the hold on a message: it is gone, or can be taken again.</summary>
    public void Release(QueueAddress queue, long sequence, bool gone)
    {
        var key = queue.Key;
        var stripe = StripeOf(key);
        lock (stripe.Gate)
        {
            if (!stripe.Queues.TryGetValue(key, out var held))
                return;
            if (gone)
                held.Forget(sequence);
            else
                held.GiveBack(sequence);
            if (held.IsEmpty)
                stripe.Queues.Remove(key);
        }
    }

    private T? With<T>(QueueAddress queue, Func<HeldMessages, T> look)
    {
        var key = queue.Key;
        var stripe = StripeOf(key);
        lock (stripe.Gate)
            return stripe.Queues.TryGetValue(key, out var held) ? look(held) : default;
    }

    private Stripe StripeOf(string key) => _stripes[(uint)string.GetHashCode(key, StringComparison.Ordinal) % StripeCount];

    private sealed class Stripe
    {
        public Lock Gate { get; } = new();

        public Dictionary<string, HeldMessages> Queues { get; } = new(StringComparer.Ordinal);
    }
}
