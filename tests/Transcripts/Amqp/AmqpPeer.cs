using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Security.Cryptography.X509Certificates;
using Homeport.Gateway.Amqp;

namespace Homeport.Tests.Transcripts.Amqp;

/// <summary>A client's end of one AMQP connection in memory.</summary>
internal sealed class AmqpPeer
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Pipe _toServer = new(new PipeOptions(useSynchronizationContext: false));
    private readonly Pipe _toClient = new(new PipeOptions(useSynchronizationContext: false));
    private readonly Task _running;

    public AmqpPeer(AmqpDoor door, X509Certificate2? certificate = null) => _running = RunAsync(door, certificate);

    public async Task SendAsync(byte[] bytes) => await _toServer.Writer.WriteAsync(bytes).AsTask().WaitAsync(Patience);

    /// <summary>Ends the client's side of the stream.</summary>
    public void Hang() => _toServer.Writer.Complete();

    /// <summary>The server's next header or frame in bytes; empty at the end.</summary>
    public async Task<byte[]> ReceiveAsync()
    {
        while (true)
        {
            var result = await _toClient.Reader.ReadAsync().AsTask().WaitAsync(Patience);
            var size = SizeOf(result.Buffer);
            if (size > 0 && result.Buffer.Length >= size)
            {
                var frame = result.Buffer.Slice(0, size);
                var bytes = System.Buffers.BuffersExtensions.ToArray(frame);
                _toClient.Reader.AdvanceTo(frame.End);
                return bytes;
            }
            _toClient.Reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            if (result.IsCompleted)
                return [];
        }
    }

    /// <summary>Waits for the server to end the connection.</summary>
    public Task EndAsync() => _running.WaitAsync(Patience);

    private static int SizeOf(System.Buffers.ReadOnlySequence<byte> buffer)
    {
        if (buffer.Length < 8)
            return 0;
        Span<byte> start = stackalloc byte[4];
        System.Buffers.BuffersExtensions.CopyTo(buffer.Slice(0, 4), start);
        return start.SequenceEqual("AMQP"u8) ? 8 : BinaryPrimitives.ReadInt32BigEndian(start);
    }

    private async Task RunAsync(AmqpDoor door, X509Certificate2? certificate)
    {
        await door.RunAsync(_toServer.Reader, _toClient.Writer, certificate, remote: null);
        await _toServer.Reader.CompleteAsync();
        await _toClient.Writer.CompleteAsync();
    }
}
