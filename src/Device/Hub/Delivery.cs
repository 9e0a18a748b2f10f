using Homeport.Device.Client.Errors;

namespace Homeport.Device.Hub;

/// <summary>Messages that were sent together, and how many of them, from the first on, the hub has stored.</summary>
internal sealed class Delivery(int count)
{
    private readonly TaskCompletionSource _stored = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _acknowledged;

    /// <summary>Ends when all are stored; fails with an <see cref="IotHubException"/> when the connection ended before.</summary>
    public Task Stored => _stored.Task;

    /// <summary>Stored so far; those behind may or may not have arrived.</summary>
    public int Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>A delivery that is over.</summary>
    public static Delivery Done(int count)
    {
        var delivery = new Delivery(count);
        delivery.Acknowledge(count);
        return delivery;
    }

    /// <summary>Counts the next ones. After a failure nothing counts any more: what is behind it is not the front.</summary>
    public void Acknowledge(int more = 1)
    {
        if (_stored.Task.IsFaulted)
            return;
        if (Interlocked.Add(ref _acknowledged, more) >= count)
            _stored.TrySetResult();
    }

    public void Fail(Exception failure) => _stored.TrySetException(failure);
}
