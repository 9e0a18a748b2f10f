using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Device;

namespace Homeport.Tool.Migration;

/// <summary>The REST API of an IoT Central application, or of a Homeport server, with an API token.</summary>
internal sealed class CentralClient : IDisposable
{
    private const string Version = "api-version=2022-07-31";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private readonly HttpClient _http;
    private readonly string _token;

    /// <summary>Opens a client.</summary>
    /// <param name="address">Of the application, such as <c>https://contoso.azureiotcentral.com</c>.</param>
    /// <param name="token">API token, as it was shown when it was made.</param>
    /// <param name="trust">Which servers are believed.</param>
    public CentralClient(Uri address, string token, ServerTrust trust)
    {
        _token = token;
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false };
        handler.SslOptions.RemoteCertificateValidationCallback = trust.Validate;
        _http = new HttpClient(handler) { BaseAddress = address, Timeout = Patience };
    }

    /// <summary>Reads something.</summary>
    public Task<JsonNode?> GetAsync(string path, CancellationToken token) => SendAsync(HttpMethod.Get, path, (JsonNode?)null, token);

    /// <summary>Sends a call.</summary>
    /// <exception cref="ToolException">The application refuses, or does not answer.</exception>
    public Task<JsonNode?> SendAsync(HttpMethod method, string path, JsonNode? body, CancellationToken token)
        => SendAsync(method, path, body is null ? null : new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"), token);

    /// <summary>Sends a call with any body.</summary>
    /// <exception cref="ToolException">The application refuses, or does not answer.</exception>
    public async Task<JsonNode?> SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken token)
    {
        // A link to the next page is whole, and is followed on the same host only: the token goes nowhere else.
        var target = Uri.TryCreate(path, UriKind.Absolute, out var link) && link.Scheme == Uri.UriSchemeHttps ? link.PathAndQuery : path;
        if (!target.Contains("api-version=", StringComparison.Ordinal))
            target += (target.Contains('?', StringComparison.Ordinal) ? "&" : "?") + Version;
        using var request = new HttpRequestMessage(method, target) { Content = content };
        request.Headers.TryAddWithoutValidation("Authorization", _token);
        try
        {
            using var response = await _http.SendAsync(request, token);
            var text = await response.Content.ReadAsStringAsync(token);
            if (response.IsSuccessStatusCode)
                return text.Length == 0 ? null : JsonNode.Parse(text);
            throw new ToolException($"{_http.BaseAddress!.Host} answered {(int)response.StatusCode}: {Reason(text)}")
            {
                Status = response.StatusCode,
                IsTransient = response.StatusCode is HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests,
            };
        }
        catch (JsonException e)
        {
            throw new ToolException($"{_http.BaseAddress!.Host} gave an answer that is no JSON. Is it an IoT Central application?", e);
        }
        catch (HttpRequestException e)
        {
            throw new ToolException($"{_http.BaseAddress} cannot be reached: {e.Message} {e.InnerException?.Message}", e) { IsTransient = true };
        }
        catch (OperationCanceledException e) when (!token.IsCancellationRequested)
        {
            throw new ToolException($"{_http.BaseAddress} did not answer in time.", e) { IsTransient = true };
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static string Reason(string text)
    {
        try
        {
            return MigrationRun.Text((JsonNode.Parse(text) as JsonObject)?["error"]?["message"]) ?? "without a reason.";
        }
        catch (JsonException)
        {
            return "without a reason.";
        }
    }
}
