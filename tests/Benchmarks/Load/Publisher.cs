using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Security;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>
/// One connection that keeps a window of QoS 1 publishes in flight. All frames are encoded once; per message it patches
/// a packet id. The window is refilled in bulk: when a read would have to wait and half of the window is free.
/// </summary>
internal sealed class Publisher : IAsyncDisposable
{
    private const uint PubAck = 0x4002_0000;
    private const int MaxPacketId = ushort.MaxValue;
    private readonly SslStream _stream;
    private readonly LatencyHistogram _latencies;
    private readonly byte[] _frames;
    private readonly long[] _sentAt;
    private readonly int _frameLength;
    private readonly int _idOffset;
    private readonly int _window;
    private readonly byte[] _input = new byte[4096];
    private int _inputLength;
    private long _sent;
    private long _acked;
    private volatile bool _stopping;
    private volatile bool _recording;

    public Publisher(SslStream stream, byte[] publish, int window, LatencyHistogram latencies)
    {
        _stream = stream;
        _latencies = latencies;
        _window = window;
        _frameLength = publish.Length;
        _idOffset = MqttPackets.PacketIdOffset(publish);
        _sentAt = new long[window];

        // Twice the window, so that any run of up to one window is contiguous and goes out in one write.
        _frames = new byte[publish.Length * window * 2];
        for (var i = 0; i < window * 2; i++)
            publish.CopyTo(_frames, i * publish.Length);
    }

    /// <summary>Publishes acknowledged so far.</summary>
    public long Acked => Volatile.Read(ref _acked);

    public bool Recording
    {
        get => _recording;
        set => _recording = value;
    }

    public void Stop() => _stopping = true;

    /// <summary>Publishes until <see cref="Stop"/>, then until everything in flight is acknowledged.</summary>
    /// <exception cref="InvalidDataException">The server sent anything but the PUBACK that was due.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await RefillAsync(cancellationToken);
        while (_acked < _sent)
        {
            var read = _stream.ReadAsync(_input.AsMemory(_inputLength), cancellationToken);
            if (!read.IsCompleted && !_stopping)
                await RefillAsync(cancellationToken);

            var count = await read;
            if (count == 0)
                throw new InvalidDataException($"The server closed the connection with {_sent - _acked} publishes in flight.");

            _inputLength += count;
            TakeAcks();
            if (_acked == _sent && !_stopping)
                await RefillAsync(cancellationToken);
        }
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    private ValueTask RefillAsync(CancellationToken cancellationToken)
    {
        var count = _window - (int)(_sent - _acked);
        if (count * 2 < _window)
            return ValueTask.CompletedTask;

        var first = (int)(_sent % _window);
        var now = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            var frame = _frames.AsSpan((first + i) * _frameLength, _frameLength);
            MqttPackets.PatchPacketId(frame, _idOffset, PacketId(_sent + i));
            _sentAt[(first + i) % _window] = now;
        }

        _sent += count;
        return _stream.WriteAsync(_frames.AsMemory(first * _frameLength, count * _frameLength), cancellationToken);
    }

    private void TakeAcks()
    {
        var now = Stopwatch.GetTimestamp();
        var input = _input.AsSpan(0, _inputLength);
        var (acked, runStart, run) = (_acked, 0L, 0);
        while (input.Length >= 4)
        {
            var ack = BinaryPrimitives.ReadUInt32BigEndian(input);
            if (ack != (PubAck | PacketId(acked)) || acked == _sent)
                throw new InvalidDataException($"Expected PUBACK of packet {PacketId(acked)}, got {ack:x8}.");

            var sentAt = _sentAt[acked % _window];
            if (sentAt != runStart)
            {
                Record(now - runStart, run);
                (runStart, run) = (sentAt, 0);
            }

            run++;
            acked++;
            input = input[4..];
        }

        Record(now - runStart, run);
        input.CopyTo(_input);
        _inputLength = input.Length;
        Volatile.Write(ref _acked, acked);
    }

    private void Record(long ticks, int count)
    {
        if (_recording && count > 0)
            _latencies.Add(ticks, count);
    }

    private static ushort PacketId(long sequence) => (ushort)((sequence % MaxPacketId) + 1);
}
