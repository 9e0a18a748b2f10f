namespace Homeport.Hub.CloudToDevice;

/// <summary>
/// Reads a queue for a connection. What it takes is held until it is answered or the reader is closed, without a time limit.
/// Calls may come from several threads.
/// </summary>
public sealed class QueueReader
{
    private readonly CloudToDeviceMessages _messages;
    private readonly QueueAddress _queue;
    private bool _closed;

    internal QueueReader(CloudToDeviceMessages messages, QueueAddress queue)
    {
        _messages = messages;
        _queue = queue;
    }

    /// <summary>True once it takes no more.</summary>
    internal bool IsClosed => Volatile.Read(ref _closed);

    /// <summary>Takes the next messages that nobody holds, in their order; none when there are none or the reader is closed.</summary>
    public IReadOnlyList<QueuedMessage> Take(int max) => max <= 0 ? [] : _messages.Take(_queue, this, max);

    /// <summary>The device has the message. Durable when the task ends; false when this reader does not hold it or it is gone.</summary>
    public Task<bool> CompleteAsync(long sequence) => _messages.SettleAsync(_queue, sequence, this, MessageOutcome.Success);

    /// <summary>The device does not want the message, ever. False when this reader does not hold it or it is gone.</summary>
    public Task<bool> RejectAsync(long sequence) => _messages.SettleAsync(_queue, sequence, this, MessageOutcome.Rejected);

    /// <summary>Puts the message back in its place, with one more delivery. False when this reader does not hold it or it is gone.</summary>
    public Task<bool> AbandonAsync(long sequence) => _messages.SettleAsync(_queue, sequence, this, null);

    /// <summary>Puts back all that was not answered, with one more delivery each. Durable when the task ends.</summary>
    public Task CloseAsync()
    {
        Volatile.Write(ref _closed, true);
        return _messages.AbandonAllAsync(_queue, this);
    }
}
