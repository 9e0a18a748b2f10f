using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Homeport.Gateway;

/// <summary>
/// TLS of all doors: 1.2 and 1.3; a client certificate is asked for and never required, since devices with tokens and devices
/// with certificates use the same ports. Certificates are not checked here: self-signed ones are known by their thumbprint.
/// </summary>
public sealed class DoorTls
{
    private SslServerAuthenticationOptions _options;

    /// <summary>Starts with a certificate.</summary>
    /// <param name="certificate">Of the server, with its private key.</param>
    /// <param name="intermediates">Sent along with it; null for none.</param>
    public DoorTls(X509Certificate2 certificate, X509Certificate2Collection? intermediates = null)
    {
        OpenSslBuffers.ReleaseWhenEmpty();
        _options = OptionsFor(certificate, intermediates);
    }

    /// <summary>For Kestrel's listeners.</summary>
    public TlsHandshakeCallbackOptions Callback => new()
    {
        OnConnection = _ => new ValueTask<SslServerAuthenticationOptions>(Volatile.Read(ref _options)),
        HandshakeTimeout = TimeSpan.FromSeconds(10),
    };

    /// <summary>Uses another certificate for new connections; those that are open go on.</summary>
    public void Replace(X509Certificate2 certificate, X509Certificate2Collection? intermediates = null) => Volatile.Write(ref _options, OptionsFor(certificate, intermediates));

    private static SslServerAuthenticationOptions OptionsFor(X509Certificate2 certificate, X509Certificate2Collection? intermediates) => new()
    {
        // One context for all handshakes: building it takes longer than a handshake.
        ServerCertificateContext = SslStreamCertificateContext.Create(certificate, intermediates, offline: true),
        // Without this Kestrel fills it in for whichever door is used first, and HTTPS would offer what only a raw door has: nothing reads HTTP/2.
        ApplicationProtocols = [SslApplicationProtocol.Http11],
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        ClientCertificateRequired = true,
#pragma warning disable CA5359 // This is the server's side: who the client is, the hub decides by its registry.
        RemoteCertificateValidationCallback = (_, certificate, chain, _) =>
        {
            ClientChain.Note(certificate, chain);
            return true;
        },
#pragma warning restore CA5359
        // Looking at a device's certificate must not make the server fetch anything.
        CertificateChainPolicy = new X509ChainPolicy
        {
            DisableCertificateDownloads = true,
            RevocationMode = X509RevocationMode.NoCheck,
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            VerificationFlags = X509VerificationFlags.AllFlags,
        },
    };
}
