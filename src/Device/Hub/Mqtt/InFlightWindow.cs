using System.Diagnostics.CodeAnalysis;

namespace Homeport.Device.Hub.Mqtt;

/// <summary>The messages on their way, in the order of sending. Acknowledgements have to come in the same order (MQTT 3.1.1, 4.6).</summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle holds nothing, and late waiters may still leave it.")]
internal sealed class InFlightWindow(int size)
{
    /// <summary>Far below the 65,535 packet identifiers, so that none is used twice at a time.</summary>
    public const int MaxSize = 10_000;

    private readonly SemaphoreSlim _places = new(size, size);
    private readonly Queue<(ushort PacketId, Delivery Delivery)> _messages = new();
    private readonly Lock _gate = new();
    private ushort _lastPacketId;
    private Exception? _failure;
    private TaskCompletionSource? _empty;

    public int Count
    {
        get
        {
            lock (_gate)
                return _messages.Count;
        }
    }

    /// <summary>Ends when nothing is on its way any more.</summary>
    public Task WhenEmpty()
    {
        lock (_gate)
        {
            if (_messages.Count == 0)
                return Task.CompletedTask;
            _empty ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _empty.Task;
        }
    }

    /// <summary>Waits for a place; <see cref="Add"/> has to follow.</summary>
    public Task EnterAsync(CancellationToken cancellationToken) => _places.WaitAsync(cancellationToken);

    /// <summary>Takes the next packet identifier. The caller writes the packets in the order of these calls.</summary>
    public ushort Add(Delivery delivery)
    {
        Exception? failure;
        ushort packetId;
        lock (_gate)
        {
            packetId = NextPacketId();
            failure = _failure;
            if (failure is null)
                _messages.Enqueue((packetId, delivery));
        }

        if (failure is not null)
            delivery.Fail(failure);
        return packetId;
    }

    /// <summary>A packet identifier for something else than a message.</summary>
    public ushort TakePacketId()
    {
        lock (_gate)
            return NextPacketId();
    }

    /// <summary>False when this is not the oldest message without acknowledgement.</summary>
    public bool Acknowledge(ushort packetId)
    {
        Delivery delivery;
        TaskCompletionSource? empty = null;
        lock (_gate)
        {
            if (!_messages.TryPeek(out var oldest) || oldest.PacketId != packetId)
                return false;
            delivery = _messages.Dequeue().Delivery;
            if (_messages.Count == 0)
                (empty, _empty) = (_empty, null);
        }

        delivery.Acknowledge();
        empty?.TrySetResult();
        _places.Release();
        return true;
    }

    /// <summary>Fails what is on its way and what comes after.</summary>
    public void Fail(Exception failure)
    {
        List<Delivery> left;
        TaskCompletionSource? empty;
        lock (_gate)
        {
            _failure = failure;
            left = [.. _messages.Select(static message => message.Delivery).Distinct()];
            _messages.Clear();
            (empty, _empty) = (_empty, null);
        }

        foreach (var delivery in left)
            delivery.Fail(failure);
        empty?.TrySetException(failure);
    }

    private ushort NextPacketId() => _lastPacketId = _lastPacketId == ushort.MaxValue ? (ushort)1 : (ushort)(_lastPacketId + 1);
}
