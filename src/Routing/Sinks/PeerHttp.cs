using Homeport.Hub.Trust;

namespace Homeport.Routing.Sinks;

/// <summary>HTTP clients for the places of endpoints.</summary>
public static class PeerHttp
{
    /// <summary>A client that goes to no other place than the one that was named: no redirections, no proxy, no cookies, no link-local addresses.</summary>
    /// <param name="certificateAuthority">PEM of the CAs to believe, or null for those of the machine.</param>
    public static HttpClient Open(string? certificateAuthority)
    {
        var handler = new SocketsHttpHandler
        {
            // A redirection would take messages and headers to a place that nobody named.
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            ConnectTimeout = TimeSpan.FromSeconds(10),
            ConnectCallback = (context, token) => PeerConnection.ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, token),
        };
        handler.SslOptions.RemoteCertificateValidationCallback = PeerTrust.FromPem(certificateAuthority).Validate;
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }
}
