using System.CommandLine;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;

namespace Homeport.Tool;

/// <summary><c>homeport cert</c>: a PKI to try things with: CA, intermediate, device and verification certificates. No server is needed.</summary>
internal static partial class CertCommand
{
    private static readonly Oid ClientAuthentication = new("1.3.6.1.5.5.7.3.2");
    private static readonly TimeSpan Backdate = TimeSpan.FromMinutes(10);

    public static Command Create() => new("cert", "Makes certificates to try things with: {name}.pem and {name}.key, and {name}.chain.pem with those above it")
    {
        Kind("ca", "A root CA", "name", 3650, isAuthority: true, isRoot: true),
        Kind("intermediate", "A CA below another one", "name", 1825, isAuthority: true, isRoot: false),
        Kind("device", "A certificate of a device; its common name is the registration id", "registration-id", 365, isAuthority: false, isRoot: false),
        Kind("verification", "A certificate that proves the possession of a CA's key; its common name is the verification code", "code", 7, isAuthority: false, isRoot: false),
    };

    private static Command Kind(string kind, string description, string argument, int defaultDays, bool isAuthority, bool isRoot)
    {
        var name = new Argument<string>(argument) { Description = "Common name" };
        var ca = new Option<FileInfo>("--issuer") { Description = "PEM file of the CA above it, as this command wrote it; its key is beside it", Required = !isRoot };
        var directory = new Option<DirectoryInfo>("--out") { Description = "Directory for the files", DefaultValueFactory = _ => new DirectoryInfo(".") };
        var days = new Option<int>("--days") { Description = "How long it is valid", DefaultValueFactory = _ => defaultDays };
        var algorithm = new Option<string>("--key") { Description = "ec (P-256) or rsa (2048 bits)", DefaultValueFactory = _ => "ec" };
        algorithm.AcceptOnlyFromAmong("ec", "rsa");
        var command = new Command(kind, description) { name, directory, days, algorithm };
        if (!isRoot)
            command.Options.Add(ca);
        command.SetAction((parsed, token) => ToolException.GuardAsync(async () =>
        {
            using var issuer = isRoot ? null : Load(parsed.GetValue(ca)!);
            var order = new Order(parsed.GetValue(name)!, isAuthority, parsed.GetValue(days), parsed.GetValue(algorithm)!, parsed.GetValue(directory)!.FullName);
            await MakeAsync(order, issuer, parsed.GetValue(ca)?.FullName, token);
            return 0;
        }, token));
        return command;
    }

    private static async Task MakeAsync(Order order, X509Certificate2? issuer, string? issuerFile, CancellationToken token)
    {
        if (order.Days is < 1 or > 36500)
            throw ToolException.BadUsage("--days is 1 to 36500.");
        using AsymmetricAlgorithm key = order.Algorithm == "rsa" ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = Issue(order, key, issuer);
        Directory.CreateDirectory(order.Directory);
        var stem = Path.Combine(order.Directory, Unsafe().Replace(order.Name, "_"));
        // The key first: a certificate without its key is of no use.
        await NewFile.WriteAsync(stem + ".key", key.ExportPkcs8PrivateKeyPem() + "\n", isPrivate: true, token);
        var pem = certificate.ExportCertificatePem() + "\n";
        await NewFile.WriteAsync(stem + ".pem", pem, isPrivate: false, token);
        Console.WriteLine($"{stem}.pem  {certificate.Subject}, until {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd}");
        Console.WriteLine($"{stem}.key");
        if (issuerFile is null)
            return;
        var above = Path.ChangeExtension(issuerFile, ".chain.pem");
        await NewFile.WriteAsync(stem + ".chain.pem", pem + await File.ReadAllTextAsync(File.Exists(above) ? above : issuerFile, token), isPrivate: false, token);
        Console.WriteLine($"{stem}.chain.pem  what a client sends: it and the CAs above it");
    }

    private static X509Certificate2 Issue(Order order, AsymmetricAlgorithm key, X509Certificate2? issuer)
    {
        var name = new X500DistinguishedNameBuilder();
        name.AddCommonName(order.Name);
        var request = key is RSA rsa
            ? new CertificateRequest(name.Build(), rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest(name.Build(), (ECDsa)key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(order.IsAuthority, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(order.IsAuthority ? X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign : X509KeyUsageFlags.DigitalSignature, critical: true));
        if (!order.IsAuthority)
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([ClientAuthentication], critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        var (from, to) = (TimeProvider.System.GetUtcNow() - Backdate, TimeProvider.System.GetUtcNow().AddDays(order.Days));
        if (issuer is null)
            return request.CreateSelfSigned(from, to);
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuer, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        var end = new DateTimeOffset(issuer.NotAfter.ToUniversalTime(), TimeSpan.Zero);
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)((serial[0] & 0x7F) | 0x01);
        using var ecdsa = issuer.GetECDsaPrivateKey();
        using var issuerRsa = issuer.GetRSAPrivateKey();
        var generator = ecdsa is not null ? X509SignatureGenerator.CreateForECDsa(ecdsa) : X509SignatureGenerator.CreateForRSA(issuerRsa!, RSASignaturePadding.Pkcs1);
        return request.Create(issuer.SubjectName, generator, from, to < end ? to : end, serial);
    }

    private static X509Certificate2 Load(FileInfo file)
    {
        try
        {
            return X509Certificate2.CreateFromPemFile(file.FullName, Path.ChangeExtension(file.FullName, ".key"));
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw ToolException.BadUsage($"The CA '{file.FullName}' and its key '{Path.ChangeExtension(file.Name, ".key")}' cannot be used: {e.Message}", e);
        }
    }

    [GeneratedRegex("[^A-Za-z0-9._-]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Unsafe();

    private sealed record Order(string Name, bool IsAuthority, int Days, string Algorithm, string Directory);
}
