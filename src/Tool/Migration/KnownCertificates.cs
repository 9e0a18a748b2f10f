using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Tool.Migration;

/// <summary>
/// Certificates of a folder, found by the thumbprints or names that a service shows: services show no certificates themselves.
/// </summary>
internal sealed class KnownCertificates
{
    private static readonly string[] Endings = [".pem", ".cer", ".crt", ".der"];
    private readonly Dictionary<string, string> _byThumbprint = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, string> _byName = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads a folder; null is an empty one.</summary>
    /// <exception cref="ToolException">It cannot be read.</exception>
    public static KnownCertificates Read(DirectoryInfo? folder)
    {
        var known = new KnownCertificates();
        if (folder is null)
            return known;
        if (!folder.Exists)
            throw ToolException.BadUsage($"The folder of certificates '{folder.FullName}' does not exist.");
        foreach (var file in folder.EnumerateFiles().Where(f => Endings.Contains(f.Extension, StringComparer.OrdinalIgnoreCase)))
        {
            try
            {
                using var certificate = X509CertificateLoader.LoadCertificateFromFile(file.FullName);
                known.Add(Path.GetFileNameWithoutExtension(file.Name), certificate);
            }
            catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
            {
                throw ToolException.BadUsage($"'{file.Name}' is no certificate: {e.Message}", e);
            }
        }
        return known;
    }

    /// <summary>PEM of the certificate with a thumbprint (SHA-1 or SHA-256), or null.</summary>
    public string? Find(string? thumbprint) => thumbprint is null ? null : _byThumbprint.GetValueOrDefault(thumbprint.Replace(":", "", StringComparison.Ordinal));

    /// <summary>PEM of the file with this name, or null.</summary>
    public string? Named(string name) => _byName.GetValueOrDefault(name);

    private void Add(string name, X509Certificate2 certificate)
    {
        var pem = certificate.ExportCertificatePem();
        _byName[name] = pem;
        _byThumbprint[certificate.GetCertHashString(HashAlgorithmName.SHA1)] = pem;
        _byThumbprint[certificate.GetCertHashString(HashAlgorithmName.SHA256)] = pem;
    }
}
