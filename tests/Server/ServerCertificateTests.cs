using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Log;
using Homeport.Server;
using Homeport.Server.Certificates;
using Homeport.Server.Options;
using Homeport.Storage;
using Microsoft.Extensions.Logging;

namespace Homeport.Tests.Server;

/// <summary>The server certificate: kept while it is good, replaced before it ends and when the names change.</summary>
public sealed class ServerCertificateTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly SecretSeal _seal;

    // Certificates are also checked by the platform, which knows the real time only.
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);

    public ServerCertificateTests() => _seal = SecretSeal.Open(_folder.File("secrets.key"));

    public void Dispose()
    {
        _seal.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_restart_finds_the_certificate_again()
        => Load("hub.example.test").Thumbprint.ShouldBe(Load("hub.example.test").Thumbprint);

    [Theory]
    [InlineData(330, false)]
    [InlineData(340, true)]
    public void It_is_renewed_thirty_days_before_its_end(int days, bool renewed)
    {
        var first = Load("hub.example.test");
        _time.Advance(TimeSpan.FromDays(days));
        var server = Certificate("hub.example.test");
        server.IsGood(first).ShouldBe(!renewed);
        (server.Load().Thumbprint != first.Thumbprint).ShouldBe(renewed);
    }

    [Fact]
    public void Other_names_make_another_certificate_of_the_same_ca()
    {
        var first = Load("hub.example.test");
        var second = Load("hub.example.test", "192.0.2.7", "other.example.test");
        second.Thumbprint.ShouldNotBe(first.Thumbprint);
        second.Issuer.ShouldBe(first.Issuer);
        foreach (var name in new[] { "hub.example.test", "192.0.2.7", "other.example.test" })
            second.MatchesHostname(name).ShouldBeTrue(name);
        second.GetECDsaPublicKey()!.KeySize.ShouldBe(256);
    }

    [Fact]
    public void It_verifies_against_the_ca_file_and_names_the_revocation_list()
    {
        var certificate = Load("hub.example.test");
        using var ca = X509CertificateLoader.LoadCertificateFromFile(_folder.File("ca.pem"));
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(ca);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.Build(certificate).ShouldBeTrue(string.Join(", ", chain.ChainStatus.Select(s => s.StatusInformation)));
        System.Text.Encoding.Latin1.GetString(certificate.Extensions["2.5.29.31"]!.RawData).ShouldContain("http://hub.example.test:8780/ca.crl");
    }

    [Fact]
    public void Private_keys_are_not_readable_in_the_files()
    {
        using var key = Load("hub.example.test").GetECDsaPrivateKey()!;
        var secret = key.ExportParameters(includePrivateParameters: true).D!;
        foreach (var (name, bytes) in _folder.Contents())
            bytes.AsSpan().IndexOf(secret).ShouldBe(-1, name);
    }

    [Fact]
    public void The_operators_own_certificate_is_used_as_it_is()
    {
        var (certificateFile, keyFile, thumbprint) = OwnFiles(_time.GetUtcNow().AddDays(10));
        Certificate(Options("hub.example.test") with { CertificateFile = certificateFile, CertificateKeyFile = keyFile }).Load().Thumbprint.ShouldBe(thumbprint);
    }

    [Fact]
    public void An_expired_own_certificate_is_refused_with_the_reason()
    {
        var (certificateFile, keyFile, _) = OwnFiles(_time.GetUtcNow().AddDays(-1));
        Should.Throw<ServerStartException>(() => Certificate(Options("hub.example.test") with { CertificateFile = certificateFile, CertificateKeyFile = keyFile }).Load())
            .Message.ShouldContain("expired");
    }

    [Fact]
    public void An_unreadable_own_certificate_is_refused_with_its_name()
    {
        File.WriteAllText(_folder.File("own.pem"), "this is no certificate");
        Should.Throw<ServerStartException>(() => Certificate(Options("hub.example.test") with { CertificateFile = _folder.File("own.pem"), CertificateKeyFile = _folder.File("own.pem") }).Load())
            .Message.ShouldContain("own.pem");
    }

    private X509Certificate2 Load(params string[] hosts) => Certificate(hosts).Load();

    private ServerCertificate Certificate(params string[] hosts) => Certificate(Options(hosts));

    private ServerCertificate Certificate(ServerOptions options) => new(new ServerRoots(options, _seal, _time), options, _seal, _time);

    private ServerOptions Options(params string[] hosts) => new()
    {
        Hosts = hosts,
        DataDirectory = Path.GetDirectoryName(_folder.File("x"))!,
        HttpsPort = 443,
        HttpsPortIsDefault = true,
        MqttPort = 8883,
        AmqpPort = 5671,
        CrlPort = 8780,
        DeviceCertificateDays = 30,
        Partitions = 4,
        Events = new HashSet<MessageSource>(),
        Retention = new RetentionLimits(TimeSpan.FromDays(1)),
        LogLevel = LogLevel.Information,
    };

    private (string Certificate, string Key, string Thumbprint) OwnFiles(DateTimeOffset end)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=own", key, HashAlgorithmName.SHA256).CreateSelfSigned(end.AddDays(-20), end);
        File.WriteAllText(_folder.File("own.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(_folder.File("own.key"), key.ExportPkcs8PrivateKeyPem());
        return (_folder.File("own.pem"), _folder.File("own.key"), certificate.Thumbprint);
    }
}
