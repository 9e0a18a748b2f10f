using System.Buffers.Text;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Device;

namespace Homeport.Tests.Device;

public sealed class TrustStoreTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("trust-test-").FullName;
    private readonly Authority _old = new("old");
    private readonly Authority _new = new("new");

    public void Dispose()
    {
        _old.Dispose();
        _new.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private string Kept => Path.Combine(_directory, "state", "trust.json");

    private string First => Path.Combine(_directory, "first.pem");

    [Fact]
    public void Old_roots_stay_believed_until_a_server_was_verified_by_a_new_one()
    {
        var store = Open();
        Believes(store).ShouldBe((true, false));
        store.Take(Bundle([_old], _old, _new)).ShouldBeTrue();
        store.Take(Bundle([_old], _old, _new)).ShouldBeFalse();
        Believes(store).ShouldBe((true, true));

        store.Take(Bundle([_old, _new], _new)).ShouldBeTrue();
        store.Thumbprints.ShouldBe([_new.Thumbprint]);
        store = Open();
        store.IsConfirmed.ShouldBeFalse();
        store.Trust.Refuse(_old.Server, null, SslPolicyErrors.RemoteCertificateChainErrors).ShouldBeNull("the server has not changed yet");
        store.IsConfirmed.ShouldBeFalse();
        store.Trust.Refuse(_new.Server, null, SslPolicyErrors.RemoteCertificateChainErrors).ShouldBeNull();
        store.IsConfirmed.ShouldBeTrue();
        Believes(store).ShouldBe((false, true));
        Believes(Open()).ShouldBe((false, true));
        Should.Throw<FormatException>(() => store.Take(Bundle([_old], _old)));

        store.GoBack().ShouldBeTrue();
        Believes(Open()).ShouldBe((true, true));
    }

    [Fact]
    public void A_bundle_that_does_not_fit_its_server_is_replaced_by_one_that_does()
    {
        using var lost = new Authority("lost");
        var store = Open();
        store.Take(Bundle([_old], lost)).ShouldBeTrue();
        store.Trust.Refuse(_old.Server, null, SslPolicyErrors.RemoteCertificateChainErrors).ShouldBeNull();
        store.Take(Bundle([_old], _new)).ShouldBeTrue();
        Believes(store).ShouldBe((true, true));
        Believes(store).ShouldBe((false, true), "a server was verified by the new root");
    }

    [Fact]
    public void What_no_believed_root_signed_changes_nothing()
    {
        var store = Open();
        var good = Bundle([_old], _old, _new);
        var payload = Bundle([_new], _new);
        foreach (var bad in (byte[][])[[], "{}"u8.ToArray(), "[1]"u8.ToArray(), good[..^40], payload, Altered(good), Bundle([_old]), Bundle([_old], [.. Enumerable.Repeat(_new, 33)])])
            Should.Throw<FormatException>(() => store.Take(bad), Encoding.UTF8.GetString(bad));
        Believes(store).ShouldBe((true, false));
        File.Exists(Kept).ShouldBeFalse();
    }

    [Fact]
    public void A_damaged_file_or_other_first_roots_begin_anew()
    {
        Open().Take(Bundle([_old], _old, _new));
        var whole = File.ReadAllBytes(Kept);
        foreach (var length in (int[])[0, 1, whole.Length / 2, whole.Length - 1])
        {
            File.WriteAllBytes(Kept, whole[..length]);
            Open().Thumbprints.ShouldBe([_old.Thumbprint], $"{length} of {whole.Length} bytes");
        }

        File.WriteAllBytes(Kept, whole);
        Open().Thumbprints.ShouldBe([_old.Thumbprint, _new.Thumbprint]);
        File.WriteAllText(First, _new.Pem);
        TrustStore.Open(Kept, First).Thumbprints.ShouldBe([_new.Thumbprint]);
        File.WriteAllText(First, "nothing");
        Should.Throw<FormatException>(() => TrustStore.Open(Kept, First));
    }

    [Fact]
    public void A_disk_that_takes_nothing_leaves_the_roots_as_they_are()
    {
        var store = Open();
        Directory.CreateDirectory(Kept + ".new");
        Should.Throw<Exception>(() => store.Take(Bundle([_old], _new))).ShouldBeOfType<UnauthorizedAccessException>();
        Believes(store).ShouldBe((true, false));
    }

    private (bool Old, bool New) Believes(TrustStore store) => (
        store.Trust.Refuse(_old.Server, null, SslPolicyErrors.RemoteCertificateChainErrors) is null,
        store.Trust.Refuse(_new.Server, null, SslPolicyErrors.RemoteCertificateChainErrors) is null);

    private TrustStore Open()
    {
        File.WriteAllText(First, _old.Pem);
        return TrustStore.Open(Kept, First);
    }

    private static byte[] Altered(byte[] bundle)
    {
        var json = JsonNode.Parse(bundle)!;
        json["payload"] = (string)json["payload"]! + "AA";
        return Encoding.UTF8.GetBytes(json.ToJsonString());
    }

    private static byte[] Bundle(Authority[] signers, params Authority[] roots)
    {
        var content = new
        {
            iss = "hub.example.test",
            iat = 1_900_000_000,
            stage = "stage",
            roots = roots.Select(static r => new { sha256 = r.Thumbprint, subject = r.Root.Subject, notAfter = "2030-01-01T00:00:00Z", certificate = r.Pem }),
        };
        var payload = Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(content));
        return JsonSerializer.SerializeToUtf8Bytes(new { payload, signatures = signers.Select(s => s.Sign(payload)) });
    }

    /// <summary>A root with its key, and the certificate of a server.</summary>
    private sealed class Authority : IDisposable
    {
        private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        public Authority(string name)
        {
            var request = new CertificateRequest($"CN={name}", _key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            Root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var server = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
            server.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
            Server = server.Create(Root, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1), RandomNumberGenerator.GetBytes(8));
        }

        public X509Certificate2 Root { get; }

        public X509Certificate2 Server { get; }

        public string Pem => Root.ExportCertificatePem();

        public string Thumbprint => Root.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant();

        public object Sign(string payload)
        {
            var header = new JsonObject { ["alg"] = "ES256", ["x5t#S256"] = Base64Url.EncodeToString(Convert.FromHexString(Thumbprint)) };
            var text = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header.ToJsonString()));
            var signature = _key.SignData(Encoding.ASCII.GetBytes($"{text}.{payload}"), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
            return new { @protected = text, signature = Base64Url.EncodeToString(signature) };
        }

        public void Dispose()
        {
            _key.Dispose();
            Root.Dispose();
            Server.Dispose();
        }
    }
}
