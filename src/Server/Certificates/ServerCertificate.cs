using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Server.Options;
using Homeport.Storage;

namespace Homeport.Server.Certificates;

/// <summary>The certificate of the doors: the operator's own files, or one of the private CA that is renewed in time.</summary>
internal sealed class ServerCertificate(ServerRoots roots, ServerOptions options, SecretSeal seal, TimeProvider time)
{
    private const string FileName = "server.pfx.sealed";
    private const string Context = "file/server.pfx";
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(30);

    /// <summary>Where clients find the revocation list of the private CA.</summary>
    public Uri RevocationList => roots.RevocationListOf(roots.Issuer);

    /// <summary>What the doors send along with the certificate; null for nothing.</summary>
    public X509Certificate2Collection? Intermediates => options.CertificateFile is null ? roots.Intermediates : null;

    /// <summary>Loads the certificate that is valid now; issues one when there is none, it ends soon, or the names changed.</summary>
    /// <exception cref="ServerStartException">The operator's files cannot be used.</exception>
    public X509Certificate2 Load()
    {
        if (options.CertificateFile is not null)
            return LoadOwn(options.CertificateFile, options.CertificateKeyFile!);
        var path = Path.Combine(options.DataDirectory, FileName);
        if (File.Exists(path) && LoadStored(path) is var stored && IsGood(stored))
            return stored;
        using var issued = roots.Issuer.IssueServerCertificate(options.Hosts, RevocationList);
        var bytes = issued.Export(X509ContentType.Pkcs12);
        PrivateFile.Write(path, seal.Seal(bytes, Context)!);
        return X509CertificateLoader.LoadPkcs12(bytes, null);
    }

    /// <summary>True when the certificate will do for a while.</summary>
    public bool IsGood(X509Certificate2 certificate)
        => options.CertificateFile is not null
            || (certificate.NotAfter - time.GetUtcNow().LocalDateTime > RenewBefore && roots.Issuer.Issued(certificate) && NamesAreRight(certificate));

    private X509Certificate2 LoadStored(string path)
    {
        try
        {
            return X509CertificateLoader.LoadPkcs12(seal.Unseal(File.ReadAllBytes(path), Context)!, null);
        }
        catch (CryptographicException e)
        {
            throw new ServerStartException($"The server certificate in '{path}' cannot be used: {e.Message} Delete the file to have a new one made, or restore it and secrets.key from a backup.", e);
        }
    }

    private bool NamesAreRight(X509Certificate2 certificate)
    {
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        var present = names.EnumerateDnsNames().Concat(names.EnumerateIPAddresses().Select(a => a.ToString()));
        var points = certificate.Extensions["2.5.29.31"]!.RawData;
        return present.ToHashSet(StringComparer.OrdinalIgnoreCase).SetEquals(options.Hosts)
            && points.AsSpan().SequenceEqual(CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([RevocationList.AbsoluteUri]).RawData);
    }

    private X509Certificate2 LoadOwn(string certificateFile, string keyFile)
    {
        try
        {
            using var pem = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
            if (pem.NotAfter < time.GetUtcNow().LocalDateTime)
                throw new ServerStartException($"The certificate in '{certificateFile}' expired at {pem.NotAfter:u}. Renew it.");
            // Kestrel wants the key in a form that the platform's TLS can use.
            return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ServerStartException($"The certificate '{certificateFile}' with key '{keyFile}' cannot be used: {e.Message}", e);
        }
    }
}
