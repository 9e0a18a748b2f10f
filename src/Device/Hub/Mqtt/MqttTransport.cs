using System.IO.Pipelines;
using Homeport.Device.Client.Errors;
using Homeport.Mqtt;

namespace Homeport.Device.Hub.Mqtt;

/// <summary>A TLS connection or a WebSocket that carries MQTT packets. Reading is for one reader, writing for one writer at a time.</summary>
internal sealed class MqttTransport : IAsyncDisposable
{
    /// <summary>The largest packet a hub sends: a message of 64 KiB and its topic, or a twin.</summary>
    private const int MaxBodyBytes = 512 * 1024;

    private readonly HubStream _stream;
    private readonly PipeReader _reader;

    private MqttTransport(HubStream stream)
    {
        _stream = stream;
        _reader = PipeReader.Create(stream.Bytes, new StreamPipeReaderOptions(bufferSize: 16 * 1024, leaveOpen: true));
    }

    /// <summary>Connects TCP and TLS, or a WebSocket on the port of HTTPS.</summary>
    /// <exception cref="IotHubException">There is no connection, or the server is not trusted.</exception>
    public static async Task<MqttTransport> ConnectAsync(HubTarget target, bool webSocket, CancellationToken cancellationToken)
        => new(webSocket
            ? await HubStream.ConnectWebSocketAsync(target, "mqtt", cancellationToken)
            : await HubStream.ConnectAsync(target, target.MqttPort, cancellationToken));

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => _stream.Bytes.WriteAsync(bytes, cancellationToken);

    /// <summary>The next packet: its type, flags and body. Null when the server closed the connection.</summary>
    /// <exception cref="IotHubException">The bytes are no MQTT packet.</exception>
    public async ValueTask<(PacketType Type, int Flags, byte[] Body)?> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = await _reader.ReadAsync(cancellationToken);
            var buffer = result.Buffer;
            var status = Frame.TryRead(ref buffer, MaxBodyBytes, out var frame);
            if (status == FrameStatus.Complete)
            {
                var body = new byte[frame.Body.Length];
                var at = 0;
                foreach (var part in frame.Body)
                {
                    part.Span.CopyTo(body.AsSpan(at));
                    at += part.Length;
                }

                _reader.AdvanceTo(buffer.Start);
                return (frame.Type, frame.Flags, body);
            }

            if (status != FrameStatus.Incomplete)
                throw IotHubException.Of(HubLinkEnd.ProtocolError, "The server sent bytes that are no MQTT packet, or one that is too large.");
            if (result.IsCompleted)
                return null;
            _reader.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _reader.CompleteAsync();
        await _stream.DisposeAsync();
    }
}
