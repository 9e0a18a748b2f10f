using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using Homeport.Device.Client.Errors;

namespace Homeport.Device.Hub;

/// <summary>Bytes to a server and back, over TLS or by WebSocket, whatever protocol they carry.</summary>
internal sealed class HubStream : IAsyncDisposable
{
    private readonly IDisposable? _owner;

    private HubStream(Stream bytes, IDisposable? owner) => (Bytes, _owner) = (bytes, owner);

    /// <summary>For one reader and one writer at a time.</summary>
    public Stream Bytes { get; }

    /// <summary>Connects TCP and TLS.</summary>
    /// <exception cref="IotHubException">There is no connection, or the server is not trusted.</exception>
    public static async Task<HubStream> ConnectAsync(HubTarget target, int port, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var verdict = new TrustVerdict();
        SslStream? stream = null;
        try
        {
            await socket.ConnectAsync(target.ServerName, port, cancellationToken);
            stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await stream.AuthenticateAsClientAsync(target.TlsOptions(verdict), cancellationToken);
            return new HubStream(stream, null);
        }
        catch (Exception e)
        {
            if (stream is not null)
                await stream.DisposeAsync();
            socket.Dispose();
            throw HubConnection.Explain(e, target.ServerName, port, verdict) ?? e;
        }
    }

    /// <summary>Connects a WebSocket on the port of HTTPS.</summary>
    /// <param name="target">The server.</param>
    /// <param name="subProtocol">What it carries: <c>mqtt</c> or <c>AMQPWSB10</c>.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="IotHubException">There is no connection, or the server is not trusted.</exception>
    public static async Task<HubStream> ConnectWebSocketAsync(HubTarget target, string subProtocol, CancellationToken cancellationToken)
    {
        var verdict = new TrustVerdict();
        var handler = new SocketsHttpHandler { SslOptions = target.TlsOptions(verdict), ConnectTimeout = target.ConnectLimit };
        var invoker = new HttpMessageInvoker(handler);
        var socket = new ClientWebSocket();
        try
        {
            socket.Options.AddSubProtocol(subProtocol);
            socket.Options.KeepAliveInterval = TimeSpan.Zero;
            await socket.ConnectAsync(new Uri($"wss://{target.ServerName}:{target.HttpsPort}/$iothub/websocket"), invoker, cancellationToken);
            return new HubStream(WebSocketStream.Create(socket, WebSocketMessageType.Binary, ownsWebSocket: true), invoker);
        }
        catch (Exception e)
        {
            socket.Dispose();
            invoker.Dispose();
            throw HubConnection.Explain(e, target.ServerName, target.HttpsPort, verdict) ?? e;
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await Bytes.DisposeAsync();
        }
        catch (Exception e) when (e is IOException or WebSocketException)
        {
            // The other side was faster.
        }

        _owner?.Dispose();
    }
}
