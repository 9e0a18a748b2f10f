using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Hub.Trust;

/// <summary>
/// Which other servers this one believes: those that the machine trusts, and those whose chain ends in certificates that an operator gave.
/// The name is checked in both cases.
/// </summary>
public sealed class PeerTrust
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    private readonly X509Certificate2Collection _roots;

    private PeerTrust(X509Certificate2Collection roots) => _roots = roots;

    /// <summary>Reads certificates in PEM; null or empty: what the machine trusts alone.</summary>
    /// <exception cref="FormatException">The text holds no certificate.</exception>
    public static PeerTrust FromPem(string? pem)
    {
        var roots = new X509Certificate2Collection();
        if (string.IsNullOrWhiteSpace(pem))
            return new PeerTrust(roots);
        try
        {
            roots.ImportFromPem(pem);
        }
        catch (CryptographicException e)
        {
            throw new FormatException("The text holds no certificate in PEM form.", e);
        }
        return roots.Count > 0 ? new PeerTrust(roots) : throw new FormatException("The text holds no certificate in PEM form.");
    }

    /// <summary>True when <see cref="FromPem"/> can read a text.</summary>
    public static bool IsPem(string? pem)
    {
        try
        {
            FromPem(pem);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    /// <summary>For <see cref="SslClientAuthenticationOptions.RemoteCertificateValidationCallback"/>.</summary>
    public bool Validate(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None)
            return true;
        if (errors != SslPolicyErrors.RemoteCertificateChainErrors || _roots.Count == 0 || certificate is not X509Certificate2 leaf)
            return false;
        using var own = new X509Chain();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.CustomTrustStore.AddRange(_roots);
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        own.ChainPolicy.DisableCertificateDownloads = true;
        own.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        if (chain is not null)
            own.ChainPolicy.ExtraStore.AddRange(chain.ChainPolicy.ExtraStore);
        return own.Build(leaf);
    }
}
