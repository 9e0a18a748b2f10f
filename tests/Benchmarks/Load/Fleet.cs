using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Homeport.Tests.Benchmarks.Targets;

#pragma warning disable CA1416 // The benchmarks run on Linux only: what a process uses, they read from /proc.
namespace Homeport.Tests.Benchmarks.Load;

/// <summary>Devices of one kind and the enrollment that lets them in.</summary>
internal sealed class Fleet : IDisposable
{
    private const string SymmetricKey = "symmetric key, group";
    private const string Tpm = "TPM, individual";
    private const string X509 = "X.509, chain of three";
    private readonly string _kind;
    private readonly ReadyFile _ready;
    private readonly byte[] _groupKey = RandomNumberGenerator.GetBytes(64);
    private readonly List<SimulatedTpm> _chips = [];
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();
    private readonly ECDsa _rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa _lineKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _root;
    private readonly X509Certificate2 _line;

    private Fleet(string kind, ReadyFile ready)
    {
        (_kind, _ready) = (kind, ready);
        _root = Authority("CN=Root", _rootKey).CreateSelfSigned(_now.AddDays(-1), _now.AddDays(9));
        _line = Authority("CN=Line", _lineKey).Create(_root.SubjectName, X509SignatureGenerator.CreateForECDsa(_rootKey), _now.AddDays(-1), _now.AddDays(8), RandomNumberGenerator.GetBytes(12));
    }

    /// <summary>What can be measured.</summary>
    public static IReadOnlyList<string> Kinds { get; } = [SymmetricKey, Tpm, X509];

    /// <summary>Makes a fleet and its enrollments.</summary>
    public static async Task<Fleet> EnrollAsync(string kind, ReadyFile ready, int chips, CancellationToken cancellationToken)
    {
        var fleet = new Fleet(kind, ready);
        using var service = new ProvisioningServiceClient(ready);
        if (kind == SymmetricKey)
        {
            var key = Convert.ToBase64String(fleet._groupKey);
            await service.PutAsync("enrollmentGroups/bench", new { enrollmentGroupId = "bench", attestation = new { type = "symmetricKey", symmetricKey = new { primaryKey = key, secondaryKey = key } } }, cancellationToken);
        }
        else if (kind == X509)
        {
            var signing = new { primary = new { certificate = fleet._root.ExportCertificatePem() } };
            await service.PutAsync("enrollmentGroups/bench", new { enrollmentGroupId = "bench", attestation = new { type = "x509", x509 = new { signingCertificates = signing } } }, cancellationToken);
        }
        else
        {
            await fleet.MakeChipsAsync(service, chips, cancellationToken);
        }
        return fleet;
    }

    /// <summary>One of the devices; chips come again.</summary>
    public FleetDevice Device(int number) => _kind switch
    {
        SymmetricKey => new FleetDevice(_ready, $"bench-{number}") { Key = HMACSHA256.HashData(_groupKey, Encoding.UTF8.GetBytes($"bench-{number}")) },
        X509 => new FleetDevice(_ready, $"bench-{number}") { Certificate = Certify($"bench-{number}") },
        _ => new FleetDevice(_ready, $"bench-{number % _chips.Count}") { Tpm = _chips[number % _chips.Count] },
    };

    public void Dispose()
    {
        _chips.ForEach(c => c.Dispose());
        _root.Dispose();
        _line.Dispose();
        _rootKey.Dispose();
        _lineKey.Dispose();
    }

    private async Task MakeChipsAsync(ProvisioningServiceClient service, int count, CancellationToken cancellationToken)
    {
        var storage = new RSAOpenSsl(2048);
        for (var i = 0; i < count; i++)
        {
            var chip = new SimulatedTpm(storage);
            _chips.Add(chip);
            var tpm = new { endorsementKey = Convert.ToBase64String(chip.EndorsementKey) };
            await service.PutAsync($"enrollments/bench-{i}", new { registrationId = $"bench-{i}", attestation = new { type = "tpm", tpm } }, cancellationToken);
        }
    }

    private SslStreamCertificateContext Certify(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        using var bare = request.Create(_line.SubjectName, X509SignatureGenerator.CreateForECDsa(_lineKey), _now.AddDays(-1), _now.AddDays(7), RandomNumberGenerator.GetBytes(12));
        return SslStreamCertificateContext.Create(bare.CopyWithPrivateKey(key), [_line], offline: true);
    }

