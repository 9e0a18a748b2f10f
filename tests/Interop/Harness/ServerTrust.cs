using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Tests.Interop.Harness;

/// <summary>Trusts the private CA of one server and nothing else, and finds the server on the loopback address whatever its name.</summary>
public sealed class ServerTrust(string caFile, string host)
{
    private readonly X509Certificate2Collection _roots = LoadRoots(caFile);

    public async Task<SslStream> ConnectTlsAsync(int port, X509Certificate2? clientCertificate = null) =>
        await SecureAsync(await OpenAsync(port), clientCertificate);

    public async Task<SslStream> SecureAsync(NetworkStream transport, X509Certificate2? clientCertificate = null)
    {
        var stream = new SslStream(transport, leaveInnerStreamOpen: false);
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = host,
            CertificateChainPolicy = Policy(),
            ClientCertificates = clientCertificate is null ? null : [clientCertificate],
        };
        await stream.AuthenticateAsClientAsync(options).WaitAsync(TimeSpan.FromSeconds(20));
        return stream;
    }

    public static Task<NetworkStream> ConnectAsync(int port) => ConnectAsync(IPAddress.Loopback, port);

    private static async Task<NetworkStream> ConnectAsync(IPAddress address, int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(address, port)).WaitAsync(TimeSpan.FromSeconds(10));
        return new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>A server whose name is an address is there, for tests with several servers.</summary>
    private Task<NetworkStream> OpenAsync(int port) => ConnectAsync(IPAddress.TryParse(host, out var address) ? address : IPAddress.Loopback, port);

    public HttpClient HttpClient(int port, X509Certificate2? clientCertificate = null)
    {
        var handler = new SocketsHttpHandler
        {
            RequestHeaderEncodingSelector = (_, _) => System.Text.Encoding.UTF8,
            ConnectCallback = async (context, token) => await OpenAsync(context.DnsEndPoint.Port).WaitAsync(token),
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = Policy(),
                ClientCertificates = clientCertificate is null ? null : [clientCertificate],
            },
        };
        return new HttpClient(handler) { BaseAddress = new Uri($"https://{host}:{port}/"), Timeout = TimeSpan.FromSeconds(60) };
    }

    private X509ChainPolicy Policy()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(_roots);
        return policy;
    }

    private static X509Certificate2Collection LoadRoots(string caFile)
    {
        var roots = new X509Certificate2Collection();
        roots.ImportFromPemFile(caFile);
        return roots.Count > 0 ? roots : throw new InvalidDataException($"{caFile} holds no certificate");
    }
}
