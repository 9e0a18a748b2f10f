using System.Net.Security;
using Homeport.Gateway.Http.Operators.Issuer;
using Homeport.Server.Options;
using Homeport.WebConsole.Access;

namespace Homeport.Server;

/// <summary>What talks to the OpenID Connect issuer: one client and one copy of its keys for the console and for the API.</summary>
internal sealed class IssuerParts : IDisposable
{
    // Somebody waits in front of a browser.
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);
    private const int MaxAnswer = 1024 * 1024;

    private readonly HttpClient _http;

    public IssuerParts(IssuerOptions options, TimeProvider time)
    {
        Options = options;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = options.Trust.Validate },
        };
        _http = new HttpClient(handler) { Timeout = Timeout, MaxResponseContentBufferSize = MaxAnswer };
        Document = new IssuerDocument(options.Settings, _http, time);
    }

    public IssuerOptions Options { get; }

    public IssuerDocument Document { get; }

    /// <summary>For the console; the people are put together later.</summary>
    public ConsoleIssuer Console(Func<PeopleParts> people) => new(Options.Settings, Document, _http, () => people().IssuerSignIn!);

    /// <inheritdoc/>
    public void Dispose()
    {
        Document.Dispose();
        _http.Dispose();
    }
}
