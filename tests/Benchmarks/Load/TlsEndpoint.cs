using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>
/// Opens TLS 1.3 connections to one server. The first one validates the server's chain; later ones only compare the
/// certificate with the one seen then, which keeps the generator cheap without accepting anything.
/// </summary>
internal sealed class TlsEndpoint
{
    private readonly IPEndPoint _address;
    private readonly SslClientAuthenticationOptions _options;

    private TlsEndpoint(IPEndPoint address, SslClientAuthenticationOptions options, string description)
    {
        _address = address;
        _options = options;
        Description = description;
    }

    /// <summary>What was negotiated, e.g. "Tls13 TLS_AES_256_GCM_SHA384, ECC 256".</summary>
    public string Description { get; }

    /// <summary>An endpoint whose every connection validates the chain up to <paramref name="trusted"/>.</summary>
    public static async Task<TlsEndpoint> ValidatingAsync(string host, int port, X509Certificate2 trusted, CancellationToken cancellationToken)
    {
        var options = Options(host);
        options.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        options.CertificateChainPolicy.CustomTrustStore.Add(trusted);
        return new TlsEndpoint(new IPEndPoint(await ResolveAsync(host, cancellationToken), port), options, "not yet connected");
    }

    /// <summary>Validates the server's chain once and returns an endpoint that insists on the certificate seen then.</summary>
    public static async Task<TlsEndpoint> ProbeAsync(string host, int port, X509Certificate2 trusted, CancellationToken cancellationToken)
    {
        var validating = await ValidatingAsync(host, port, trusted, cancellationToken);
        await using var stream = await validating.OpenAsync(cancellationToken);
        var remote = stream.RemoteCertificate as X509Certificate2 ?? throw new InvalidOperationException($"{host}:{port} showed no certificate.");
        var seen = remote.GetRawCertData();
        using var ecdsa = remote.GetECDsaPublicKey();
        using var rsa = remote.GetRSAPublicKey();
        var key = ecdsa is null ? $"RSA {rsa?.KeySize}" : $"ECDSA {ecdsa.KeySize}";

        // The runtime builds a chain before it asks the callback; without this policy it looks through the system's store.
        var pinned = Options(host);
        pinned.CertificateChainPolicy = validating._options.CertificateChainPolicy;
        pinned.RemoteCertificateValidationCallback = (_, certificate, _, _) =>
            certificate is not null && certificate.GetRawCertData().AsSpan().SequenceEqual(seen);
        return new TlsEndpoint(validating._address, pinned, $"{stream.SslProtocol} {stream.NegotiatedCipherSuite}, {key}");
    }

    public Task<SslStream> OpenAsync(CancellationToken cancellationToken) => OpenAsync(_address, _options, cancellationToken);

    /// <summary>Opens a connection with a client certificate and its chain.</summary>
    public Task<SslStream> OpenAsync(SslStreamCertificateContext client, CancellationToken cancellationToken)
    {
        var options = Options(_options.TargetHost!);
        options.CertificateChainPolicy = _options.CertificateChainPolicy;
        options.RemoteCertificateValidationCallback = _options.RemoteCertificateValidationCallback;
        options.ClientCertificateContext = client;
        return OpenAsync(_address, options, cancellationToken);
    }

    private static SslClientAuthenticationOptions Options(string host) => new()
    {
        TargetHost = host,
        EnabledSslProtocols = SslProtocols.Tls13,
        AllowTlsResume = false,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
    };

    private static async Task<IPAddress> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        if (host is "localhost")
            return IPAddress.Loopback;

        var addresses = await Dns.GetHostAddressesAsync(host, AddressFamily.InterNetwork, cancellationToken);
        return addresses[0];
    }

    private static async Task<SslStream> OpenAsync(IPEndPoint address, SslClientAuthenticationOptions options, CancellationToken cancellationToken)
    {
        var socket = await ConnectAsync(address, cancellationToken);
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        try
        {
            await stream.AuthenticateAsClientAsync(options, cancellationToken);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    private static async Task<Socket> ConnectAsync(IPEndPoint address, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(address, cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
