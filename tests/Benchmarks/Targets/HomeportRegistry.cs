using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Homeport.Tests.Benchmarks.Load;

namespace Homeport.Tests.Benchmarks.Targets;

/// <summary>Creates and deletes devices through the hub's REST registry, as a back-end application would.</summary>
internal sealed class HomeportRegistry : IDisposable
{
    private const string ApiVersion = "2021-04-12";
    private const int Parallel = 4;
    private static readonly TimeSpan TokenLife = TimeSpan.FromHours(24);
    private readonly HttpClient _http;
    private readonly string _hub;

    public HomeportRegistry(string connectionString, int httpsPort, X509Certificate2 trusted)
    {
        _hub = Parts(connectionString)["HostName"];
        var handler = new SocketsHttpHandler { SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = TrustOnly(trusted) } };
        _http = new HttpClient(handler) { BaseAddress = new Uri($"https://{_hub}:{httpsPort}/") };
        if (!_http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", ServiceToken(connectionString)))
            throw new InvalidOperationException("The SAS token is no valid header value.");
    }

    /// <summary>A token for the whole hub.</summary>
    public static string ServiceToken(string connectionString)
    {
        var parts = Parts(connectionString);
        return Token(Uri.EscapeDataString(parts["HostName"]), parts["SharedAccessKey"]) + $"&skn={Uri.EscapeDataString(parts["SharedAccessKeyName"])}";
    }

    public async Task<IReadOnlyList<DeviceLogin>> CreateAsync(int count, CancellationToken cancellationToken)
    {
        var run = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
        var logins = new DeviceLogin[count];
        await ForEachAsync(Enumerable.Range(0, count), async (i, token) => logins[i] = await CreateOneAsync($"bench-{run}-{i}", Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)), token), cancellationToken);
        return logins;
    }

    public Task DeleteAsync(IReadOnlyList<DeviceLogin> logins, CancellationToken cancellationToken) => ForEachAsync(
        logins,
        async (login, token) =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Delete, PathOf(login.ClientId));
            request.Headers.IfMatch.Add(EntityTagHeaderValue.Any);
            await SendAsync(request, token);
        },
        cancellationToken);

    /// <summary>Messages in each partition of a log that dropped none.</summary>
    public async Task<long[]> CountMessagesAsync(int partitions, CancellationToken cancellationToken)
    {
        var counts = new long[partitions];
        for (var i = 0; i < partitions; i++)
        {
            using var page = JsonDocument.Parse(await _http.GetStringAsync(new Uri($"homeport/v1/messages?partition={i}&offset=latest&max=1", UriKind.Relative), cancellationToken));
            counts[i] = page.RootElement.GetProperty("nextOffset").GetInt64();
        }
        return counts;
    }

    public void Dispose() => _http.Dispose();

    private static Task ForEachAsync<T>(IEnumerable<T> items, Func<T, CancellationToken, Task> action, CancellationToken cancellationToken) =>
        System.Threading.Tasks.Parallel.ForEachAsync(
            items,
            new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellationToken },
            async (item, token) => await action(item, token));

    private static Dictionary<string, string> Parts(string connectionString) => connectionString.Split(';')
        .Select(static part => part.Split('=', 2)).ToDictionary(static part => part[0], static part => part[1], StringComparer.OrdinalIgnoreCase);

    private static string PathOf(string deviceId) => $"devices/{deviceId}?api-version={ApiVersion}";

    private static string Token(string resource, string base64Key)
    {
        var expiry = (TimeProvider.System.GetUtcNow() + TokenLife).ToUnixTimeSeconds();
        var signature = HMACSHA256.HashData(Convert.FromBase64String(base64Key), Encoding.UTF8.GetBytes($"{resource}\n{expiry}"));
        return $"SharedAccessSignature sr={resource}&sig={Uri.EscapeDataString(Convert.ToBase64String(signature))}&se={expiry}";
    }

    /// <summary>Trusts one root and nothing else.</summary>
    public static X509ChainPolicy TrustOnly(X509Certificate2 trusted)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(trusted);
        return policy;
    }

    /// <summary>Registers a device whose key the caller has.</summary>
    public async Task<DeviceLogin> CreateOneAsync(string deviceId, string key, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, PathOf(deviceId))
        {
            Content = new StringContent(Identity(deviceId, key), Encoding.UTF8, "application/json"),
        };
        await SendAsync(request, cancellationToken);
        return new DeviceLogin(deviceId, $"{_hub}/{deviceId}/?api-version={ApiVersion}", Token(Uri.EscapeDataString($"{_hub}/devices/{deviceId}"), key));
    }

    private static string Identity(string deviceId, string key)
    {
        var secondary = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        var symmetricKey = new { primaryKey = key, secondaryKey = secondary };
        return JsonSerializer.Serialize(new { deviceId, authentication = new { type = "sas", symmetricKey } });
    }

    private async Task SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var response = await _http.SendAsync(request, cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            var body = await response.Content.ReadAsStringAsync(cancellationToken);
            throw new HttpRequestException($"{request.Method} {request.RequestUri} was answered with {(int)response.StatusCode}: {body}");
        }
    }
}
