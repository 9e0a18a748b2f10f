using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Homeport.Contract.Access;
using Homeport.Contract.Rest;
using Homeport.Device;

namespace Homeport.Tool;

/// <summary>A call of the service REST API.</summary>
/// <param name="Method">HTTP method.</param>
/// <param name="Path">Path and query; the api-version is added.</param>
/// <param name="Body">Body, or null.</param>
internal sealed record HubRequest(HttpMethod Method, string Path, byte[]? Body = null)
{
    /// <summary>A condition, or null.</summary>
    public string? IfMatch { get; init; }

    public string? ContentType { get; init; } = "application/json";

    /// <summary>An answer of 400 is an answer too: bulk calls list in it what was refused.</summary>
    public bool TakesRefusals { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>How long the answer may take.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(100);
}

/// <summary>An answer with a status of 200 to 299.</summary>
internal sealed record HubAnswer(HttpStatusCode Status, byte[] Body, HttpResponseHeaders Headers)
{
    public string? Header(string name) => Headers.TryGetValues(name, out var values) ? values.First() : null;

    /// <summary>The body as JSON of a known shape.</summary>
    public T As<T>(JsonTypeInfo<T> type) => Read(() => JsonSerializer.Deserialize(Body, type)!);

    /// <summary>The body as any JSON.</summary>
    public JsonNode? Node() => Read(() => JsonNode.Parse(Body));

    private static T Read<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (JsonException e)
        {
            throw new ToolException("The server's answer is not the JSON that is expected. Is it a Homeport server of this version?", e);
        }
    }
}

/// <summary>The service REST API, Azure's and Homeport's own.</summary>
internal sealed class HubClient : IDisposable
{
    private const string Version = "api-version=2021-04-12";
    private static readonly TimeSpan TokenLifetime = TimeSpan.FromMinutes(10);

    private readonly string _policy;
    private readonly byte[] _key;
    private readonly HttpClient _http;

    public HubClient(ConnectionString connection, int port, ServerTrust trust, TimeProvider time)
    {
        HostName = connection.HostName;
        _policy = connection.SharedAccessKeyName!;
        _key = Convert.FromBase64String(connection.SharedAccessKey!);
        Time = time;
        Trust = trust;
        var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = trust.Validate;
        _http = new HttpClient(handler) { BaseAddress = new UriBuilder(Uri.UriSchemeHttps, connection.HostName, port).Uri, Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>Host name of the hub, as devices write it.</summary>
    public string HostName { get; }

    /// <summary>Which servers are believed.</summary>
    public ServerTrust Trust { get; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>A page of messages; waits for the first one.</summary>
    public async Task<MessagePage> ReadMessagesAsync(int partition, string offset, int waitSeconds, CancellationToken token)
        => (await GetAsync($"homeport/v1/messages?partition={partition}&offset={Uri.EscapeDataString(offset)}&max=1000&wait={waitSeconds}", token)).As(Json.Default.MessagePage);

    public Task<HubAnswer> GetAsync(string path, CancellationToken token) => SendAsync(new HubRequest(HttpMethod.Get, path), token);

    /// <summary>Sends a call.</summary>
    /// <exception cref="ToolException">The server refuses, or does not answer.</exception>
    public async Task<HubAnswer> SendAsync(HubRequest call, CancellationToken token)
    {
        using var request = ToMessage(call);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(call.Patience);
        try
        {
            using var response = await _http.SendAsync(request, limit.Token);
            var body = await response.Content.ReadAsByteArrayAsync(limit.Token);
            return response.IsSuccessStatusCode || (call.TakesRefusals && response.StatusCode == HttpStatusCode.BadRequest)
                ? new HubAnswer(response.StatusCode, body, response.Headers)
                : throw new ToolException($"The server answered {(int)response.StatusCode}: {Reason(body)}") { Status = response.StatusCode, IsTransient = response.StatusCode is HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests };
        }
        catch (HttpRequestException e)
        {
            throw new ToolException($"The server at {_http.BaseAddress} cannot be reached: {e.Message} {e.InnerException?.Message}", e) { IsTransient = true };
        }
        catch (OperationCanceledException e) when (!token.IsCancellationRequested)
        {
            throw new ToolException($"The server at {_http.BaseAddress} did not answer within {call.Patience.TotalSeconds} seconds.", e) { IsTransient = true };
        }
    }

    public void Dispose() => _http.Dispose();

    private HttpRequestMessage ToMessage(HubRequest call)
    {
        var path = call.Path.StartsWith("homeport/", StringComparison.Ordinal) || call.Path.Contains("api-version=", StringComparison.Ordinal) ? call.Path : $"{call.Path}{(call.Path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{Version}";
        var request = new HttpRequestMessage(call.Method, path);
        request.Headers.TryAddWithoutValidation("Authorization", SharedAccessSignature.Create(HostName, _key, Time.GetUtcNow() + TokenLifetime, _policy));
        if (call.IfMatch is { } tag)
            request.Headers.TryAddWithoutValidation("If-Match", tag == "*" ? tag : $"\"{tag.Trim('"')}\"");
        foreach (var (name, value) in call.Headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (call.Body is not null)
        {
            request.Content = new ByteArrayContent(call.Body);
            if (call.ContentType is not null)
                request.Content.Headers.ContentType = new MediaTypeHeaderValue(call.ContentType);
        }
        return request;
    }

    /// <summary>Cause and fix as the server tells them, and the tracking id under which there is more.</summary>
    private static string Reason(byte[] body)
    {
        try
        {
            var error = JsonSerializer.Deserialize(body, Json.Default.HubErrorBody);
            var message = (error?.Message ?? "").Replace("ErrorCode:", "", StringComparison.Ordinal).Replace(";", ": ", StringComparison.Ordinal);
            // The provisioning service has another form of errors.
            var trackingId = (error?.ExceptionMessage ?? JsonSerializer.Deserialize(body, Json.Default.DeviceErrorBody)?.TrackingId ?? "").Replace("Tracking ID:", "", StringComparison.Ordinal).Split('-')[0];
            return trackingId.Length == 0 ? message : $"{message} (tracking id {trackingId})";
        }
        catch (JsonException)
        {
            return "without a reason. Is it a Homeport server?";
        }
    }
}
