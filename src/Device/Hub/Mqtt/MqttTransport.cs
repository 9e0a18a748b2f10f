using System.IO.Pipelines;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using Homeport.Device.Client.Errors;
using Homeport.Mqtt;

namespace Homeport.Device.Hub.Mqtt;

/// <summary>A TLS connection or a WebSocket that carries MQTT packets. Reading is for one reader, writing for one writer at a time.</summary>
internal sealed class MqttTransport : IAsyncDisposable
{
    /// <summary>The largest packet a hub sends: a message of 64 KiB and its topic, or a twin.</summary>
    private const int MaxBodyBytes = 512 * 1024;

    private readonly Stream _stream;
    private readonly IDisposable? _owner;
    private readonly PipeReader _reader;

    private MqttTransport(Stream stream, IDisposable? owner)
    {
        _stream = stream;
        _owner = owner;
        _reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 16 * 1024));
    }

    /// <summary>Connects TCP and TLS.</summary>
    /// <exception cref="IotHubException">There is no connection, or the server is not trusted.</exception>
    public static async Task<MqttTransport> ConnectAsync(HubTarget target, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var verdict = new TrustVerdict();
        SslStream? stream = null;
        try
        {
            await socket.ConnectAsync(target.ServerName, target.MqttPort, cancellationToken);
            stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await stream.AuthenticateAsClientAsync(target.TlsOptions(verdict), cancellationToken);
            return new MqttTransport(stream, null);
        }
        catch (Exception e)
        {
            if (stream is not null)
                await stream.DisposeAsync();
            socket.Dispose();
            throw HubConnection.Explain(e, target.ServerName, target.MqttPort, verdict) ?? e;
        }
    }

    /// <summary>Connects a WebSocket on the port of HTTPS.</summary>
    /// <inheritdoc cref="ConnectAsync"/>
    public static async Task<MqttTransport> ConnectWebSocketAsync(HubTarget target, CancellationToken cancellationToken)
    {
        var verdict = new TrustVerdict();
        var handler = new SocketsHttpHandler { SslOptions = target.TlsOptions(verdict), ConnectTimeout = target.ConnectLimit };
        var invoker = new HttpMessageInvoker(handler);
        var socket = new ClientWebSocket();
        try
        {
            socket.Options.AddSubProtocol("mqtt");
            socket.Options.KeepAliveInterval = TimeSpan.Zero;
            await socket.ConnectAsync(new Uri($"wss://{target.ServerName}:{target.HttpsPort}/$iothub/websocket"), invoker, cancellationToken);
            return new MqttTransport(WebSocketStream.Create(socket, WebSocketMessageType.Binary, ownsWebSocket: true), invoker);
        }
        catch (Exception e)
        {
            socket.Dispose();
            invoker.Dispose();
            throw HubConnection.Explain(e, target.ServerName, target.HttpsPort, verdict) ?? e;
        }
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => _stream.WriteAsync(bytes, cancellationToken);

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
        try
        {
            await _stream.DisposeAsync();
        }
        catch (Exception e) when (e is IOException or WebSocketException)
        {
            // The other side was faster.
        }

        _owner?.Dispose();
    }
}
