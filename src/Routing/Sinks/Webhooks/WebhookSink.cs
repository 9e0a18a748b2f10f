using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Homeport.Contract.Messages;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Trust;

namespace Homeport.Routing.Sinks.Webhooks;

/// <summary>
/// Posts batches of events, or each body by itself. Every status from 200 to 299 confirms a batch. 400, 413 and 422 refuse its messages; all else is a receiver
/// that takes nothing now: what is wrong with it (a key, an address, a failure) concerns all messages alike.
/// </summary>
/// <remarks>Source: CloudEvents "HTTP Protocol Binding", batched content mode; Standard Webhooks.</remarks>
internal sealed class WebhookSink : IEndpointSink
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly RoutingEndpointDescription _endpoint;
    private readonly EventJson _events;
    private readonly TimeProvider _time;
    private readonly byte[]? _key;
    private readonly HttpClient _http;
    private readonly ClientCredentials? _credentials;

    public WebhookSink(RoutingEndpointDescription endpoint, EventJson events, PeerTrust trust, TimeProvider time)
    {
        (_endpoint, _events, _time) = (endpoint, events, time);
        _key = endpoint.Secret is { } secret ? WebhookSignature.KeyOf(secret) : null;
        var handler = new SocketsHttpHandler
        {
            // A redirection would take messages and headers to a place that nobody named.
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            ConnectTimeout = TimeSpan.FromSeconds(10),
            ConnectCallback = (context, token) => PeerConnection.ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, token),
        };
        handler.SslOptions.RemoteCertificateValidationCallback = trust.Validate;
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        _credentials = endpoint.Authorization is { } authorization ? new ClientCredentials(authorization, _http, time) : null;
    }

    /// <inheritdoc/>
    public int MaxMessages => 100;

    /// <inheritdoc/>
    public async Task<DeliveryFailure?> SendAsync(IReadOnlyList<RoutedMessage> batch, CancellationToken token)
    {
        if (_endpoint.Schema != WebhookSinks.Bodies)
        {
            var eventGrid = _endpoint.Schema == "eventGrid";
            return await PostAsync(() => MakeRequest(batch, eventGrid), token);
        }
        for (var i = 0; i < batch.Count; i++)
        {
            var message = batch[i];
            if (await PostAsync(() => MakeRequest(message), token) is { } failure)
                return failure with { Delivered = i };
        }
        return null;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<DeliveryFailure?> PostAsync(Func<HttpRequestMessage> make, CancellationToken token)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(Patience);
        try
        {
            using var request = make();
            if (_credentials is not null)
            {
                var (bearer, reason) = await _credentials.GetAsync(limit.Token);
                if (bearer is null)
                    return new DeliveryFailure(reason!);
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
            }
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            if (response.IsSuccessStatusCode)
                return null;
            if (response.StatusCode == HttpStatusCode.Unauthorized)
                _credentials?.Forget();
            var ofMessages = response.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnprocessableEntity;
            return new DeliveryFailure(string.Create(CultureInfo.InvariantCulture, $"It answered with status {(int)response.StatusCode}"), ofMessages);
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            return new DeliveryFailure(Upper(PeerConnection.Explain(e)));
        }
    }

    private HttpRequestMessage MakeRequest(IReadOnlyList<RoutedMessage> batch, bool eventGrid)
    {
        var type = eventGrid ? new MediaTypeHeaderValue("application/json", "utf-8") : new MediaTypeHeaderValue("application/cloudevents-batch+json", "utf-8");
        var request = Sign(_events.Write(batch, eventGrid), type, _events.IdOf(batch[0]));
        if (eventGrid)
            request.Headers.Add("aeg-event-type", "Notification");
        return request;
    }

    private HttpRequestMessage MakeRequest(RoutedMessage message)
    {
        if (!MediaTypeHeaderValue.TryParse(message.Stated(SystemProperty.ContentType), out var type))
            type = new MediaTypeHeaderValue("application/octet-stream");
        else if (type.CharSet is null && message.Stated(SystemProperty.ContentEncoding) is { Length: > 0 } charset && charset.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
            type.CharSet = charset;
        return Sign(message.Body.ToArray(), type, _events.IdOf(message));
    }

    private HttpRequestMessage Sign(byte[] body, MediaTypeHeaderValue type, string id)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, _endpoint.Url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = type;
        foreach (var (name, value) in _endpoint.Headers ?? new Dictionary<string, string>())
            request.Headers.TryAddWithoutValidation(name, value);
        if (_key is null)
            return request;
        var timestamp = _time.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", timestamp);
        request.Headers.Add("webhook-signature", WebhookSignature.Sign(_key, id, timestamp, body));
        return request;
    }

    private static string Upper(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