    private static CertificateRequest Authority(string subject, ECDsa key)
    {
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request;
    }
}

/// <summary>A device and the requests that it sends.</summary>
internal sealed class FleetDevice(ReadyFile ready, string id)
{
    private readonly string _resource = Uri.EscapeDataString($"{ready.IdScope}/registrations/{id}");

    public byte[]? Key { get; init; }

    public SimulatedTpm? Tpm { get; init; }

    public SslStreamCertificateContext? Certificate { get; init; }

    /// <summary>The token of a symmetric key, or null.</summary>
    public string? Token => Key is null ? null : Sign(Key);

    public string Sign(byte[] key)
    {
        var expiry = TimeProvider.System.GetUtcNow().AddHours(1).ToUnixTimeSeconds();
        var signature = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{_resource}\n{expiry}"));
        return $"SharedAccessSignature sr={_resource}&sig={Uri.EscapeDataString(Convert.ToBase64String(signature))}&se={expiry}&skn=registration";
    }

    public byte[] Register(string? token)
    {
        var body = Tpm is null
            ? $"{{\"registrationId\":\"{id}\"}}"
            : $"{{\"registrationId\":\"{id}\",\"tpm\":{{\"endorsementKey\":\"{Convert.ToBase64String(Tpm.EndorsementKey)}\",\"storageRootKey\":\"{Convert.ToBase64String(Tpm.StorageRootKey)}\"}}}}";
        return Encoding.ASCII.GetBytes($"PUT {Path("register")} HTTP/1.1\r\nHost: {ready.Host}\r\n{Header(token)}Content-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}");
    }

    public byte[] Poll(ReadOnlySpan<byte> started, string? token)
        => Encoding.ASCII.GetBytes($"GET {Path("operations/" + Text(started, "\"operationId\":\""u8))} HTTP/1.1\r\nHost: {ready.Host}\r\n{Header(token)}\r\n");

    /// <summary>The authenticationKey of an answer.</summary>
    public static byte[] Blob(ReadOnlySpan<byte> answer) => Convert.FromBase64String(Text(answer, "\"authenticationKey\":\""u8));

    private string Path(string call) => $"/{ready.IdScope}/registrations/{id}/{call}?api-version=2021-06-01";

    private static string Header(string? token) => token is null ? "" : $"Authorization: {token}\r\n";

    private static string Text(ReadOnlySpan<byte> answer, ReadOnlySpan<byte> name)
    {
        var rest = answer[(answer.IndexOf(name) + name.Length)..];
        return Encoding.ASCII.GetString(rest[..rest.IndexOf((byte)'"')]);
    }
}

/// <summary>Makes enrollments.</summary>
internal sealed class ProvisioningServiceClient : IDisposable
{
    private readonly HttpClient _http;

    public ProvisioningServiceClient(ReadyFile ready)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(ready.Address().Trusted);
        var handler = new SocketsHttpHandler { SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy } };
        _http = new HttpClient(handler) { BaseAddress = new Uri($"https://{ready.Host}:{ready.HttpsPort}/"), Timeout = Timeout.InfiniteTimeSpan };
        if (!_http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", HomeportRegistry.ServiceToken(ready.ProvisioningConnectionString)))
            throw new InvalidOperationException("The SAS token is no valid header value.");
    }

    public async Task PutAsync(string path, object body, CancellationToken cancellationToken)
    {
        using var content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
        using var response = await _http.PutAsync(new Uri($"{path}?api-version=2021-10-01", UriKind.Relative), content, cancellationToken);
        if (!response.IsSuccessStatusCode)
            throw new HttpRequestException($"PUT {path} was answered with {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
    }

    /// <summary>Sends a long text and hands on the lines of the answer as they come.</summary>
    public async Task PostAsync(string path, Stream text, Action<string> line, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"{path}?api-version=2021-10-01", UriKind.Relative)) { Content = new StreamContent(text) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("text/csv");
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        response.EnsureSuccessStatusCode();
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await reader.ReadLineAsync(cancellationToken) is { } read)
            line(read);
    }

    public void Dispose() => _http.Dispose();
}
