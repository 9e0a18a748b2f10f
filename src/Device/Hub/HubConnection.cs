using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Authentication;
using Homeport.Device.Client.Errors;

namespace Homeport.Device.Hub;

/// <summary>What a failure of the network means for a device, and what to do about it.</summary>
internal static class HubConnection
{
    /// <summary>The exception to throw in place of one from sockets, TLS, HTTP or WebSocket; null for any other.</summary>
    public static IotHubException? Explain(Exception e, string host, int port, TrustVerdict verdict)
    {
        if (verdict.Reason is { } reason)
            return IotHubException.Of(HubLinkEnd.Untrusted, $"{host}:{port} is not trusted: {reason}", e);
        for (var cause = e; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case IotHubException known:
                    return known;
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData }:
                    return IotHubException.Of(HubLinkEnd.Lost, $"The name {host} is not found. Is the name right, and does this device reach a name server?", e);
                case SocketException socket:
                    return IotHubException.Of(HubLinkEnd.Lost, $"No connection to {host}:{port}: {socket.Message}", e);
                case AuthenticationException:
                    return IotHubException.Of(HubLinkEnd.Lost, $"TLS with {host}:{port} failed: {cause.Message}", e);
                case WebSocketException { WebSocketErrorCode: WebSocketError.NotAWebSocket or WebSocketError.UnsupportedProtocol }:
                    return IotHubException.Of(HubLinkEnd.ProtocolError, $"{host}:{port} gives no WebSocket for devices. Is it a hub?", e);
                default:
                    break;
            }
        }

        return e is IOException or HttpRequestException or WebSocketException
            ? IotHubException.Of(HubLinkEnd.Lost, $"No connection to {host}:{port}: {e.Message}", e)
            : null;
    }
}
