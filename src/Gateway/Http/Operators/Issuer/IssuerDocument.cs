using Homeport.People.Issuer;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Homeport.Gateway.Http.Operators.Issuer;

/// <summary>
/// What the issuer says of itself: its addresses and keys (OpenID Connect Discovery 1.0). It is fetched when somebody needs it, so the
/// server starts without the issuer; kept for a day; and fetched again, at most every ten seconds, when a token has a key that is not in
/// it. An issuer that does not answer is not asked again for five seconds: meanwhile callers are told at once.
/// </summary>
/// <param name="settings">Where it is.</param>
/// <param name="http">Asks for it; its timeout bounds the wait.</param>
/// <param name="time">Tells the age.</param>
public sealed class IssuerDocument(IssuerSettings settings, HttpClient http, TimeProvider time) : IConfigurationManager<OpenIdConnectConfiguration>, IDisposable
{
    private static readonly TimeSpan Life = TimeSpan.FromDays(1);
    private static readonly TimeSpan RefreshPause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FailurePause = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _one = new(1);
    private readonly HttpDocumentRetriever _retriever = new(http) { RequireHttps = true };
    private OpenIdConnectConfiguration? _known;
    private DateTimeOffset _fetched;
    private volatile bool _stale;
    private IssuerException? _failure;
    private DateTimeOffset _failed;

    /// <summary>The document.</summary>
    /// <exception cref="IssuerException">The issuer does not answer, or answers something else.</exception>
    public async Task<OpenIdConnectConfiguration> GetConfigurationAsync(CancellationToken cancel)
    {
        if (_known is { } known && !IsDue())
            return known;
        await _one.WaitAsync(cancel);
        try
        {
            if (_known is not null && !IsDue())
                return _known;
            if (_failure is not null && time.GetUtcNow() - _failed < FailurePause)
                return _known ?? throw _failure;
            return await FetchAsync(cancel);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>The keys changed: they are fetched when they are needed next, unless they are quite new.</summary>
    public void RequestRefresh() => _stale = time.GetUtcNow() - _fetched >= RefreshPause;

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();

    private bool IsDue() => _stale || time.GetUtcNow() - _fetched >= Life;

    private async Task<OpenIdConnectConfiguration> FetchAsync(CancellationToken cancel)
    {
        try
        {
            var found = await OpenIdConnectConfigurationRetriever.GetAsync(settings.DocumentAddress, _retriever, cancel);
            if (!string.Equals(found.Issuer, settings.Issuer, StringComparison.Ordinal))
                throw new IssuerException($"The issuer calls itself '{found.Issuer}', the setting oidc-issuer '{settings.Issuer}': make them the same, letter by letter.");
            if (found.SigningKeys.Count == 0)
                throw new IssuerException($"The issuer publishes no signing key at {found.JwksUri}.");
            (_known, _fetched, _stale, _failure) = (found, time.GetUtcNow(), false, null);
            return found;
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancel.IsCancellationRequested)
        {
            _failure = e as IssuerException ?? new IssuerException($"{settings.DocumentAddress} cannot be read: {e.InnerException?.Message ?? e.Message}", e);
            _failed = time.GetUtcNow();
            // Keys that were good stay good while the issuer is down.
            return _known ?? throw _failure;
        }
    }
}

/// <summary>The issuer cannot be used now. The message is for the operator's log.</summary>
public sealed class IssuerException(string message, Exception? inner = null) : Exception(message, inner);
