using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Hub.Trust;

namespace Homeport.Provisioning.Allocation.Linked;

/// <summary>Calls of the REST API of another hub. Nothing is followed elsewhere, and answers are bounded in size and time.</summary>
internal sealed class HubConnection : IDisposable
{
    private const string Version = "api-version=2021-04-12";
    private const int MaxAnswer = 1024 * 1024;
    private static readonly TimeSpan TokenLifetime = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan RetryLater = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    private readonly HttpClient _http;
    private readonly string _policy;
    private readonly byte[] _key;
    private readonly TimeProvider _time;

    public HubConnection(HubAddress address, PeerTrust trust, TimeProvider time)
    {
        HostName = address.HostName;
        (_policy, _key, _time) = (address.Policy, address.Key, time);
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            MaxConnectionsPerServer = 16,
        };
        handler.SslOptions.RemoteCertificateValidationCallback = trust.Validate;
        _http = new HttpClient(handler)
        {
            BaseAddress = new UriBuilder(Uri.UriSchemeHttps, address.HostName, address.Port).Uri,
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = MaxAnswer,
        };
    }

    public string HostName { get; }

    /// <summary>Sends a call. Gives the answer, also one of 404 or another number that is listed; every other one is a refusal.</summary>
    public async Task<Outcome<HubAnswer>> SendAsync(HttpMethod method, string path, JsonNode? body, string? ifMatch, HttpStatusCode[] expected, CancellationToken token)
    {
        using var request = new HttpRequestMessage(method, $"{path}?{Version}");
        request.Headers.TryAddWithoutValidation("Authorization", SharedAccessSignature.Create(HostName, _key, _time.GetUtcNow() + TokenLifetime, _policy));
        if (ifMatch is not null)
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(Patience);
        try
        {
            using var response = await _http.SendAsync(request, limit.Token);
            var answer = await response.Content.ReadAsByteArrayAsync(limit.Token);
            if (!response.IsSuccessStatusCode && !expected.Contains(response.StatusCode))
                return Refuse(response, answer);
            return Parse(answer).Succeeded(out var json, out var refusal) ? new HubAnswer(response.StatusCode, json.Node) : refusal;
        }
        catch (HttpRequestException e)
        {
            return Unavailable($"cannot be reached ({e.HttpRequestError}): {e.Message.TrimEnd('.')}",
                e.HttpRequestError == HttpRequestError.SecureConnectionError
                    ? "Give the certificate of its CA as certificateAuthority of the linked hub, or correct its host name."
                    : "Start it, or correct the network; the device tries again.");
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            return Unavailable($"did not answer within {Patience.TotalSeconds} seconds", "Look after it; the device tries again.");
        }
    }

    public void Dispose() => _http.Dispose();

    private Outcome<ParsedJson> Parse(byte[] answer)
    {
        try
        {
            return new ParsedJson(answer.Length == 0 ? null : JsonNode.Parse(answer, documentOptions: new JsonDocumentOptions { MaxDepth = 64 }));
        }
        catch (JsonException)
        {
            return new Refusal(ProvisioningErrors.HubRefused, $"Hub '{HostName}' answered with something that is no JSON", "Check the host name of the linked hub: is it an IoT hub?");
        }
    }

    private Refusal Refuse(HttpResponseMessage response, byte[] answer)
    {
        var (status, said) = (response.StatusCode, $"Hub '{HostName}' answered {(int)response.StatusCode}: {Words(answer)}");
        if (status == HttpStatusCode.TooManyRequests || (int)status >= 500)
            return new Refusal(ProvisioningErrors.HubUnavailable, said, "The device tries again; when it lasts, look after the hub.") { RetryAfter = WaitOf(response) };
        if (status == HttpStatusCode.RequestEntityTooLarge || said.Contains("QuotaExceeded", StringComparison.Ordinal) || said.Contains("TooManyDevices", StringComparison.Ordinal))
            return new Refusal(ProvisioningErrors.HubFull, said, "Delete devices there, enlarge the hub, or link another one.");
        if (status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
            return new Refusal(ProvisioningErrors.HubUnauthorized, said, $"Link it with the connection string of a policy with registry write and service connect; policy '{_policy}' was used.");
        return new Refusal(ProvisioningErrors.HubRefused, said, "Mend what the hub names.");
    }

    private static TimeSpan WaitOf(HttpResponseMessage response)
        => response.Headers.RetryAfter?.Delta is { } asked && asked > TimeSpan.Zero && asked < LongestWait ? asked : RetryLater;

    private Refusal Unavailable(string what, string fix) => new(ProvisioningErrors.HubUnavailable, $"Hub '{HostName}' {what}", fix) { RetryAfter = RetryLater };

    private static string Words(byte[] answer) => Shown.Text(System.Text.Encoding.UTF8.GetString(answer.AsSpan(0, Math.Min(answer.Length, 400))), 400);

    private sealed record ParsedJson(JsonNode? Node);
}

/// <summary>An answer of a hub.</summary>
internal sealed record HubAnswer(HttpStatusCode Status, JsonNode? Body);
