using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Homeport.Contract.Access;
using Homeport.Contract.Rest;
using Homeport.Device;

namespace Homeport.Tool;

/// <summary>Homeport's own REST, as a service.</summary>
internal sealed class HubClient : IDisposable
{
    private static readonly TimeSpan TokenLifetime = TimeSpan.FromMinutes(10);

    private readonly ConnectionString _connection;
    private readonly HttpClient _http;
    private readonly TimeProvider _time;

    public HubClient(ConnectionString connection, int port, ServerTrust trust, TimeProvider time)
    {
        _connection = connection;
        _time = time;
        var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = trust.Validate;
        _http = new HttpClient(handler) { BaseAddress = new UriBuilder(Uri.UriSchemeHttps, connection.HostName, port).Uri };
    }

    /// <summary>A page of messages; waits for the first one.</summary>
    public Task<MessagePage> ReadMessagesAsync(int partition, string offset, int waitSeconds, CancellationToken token)
        => GetAsync($"homeport/v1/messages?partition={partition}&offset={offset}&max=1000&wait={waitSeconds}", Json.Default.MessagePage, token);

    /// <summary>Why something was refused.</summary>
    public Task<ExplanationBody> ExplainAsync(string trackingId, CancellationToken token)
        => GetAsync($"homeport/v1/explanations/{Uri.EscapeDataString(trackingId)}", Json.Default.ExplanationBody, token);

    public void Dispose() => _http.Dispose();

    private async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Authorization", SharedAccessSignature.Create(
            _connection.HostName, Convert.FromBase64String(_connection.SharedAccessKey!), _time.GetUtcNow() + TokenLifetime, _connection.SharedAccessKeyName));
        try
        {
            using var response = await _http.SendAsync(request, token);
            var body = await response.Content.ReadAsByteArrayAsync(token);
            if (response.StatusCode != HttpStatusCode.OK)
                throw new ToolException($"The server answered {(int)response.StatusCode}: {Reason(body)}");
            return JsonSerializer.Deserialize(body, type)!;
        }
        catch (HttpRequestException e)
        {
            throw new ToolException($"The server cannot be reached: {e.Message} {e.InnerException?.Message}", e);
        }
    }

    private static string Reason(byte[] body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, Json.Default.HubErrorBody)?.Message ?? "";
        }
        catch (JsonException)
        {
            return "(no explanation)";
        }
    }
}
