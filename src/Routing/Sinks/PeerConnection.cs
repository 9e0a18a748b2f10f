using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Homeport.Hub.Trust;

namespace Homeport.Routing.Sinks;

/// <summary>
/// Connects to the places of endpoints. Only administrators name them, and brokers stand inside of the own network as a rule, so that is
/// allowed; link-local addresses are not, where machines in clouds find the keys of their hosts.
/// </summary>
internal static class PeerConnection
{
    private static readonly IPNetwork[] Forbidden = [IPNetwork.Parse("169.254.0.0/16"), IPNetwork.Parse("fe80::/10")];

    /// <summary>Connects TCP. The address is checked here, on what is connected to: a name may resolve to something else a moment later.</summary>
    /// <exception cref="IOException">The name leads to a forbidden address only.</exception>
    /// <exception cref="SocketException">Nobody answers there.</exception>
    public static async ValueTask<Stream> ConnectAsync(string host, int port, CancellationToken token)
    {
        var addresses = await Dns.GetHostAddressesAsync(host, token);
        var allowed = addresses.Where(a => !Forbidden.Any(n => n.Contains(a.IsIPv4MappedToIPv6 ? a.MapToIPv4() : a))).ToArray();
        if (allowed.Length == 0)
            throw new IOException($"'{host}' is at a link-local address, where no endpoint may be.");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, port, token);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Connects TCP and TLS.</summary>
    /// <param name="host">Name that the certificate has to have.</param>
    /// <param name="port">Port.</param>
    /// <param name="trust">Whom to believe.</param>
    /// <param name="token">Ends the attempt.</param>
    public static async Task<Stream> ConnectTlsAsync(string host, int port, PeerTrust trust, CancellationToken token)
    {
        var stream = new SslStream(await ConnectAsync(host, port, token));
        try
        {
            await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = host, RemoteCertificateValidationCallback = trust.Validate }, token);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>Null when an endpoint can have the address, else what is wrong with it.</summary>
    /// <param name="url">The address.</param>
    /// <param name="secure">Scheme with TLS.</param>
    /// <param name="plain">Scheme without it, for this machine only; null for none.</param>
    public static (string Seen, string Fix)? Check(string? url, string secure, string? plain = null)
    {
        if (string.IsNullOrEmpty(url))
            return ("it has no url", $"Send one that begins with {secure}://");
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || (uri.Scheme != secure && uri.Scheme != plain))
            return ($"its url does not begin with {secure}://", $"Send one that does{(plain is null ? "" : $", or {plain}:// for one on this machine")}.");
        if (uri.UserInfo.Length > 0)
            return ("its url has a user name in it", "Send userName and secret.");
        if (uri.Scheme == plain && plain != secure && !uri.IsLoopback)
            return ($"its url begins with {plain}:// and leads to another machine", $"Use {secure}://, so that nobody reads along.");
        return null;
    }

    /// <summary>One line about a connection that failed.</summary>
    public static string Explain(Exception e) => e switch
    {
        SocketException s => $"it cannot be reached ({s.SocketErrorCode})",
        System.Security.Authentication.AuthenticationException => "its certificate is not trusted: give its CA as certificateAuthority, or correct the name in the url",
        OperationCanceledException => "it did not answer in time",
        _ => e.InnerException is { } inner && e is HttpRequestException or IOException && inner is SocketException or System.Security.Authentication.AuthenticationException ? Explain(inner) : $"it cannot be reached: {e.Message.TrimEnd('.')}",
    };
}
