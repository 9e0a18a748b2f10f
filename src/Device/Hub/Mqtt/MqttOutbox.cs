using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Homeport.Mqtt;

namespace Homeport.Device.Hub.Mqtt;

/// <summary>Packets that wait for the socket. What gathers while one write is under way goes out with the next.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle holds nothing, and late callers may still release it.")]
internal sealed class MqttOutbox(MqttTransport transport)
{
    private const int FullBytes = 256 * 1024;

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _work = new(0);
    private ArrayBufferWriter<byte> _filling = new(16 * 1024);
    private ArrayBufferWriter<byte> _writing = new(16 * 1024);
    private TaskCompletionSource? _room;
    private TaskCompletionSource? _flushed;

    /// <summary>Ends when there is room for more messages. Small packets need not ask.</summary>
    public Task RoomAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_filling.WrittenCount < FullBytes)
                return Task.CompletedTask;
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task.WaitAsync(cancellationToken);
        }
    }

    public void Add(ReadOnlySpan<byte> packet)
    {
        lock (_gate)
            _filling.Write(packet);
        _work.Release();
    }

    /// <summary>Adds a PUBLISH. Its identifier is taken in the same order as its place in the stream.</summary>
    public void AddPublish(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> bag, ReadOnlySpan<byte> body, Func<ushort>? takePacketId)
    {
        var rented = ArrayPool<byte>.Shared.Rent(topic.Length + bag.Length);
        topic.CopyTo(rented);
        bag.CopyTo(rented.AsSpan(topic.Length));
        var whole = rented.AsSpan(0, topic.Length + bag.Length);
        lock (_gate)
        {
            var packetId = takePacketId?.Invoke() ?? 0;
            var span = _filling.GetSpan(PublishPacket.MaxSize(whole.Length, body.Length));
            _filling.Advance(PublishPacket.Write(span, whole, body, takePacketId is null ? 0 : 1, packetId));
        }

        ArrayPool<byte>.Shared.Return(rented);
        _work.Release();
    }

    /// <summary>Ends when all that was added until now is written.</summary>
    public Task FlushAsync()
    {
        Task flushed;
        lock (_gate)
        {
            _flushed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            flushed = _flushed.Task;
        }

        _work.Release();
        return flushed;
    }

    /// <summary>Writes until it is stopped.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await _work.WaitAsync(cancellationToken);
            TaskCompletionSource? room;
            TaskCompletionSource? flushed;
            lock (_gate)
            {
                (_filling, _writing) = (_writing, _filling);
                (room, _room) = (_room, null);
                (flushed, _flushed) = (_flushed, null);
            }

            room?.SetResult();
            if (_writing.WrittenCount > 0)
                await transport.WriteAsync(_writing.WrittenMemory, cancellationToken);
            flushed?.SetResult();
            if (_writing.Capacity > 4 * FullBytes)
                _writing = new ArrayBufferWriter<byte>(16 * 1024);
            else
                _writing.ResetWrittenCount();
        }
    }
}
