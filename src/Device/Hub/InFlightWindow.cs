using System.Diagnostics.CodeAnalysis;

namespace Homeport.Device.Hub;

/// <summary>The messages on their way, in the order of sending. Acknowledgements have to come in the same order (MQTT 3.1.1, 4.6).</summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle holds nothing, and late waiters may still leave it.")]
internal sealed class InFlightWindow(int size)
{
    /// <summary>Far below the 65,535 packet identifiers, so that none is used twice at a time.</summary>
    public const int MaxSize = 10_000;

    private readonly SemaphoreSlim _places = new(size, size);
    private readonly Queue<(ushort PacketId, TaskCompletionSource Stored)> _messages = new();
    private readonly Lock _gate = new();
    private ushort _lastPacketId;
    private Exception? _failure;

    public int Count
    {
        get
        {
            lock (_gate)
                return _messages.Count;
        }
    }

    /// <summary>Waits for a place; <see cref="Add"/> or <see cref="Leave"/> has to follow.</summary>
    public Task EnterAsync(CancellationToken cancellationToken) => _places.WaitAsync(cancellationToken);

    public void Leave() => _places.Release();

    public (ushort PacketId, Task Stored) Add()
    {
        lock (_gate)
        {
            _lastPacketId = _lastPacketId == ushort.MaxValue ? (ushort)1 : (ushort)(_lastPacketId + 1);
            var stored = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_failure is null)
                _messages.Enqueue((_lastPacketId, stored));
            else
                stored.SetException(_failure);
            return (_lastPacketId, stored.Task);
        }
    }

    /// <summary>False when this is not the oldest message without acknowledgement.</summary>
    public bool Acknowledge(ushort packetId)
    {
        TaskCompletionSource stored;
        lock (_gate)
        {
            if (!_messages.TryPeek(out var oldest) || oldest.PacketId != packetId)
                return false;
            stored = _messages.Dequeue().Stored;
        }

        stored.SetResult();
        _places.Release();
        return true;
    }

    /// <summary>Fails what is on its way and what comes after.</summary>
    public void Fail(Exception failure)
    {
        List<TaskCompletionSource> left;
        lock (_gate)
        {
            _failure = failure;
            left = [.. _messages.Select(static message => message.Stored)];
            _messages.Clear();
        }

        foreach (var stored in left)
            stored.SetException(failure);
    }
}
