using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Device;

/// <summary>
/// Which servers a device believes: those that the system trusts, and those whose chain ends in a certificate of a PEM file (a private CA).
/// The name of the server is checked in both cases. Revocation lists are not fetched: a device may have no way to them.
/// </summary>
public sealed class ServerTrust
{
    /// <summary>Names the PEM file of a private CA when the program does not, so that programs run unchanged.</summary>
    public const string EnvironmentVariable = "HOMEPORT_CA";

    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    private readonly Func<X509Certificate2Collection> _roots;
    private readonly bool _useSystem;

    private ServerTrust(Func<X509Certificate2Collection> roots, bool useSystem)
    {
        _roots = roots;
        _useSystem = useSystem;
    }

    /// <summary>Where the roots come from when they are kept and updated; null for others.</summary>
    public TrustStore? Store { get; private init; }

    /// <summary>The system's store alone.</summary>
    public static ServerTrust System { get; } = new(static () => [], useSystem: true);

    /// <summary>The system's store, and the PEM file that <see cref="EnvironmentVariable"/> names if it does.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="FormatException">The file holds no certificate.</exception>
    public static ServerTrust Default
        => Environment.GetEnvironmentVariable(EnvironmentVariable) is { Length: > 0 } path ? FromPemFile(path) : System;

    /// <summary>The certificates of a PEM file as well as the system's store.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="FormatException">The file holds no certificate.</exception>
    public static ServerTrust FromPemFile(string path)
    {
        var roots = ReadPem(path);
        return new ServerTrust(() => roots, useSystem: true);
    }

    /// <summary>The certificates of a PEM file and no others: whoever owns a public CA cannot pose as the hub.</summary>
    /// <inheritdoc cref="FromPemFile"/>
    public static ServerTrust PinnedTo(string path)
    {
        var roots = ReadPem(path);
        return new ServerTrust(() => roots, useSystem: false);
    }

    /// <summary>Roots that may change while the program runs, such as those of a signed bundle. Asked at each connection.</summary>
    /// <param name="roots">The roots of now.</param>
    /// <param name="useSystem">Those of the system's store as well.</param>
    public static ServerTrust From(Func<X509Certificate2Collection> roots, bool useSystem)
    {
        ArgumentNullException.ThrowIfNull(roots);
        return new ServerTrust(roots, useSystem);
    }

    /// <summary>The roots of a store, which hears by which of them a server was verified.</summary>
    internal static ServerTrust Of(TrustStore store, bool useSystem) => new(store.Believed, useSystem) { Store = store };

    /// <summary>For <see cref="SslClientAuthenticationOptions.RemoteCertificateValidationCallback"/>.</summary>
    public bool Validate(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
        => Refuse(certificate as X509Certificate2, chain, errors) is null;

    /// <summary>Null when the server is believed, else the reason and what to do.</summary>
    internal string? Refuse(X509Certificate2? leaf, X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None && _useSystem)
            return null;
        if (leaf is null)
            return "the server shows no certificate.";
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            return $"its certificate is for {Names(leaf)}. Use one of these names, or have the server's certificate name this one.";
        var roots = _roots();
        if (roots.Count == 0)
            return Explain(leaf, chain, "it is signed by no authority of the system's store. Give the CA file of the hub.");
        using var own = new X509Chain();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.CustomTrustStore.AddRange(roots);
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        own.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        if (chain is not null)
        {
            own.ChainPolicy.ExtraStore.AddRange(chain.ChainPolicy.ExtraStore);
            foreach (var element in chain.ChainElements)
                own.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        if (own.Build(leaf))
        {
            Store?.Confirm(own.ChainElements[^1].Certificate);
            return null;
        }

        return Explain(leaf, own, $"its chain ends in none of the {roots.Count} roots that the device trusts{(_useSystem ? " beside the system's" : "")}. Give the CA file of the hub.");
    }

    /// <summary>A device whose clock is wrong sees certificates that are over or not yet valid: that has another fix than a missing root.</summary>
    private static string Explain(X509Certificate2 leaf, X509Chain? chain, string otherwise)
    {
        var isTime = chain?.ChainStatus.Any(static status => status.Status == X509ChainStatusFlags.NotTimeValid) == true;
        var now = TimeProvider.System.GetUtcNow();
        return isTime
            ? $"it is valid from {leaf.NotBefore.ToUniversalTime():yyyy-MM-dd} to {leaf.NotAfter.ToUniversalTime():yyyy-MM-dd}, or its issuer for another time, "
                + $"and this device's clock says {now:yyyy-MM-dd HH:mm} UTC. Set the clock, or renew the server's certificate."
            : otherwise;
    }

    private static string Names(X509Certificate2 leaf)
    {
        var names = leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(static extension => extension.EnumerateDnsNames()).Take(10).ToList();
        return names.Count > 0 ? string.Join(", ", names) : leaf.GetNameInfo(X509NameType.DnsName, forIssuer: false);
    }

    internal static X509Certificate2Collection ReadPem(string path)
    {
        var roots = new X509Certificate2Collection();
        try
        {
            roots.ImportFromPemFile(path);
        }
        catch (CryptographicException e)
        {
            throw new FormatException($"'{path}' holds no certificate in PEM form.", e);
        }

        return roots.Count > 0 ? roots : throw new FormatException($"'{path}' holds no certificate in PEM form.");
    }
}
