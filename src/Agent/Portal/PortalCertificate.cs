using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Agent.Settings;

namespace Homeport.Agent.Portal;

/// <summary>The certificate of the page: the configured one, or one that the agent makes for itself and keeps.</summary>
internal static class PortalCertificate
{
    private const string FileName = "portal.pem";

    /// <summary>Fixed, and long: a device may believe any year when it makes it, and its owner compares the fingerprint.</summary>
    private static readonly DateTimeOffset From = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly DateTimeOffset To = new(2049, 12, 31, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Opens it; makes it when there is none yet.</summary>
    /// <exception cref="AgentSettingsException">The files cannot be used.</exception>
    public static X509Certificate2 Open(AgentOptions options)
    {
        var portal = options.Settings.Portal;
        var own = Path.Combine(options.StateDirectory, FileName);
        try
        {
            if (portal.CertificateFile is { } file)
                return X509Certificate2.CreateFromPemFile(file, portal.KeyFile);
            if (!File.Exists(own))
                Create(own);
            return X509Certificate2.CreateFromPemFile(own);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new AgentSettingsException($"The certificate of the page cannot be used: {e.Message}", e);
        }
    }

    /// <summary>As browsers show it: SHA-256 of the certificate, in pairs.</summary>
    public static string Fingerprint(X509Certificate2 certificate)
        => string.Join(':', certificate.GetCertHash(HashAlgorithmName.SHA256).Select(static b => b.ToString("X2")));

    private static void Create(string path)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var name = Dns.GetHostName();
        var request = new CertificateRequest($"CN={name.Replace(",", "", StringComparison.Ordinal)}, O=Homeport device portal", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var dns in new[] { name, $"{name}.local", "localhost" }.Where(static n => Uri.CheckHostName(n) == UriHostNameType.Dns).Distinct(StringComparer.OrdinalIgnoreCase))
            names.AddDnsName(dns);
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        using var certificate = request.CreateSelfSigned(From, To);
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var writer = new StreamWriter(path + ".new", options))
            writer.Write($"{certificate.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n");
        File.Move(path + ".new", path, overwrite: true);
    }
}
