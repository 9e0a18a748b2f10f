using System.Text.RegularExpressions;

namespace Homeport.Server.Demo;

/// <summary>Shows the HTTPS calls that go through it. Signatures and keys are cut short.</summary>
internal sealed partial class WireTap(Narrator narrator, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const int MaxLine = 480;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        narrator.Wire($"--> {request.Method} {request.RequestUri!.PathAndQuery}");
        if (request.Headers.TryGetValues("Authorization", out var authorization))
            narrator.Wire($"    Authorization: {Redact(authorization.First())}");
        if (request.Content is not null)
            Show(await request.Content.ReadAsStringAsync(cancellationToken));
        var response = await base.SendAsync(request, cancellationToken);
        narrator.Wire($"<-- {(int)response.StatusCode} {response.ReasonPhrase}");
        await response.Content.LoadIntoBufferAsync(cancellationToken);
        Show(await response.Content.ReadAsStringAsync(cancellationToken));
        return response;
    }

    /// <summary>A token without most of its signature.</summary>
    public static string Redact(string token) => Signature().Replace(token, "sig=${head}...");

    private void Show(string body)
    {
        if (body.Length > 0)
            narrator.Wire($"    {Narrator.Shorten(LongText().Replace(body.Replace("\\u002B", "+", StringComparison.Ordinal), "${head}..."), MaxLine)}");
    }

    [GeneratedRegex("sig=(?<head>[^&]{4})[^&]*", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Signature();

    [GeneratedRegex("(?<head>[A-Za-z0-9+/]{24})[A-Za-z0-9+/=]{40,}", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex LongText();
}
