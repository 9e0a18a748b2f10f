using System.IO.Pipelines;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Homeport.Mqtt;

namespace Homeport.Device.Hub;

/// <summary>A TLS connection that carries MQTT packets. Reading is for one reader, writing for one writer at a time.</summary>
internal sealed class MqttTransport : IAsyncDisposable
{
    /// <summary>The largest packet a hub sends: a message of 64 KiB and its topic.</summary>
    private const int MaxBodyBytes = 256 * 1024;

    private readonly SslStream _stream;
    private readonly PipeReader _reader;

    private MqttTransport(SslStream stream)
    {
        _stream = stream;
        _reader = PipeReader.Create(stream);
    }

    /// <summary>Connects TCP and TLS.</summary>
    /// <exception cref="HubConnectionException">There is no connection, or the server is not trusted.</exception>
    public static async Task<MqttTransport> ConnectAsync(HubSenderOptions options, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        SslStream? stream = null;
        try
        {
            await socket.ConnectAsync(options.HostName, options.Port, cancellationToken);
            stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = options.HostName,
                    RemoteCertificateValidationCallback = options.Trust.Validate,
                },
                cancellationToken);
            return new MqttTransport(stream);
        }
        catch (Exception e)
        {
            if (stream is not null)
                await stream.DisposeAsync();
            socket.Dispose();
            throw e switch
            {
                AuthenticationException => new HubConnectionException(
                    HubSenderEnd.Untrusted, $"The certificate of {options.HostName} is not trusted or is for another name. Give the CA file of the hub.", e),
                IOException or SocketException => new HubConnectionException(
                    HubSenderEnd.Lost, $"No connection to {options.HostName}:{options.Port}: {e.Message}", e),
                _ => e,
            };
        }
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => _stream.WriteAsync(bytes, cancellationToken);

    /// <summary>The next packet: its type, flags and body. Null when the server closed the connection.</summary>
    /// <exception cref="HubConnectionException">The bytes are no MQTT packet.</exception>
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
                throw new HubConnectionException(HubSenderEnd.ProtocolError, "The server sent bytes that are no MQTT packet, or one that is too large.");
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
