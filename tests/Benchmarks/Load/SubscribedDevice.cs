using System.Buffers;
using System.Buffers.Binary;
using System.Net.Security;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>A connected device that answers each PUBLISH of the server. What one read brought is answered in one write.</summary>
internal sealed class SubscribedDevice : IAsyncDisposable
{
    private const byte PublishType = 0x30;
    private readonly SslStream _stream;
    private readonly FrameReader _reader;
    private readonly ArrayBufferWriter<byte> _output = new(1024);

    private SubscribedDevice(SslStream stream) => (_stream, _reader) = (stream, new FrameReader(stream));

    /// <summary>Writes the answer to a packet.</summary>
    /// <param name="topic">Topic of the packet.</param>
    /// <param name="packetId">Its id, or 0.</param>
    /// <param name="payload">Its payload.</param>
    /// <param name="output">Takes the answer.</param>
    public delegate void Answer(ReadOnlySpan<byte> topic, ushort packetId, ReadOnlySpan<byte> payload, IBufferWriter<byte> output);

    /// <summary>Connects and subscribes.</summary>
    /// <exception cref="InvalidDataException">The subscription was not granted.</exception>
    public static async Task<SubscribedDevice> OpenAsync(TlsEndpoint endpoint, DeviceLogin login, string filter, int qos, CancellationToken cancellationToken)
    {
        var device = new SubscribedDevice(await MqttSession.OpenAsync(endpoint, login, cancellationToken));
        try
        {
            await device._stream.WriteAsync(MqttPackets.Subscribe(filter, qos), cancellationToken);
            await device.TakeGrantAsync(filter, cancellationToken);
            return device;
        }
        catch
        {
            await device.DisposeAsync();
            throw;
        }
    }

    /// <summary>Opens some devices, several at a time.</summary>
    public static async Task<IReadOnlyList<SubscribedDevice>> OpenAllAsync(
        TlsEndpoint endpoint, IReadOnlyList<DeviceLogin> logins, Func<DeviceLogin, string> filter, int qos, CancellationToken cancellationToken)
    {
        const int AtOnce = 8;
        var devices = new SubscribedDevice[logins.Count];
        await Parallel.ForEachAsync(
            Enumerable.Range(0, devices.Length), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
            async (i, token) => devices[i] = await OpenAsync(endpoint, logins[i], filter(logins[i]), qos, token));
        return devices;
    }

    /// <summary>Answers until it is cancelled.</summary>
    /// <exception cref="InvalidDataException">The server closed the connection.</exception>
    public async Task RunAsync(Answer answer, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                while (_reader.TryNext(out var header, out var body))
                    Take(header, body, answer);

                if (_output.WrittenCount > 0)
                {
                    await _stream.WriteAsync(_output.WrittenMemory, cancellationToken);
                    _output.ResetWrittenCount();
                }

                await _reader.ReadAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The way in which the run ends.
            return;
        }
    }

    /// <summary>Sends packets that nothing answers, or whose answers the device counts itself.</summary>
    public ValueTask SendAsync(ReadOnlyMemory<byte> packets, CancellationToken cancellationToken) => _stream.WriteAsync(packets, cancellationToken);

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    private async Task TakeGrantAsync(string filter, CancellationToken cancellationToken)
    {
        while (true)
        {
            while (_reader.TryNext(out var header, out var body))
            {
                if (header != 0x90)
                    continue;
                if (body is not [_, _, 0 or 1])
                    throw new InvalidDataException($"SUBSCRIBE of {filter} was answered with {Convert.ToHexString(body)}.");
                return;
            }

            await _reader.ReadAsync(cancellationToken);
        }
    }

    private void Take(byte header, ReadOnlySpan<byte> body, Answer answer)
    {
        if ((header & 0xF0) != PublishType)
            return;

        var topicLength = BinaryPrimitives.ReadUInt16BigEndian(body);
        var topic = body.Slice(2, topicLength);
        var rest = body[(2 + topicLength)..];
        if ((header & 0x06) == 0)
            answer(topic, 0, rest, _output);
        else
            answer(topic, BinaryPrimitives.ReadUInt16BigEndian(rest), rest[2..], _output);
    }
}
