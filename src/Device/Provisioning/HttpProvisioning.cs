using System.Net.Http.Headers;
using System.Net.Security;
using Homeport.Device.Client.Errors;
using Homeport.Device.Hub;

namespace Homeport.Device.Provisioning;

/// <summary>The device API of a provisioning service over HTTPS.</summary>
internal sealed class HttpProvisioning : IProvisioningTransport
{
    /// <summary>What services of all ages accept.</summary>
    public const string ApiVersion = "2021-06-01";

    private const int MaxBodyBytes = 64 * 1024;

    private static readonly MediaTypeHeaderValue JsonContent = new("application/json", "utf-8");

    private readonly ProvisioningOptions _options;
    private readonly TimeProvider _time;
    private readonly TrustVerdict _verdict = new();
    private readonly HttpClient _http;

    public HttpProvisioning(ProvisioningOptions options, SslStreamCertificateContext? certificate, TimeProvider time)
    {
        _options = options;
        _time = time;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            ConnectTimeout = options.RequestLimit,
            SslOptions = HubTarget.TlsOptions(options.HostName, options.Trust, certificate, _verdict),
        };
        _http = new HttpClient(options.Observe?.Invoke(handler) ?? handler)
        {
            BaseAddress = new Uri($"https://{options.Endpoint}/"),
            MaxResponseContentBufferSize = MaxBodyBytes,
            Timeout = options.RequestLimit,
        };
    }

    /// <inheritdoc/>
    public Task<ProvisioningAnswer> RegisterAsync(string registrationId, byte[] body, string? token, CancellationToken cancellationToken)
        => SendAsync(HttpMethod.Put, $"{Address(registrationId)}/register", body, token, cancellationToken);

    /// <inheritdoc/>
    public Task<ProvisioningAnswer> PollAsync(string registrationId, string operationId, string? token, CancellationToken cancellationToken)
        => SendAsync(HttpMethod.Get, $"{Address(registrationId)}/operations/{Uri.EscapeDataString(operationId)}", null, token, cancellationToken);

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return ValueTask.CompletedTask;
    }

    private string Address(string registrationId) => $"{Uri.EscapeDataString(_options.IdScope)}/registrations/{Uri.EscapeDataString(registrationId)}";

    private async Task<ProvisioningAnswer> SendAsync(HttpMethod method, string address, byte[]? body, string? token, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, $"{address}?api-version={ApiVersion}");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (token is not null)
            request.Headers.TryAddWithoutValidation("Authorization", token);
        if (body is not null)
            request.Content = new ByteArrayContent(body) { Headers = { ContentType = JsonContent } };
        try
        {
            _verdict.Reason = null;
            using var response = await _http.SendAsync(request, cancellationToken);
            var wait = response.Headers.RetryAfter;
            var bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken);
            return new ProvisioningAnswer(response.StatusCode, bytes, wait?.Delta ?? wait?.Date - _time.GetUtcNow());
        }
        catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
        {
            throw IotHubException.Of(HubLinkEnd.ProtocolError, $"An answer has more than {MaxBodyBytes} bytes.", e);
        }
        catch (HttpRequestException e)
        {
            throw HubConnection.Explain(e, _options.HostName, _options.HttpsPort, _verdict)!;
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw IotHubException.Of(HubLinkEnd.Silence, $"{_options.Endpoint} did not answer within {_options.RequestLimit}.", e);
        }
    }
}
