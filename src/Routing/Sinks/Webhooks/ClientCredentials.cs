using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Homeport.Contract.Rest.Operators;

namespace Homeport.Routing.Sinks.Webhooks;

/// <summary>
/// The token that a receiver wants to see, from its authorization server: it is asked for once and kept until it runs out or is refused. Sources: RFC 6749,
/// 4.4 (client credentials) and 2.3.1 (how the client says who it is: by the header, or in the form when the server wants that).
/// </summary>
internal sealed class ClientCredentials(WebhookAuthorization authorization, HttpClient http, TimeProvider time)
{
    private const int MaxAnswer = 64 * 1024;
    private static readonly TimeSpan Early = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan DefaultLife = TimeSpan.FromMinutes(5);

    private string? _token;
    private DateTimeOffset _end;

    /// <summary>The token, or why there is none.</summary>
    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    public async Task<(string? Token, string? Reason)> GetAsync(CancellationToken token)
    {
        if (_token is not null && time.GetUtcNow() < _end)
            return (_token, null);
        var (status, answer) = await AskAsync(inForm: false, token);
        if (status is HttpStatusCode.Unauthorized or HttpStatusCode.BadRequest)
            (status, answer) = await AskAsync(inForm: true, token);
        if (status != HttpStatusCode.OK)
            return (null, string.Create(CultureInfo.InvariantCulture, $"The authorization server answered with status {(int)status}"));
        return Keep(answer) ? (_token, null) : (null, "The authorization server gave no bearer token");
    }

    /// <summary>The receiver refused the token.</summary>
    public void Forget() => _token = null;

    private async Task<(HttpStatusCode Status, byte[] Answer)> AskAsync(bool inForm, CancellationToken token)
    {
        var form = new Dictionary<string, string> { ["grant_type"] = "client_credentials" };
        if (authorization.Scope is { } scope)
            form["scope"] = scope;
        if (authorization.Audience is { } audience)
            form["audience"] = audience;
        if (inForm)
            (form["client_id"], form["client_secret"]) = (authorization.ClientId!, authorization.ClientSecret!);
        using var request = new HttpRequestMessage(HttpMethod.Post, authorization.TokenUrl) { Content = new FormUrlEncodedContent(form) };
        if (!inForm)
        {
            var client = $"{Uri.EscapeDataString(authorization.ClientId!)}:{Uri.EscapeDataString(authorization.ClientSecret!)}";
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(client)));
        }
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token);
        await response.Content.LoadIntoBufferAsync(MaxAnswer, token);
        return (response.StatusCode, await response.Content.ReadAsByteArrayAsync(token));
    }

    private bool Keep(byte[] answer)
    {
        try
        {
            using var document = JsonDocument.Parse(answer);
            if (document.RootElement is not { ValueKind: JsonValueKind.Object } root || !root.TryGetProperty("access_token", out var text) || text.ValueKind != JsonValueKind.String)
                return false;
            var life = root.TryGetProperty("expires_in", out var seconds) && seconds.ValueKind == JsonValueKind.Number && seconds.TryGetInt32(out var given) ? TimeSpan.FromSeconds(given) : DefaultLife;
            _end = time.GetUtcNow() + (life > 2 * Early ? life - Early : life / 2);
            _token = text.GetString();
            return _token!.All(c => c is > ' ' and <= '~');
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
