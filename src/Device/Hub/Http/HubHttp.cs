using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Homeport.Device.Client.Errors;

namespace Homeport.Device.Hub.Http;

/// <summary>Calls to the device API of a hub over HTTPS, with a token of now or a certificate. Source: IoT Hub device REST API.</summary>
internal sealed class HubHttp : IDisposable
{
    private const int MaxBodyBytes = 512 * 1024;

    private readonly HubTarget _target;
    private readonly Func<CancellationToken, ValueTask<string?>> _token;
    private readonly HttpClient _http;
    private readonly TrustVerdict _verdict = new();

    public HubHttp(HubTarget target, Func<CancellationToken, ValueTask<string?>> token)
    {
        _target = target;
        _token = token;
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            ConnectTimeout = target.ConnectLimit,
            SslOptions = target.TlsOptions(_verdict),
            // A name server may give another address some day.
            PooledConnectionLifetime = TimeSpan.FromMinutes(15),
        })
        {
            BaseAddress = target.HttpsAddress,
            MaxResponseContentBufferSize = MaxBodyBytes,
            Timeout = target.ConnectLimit + target.AnswerLimit,
        };
    }

    /// <summary>Calls <c>/devices/{id}/{path}</c> and gives the answer if it is a success.</summary>
    /// <param name="method">HTTP method.</param>
    /// <param name="path">Below the device, without the API version, with other query parameters.</param>
    /// <param name="content">Body, or null.</param>
    /// <param name="etag">For <c>If-Match</c>, or null.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="IotHubException">There is no answer, or it is a refusal.</exception>
    public async Task<HttpResponseMessage> CallAsync(HttpMethod method, string path, HttpContent? content, string? etag, CancellationToken cancellationToken)
    {
        var separator = path.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        using var request = new HttpRequestMessage(method, $"{_target.Path}/{path}{separator}api-version={HubTarget.ApiVersion}");
        request.Content = content;
        request.Headers.UserAgent.ParseAdd("homeport-device");
        if (_target.GatewayHostName is not null)
            request.Headers.Host = _target.HostName;
        if (await _token(cancellationToken) is { } token)
            request.Headers.TryAddWithoutValidation("Authorization", token);
        if (etag is not null)
            request.Headers.IfMatch.Add(new EntityTagHeaderValue($"\"{etag}\""));
        var response = await SendAsync(request, cancellationToken);
        if (response.IsSuccessStatusCode)
            return response;
        using (response)
            throw await RefusalAsync(response, cancellationToken);
    }

    /// <summary>Puts a file where a ticket says; its address carries its own token.</summary>
    public async Task<HttpStatusCode> PutAsync(Uri address, HttpContent content, string? blobType, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, address) { Content = content };
        if (blobType is not null)
            request.Headers.TryAddWithoutValidation("x-ms-blob-type", blobType);
        using var response = await SendAsync(request, cancellationToken);
        return response.StatusCode;
    }

    /// <summary>What the hub thinks the time is, by the header <c>Date</c> of any answer; null when there is none.</summary>
    public async Task<DateTimeOffset?> GetTimeAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        using var response = await SendAsync(request, cancellationToken);
        return response.Headers.Date;
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            _verdict.Reason = null;
            return await _http.SendAsync(request, cancellationToken);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw IotHubException.Of(HubLinkEnd.Silence, $"{_target.ServerName}:{_target.HttpsPort} did not answer within {_http.Timeout}.", e);
        }
        catch (HttpRequestException e)
        {
            throw HubConnection.Explain(e, _target.ServerName, _target.HttpsPort, _verdict)!;
        }
    }

    private static async Task<IotHubException> RefusalAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var end = response.StatusCode switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.NotFound => HubLinkEnd.Refused,
            HttpStatusCode.Forbidden => HubLinkEnd.QuotaExceeded,
            HttpStatusCode.PreconditionFailed => HubLinkEnd.LockLost,
            HttpStatusCode.RequestEntityTooLarge => HubLinkEnd.TooLarge,
            HttpStatusCode.TooManyRequests => HubLinkEnd.Throttled,
            >= HttpStatusCode.InternalServerError => HubLinkEnd.Unavailable,
            _ => HubLinkEnd.Rejected,
        };
        var text = Reason(await response.Content.ReadAsByteArrayAsync(cancellationToken));
        return IotHubException.Of(end, $"The hub answered {(int)response.StatusCode}: {text}");
    }

    /// <summary>The member <c>Message</c> of an error body. Bodies that are no JSON, such as those of proxies, are not shown.</summary>
    private static string Reason(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("Message", out var message)
                ? message.ToString()
                : "no reason given";
        }
        catch (JsonException)
        {
            return "no reason given";
        }
    }
}
