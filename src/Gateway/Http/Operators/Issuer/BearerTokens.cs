using Homeport.Contract.Errors;
using Homeport.People.Access;
using Homeport.People.Issuer;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Homeport.Gateway.Http.Operators.Issuer;

/// <summary>Bearer tokens of the issuer for the operators' API: JSON Web Tokens (RFC 7519, RFC 6750), checked by the keys that the issuer publishes.</summary>
public sealed partial class BearerTokens(IssuerSettings settings, IssuerDocument document, IssuerSignIn people, ILogger<BearerTokens> logger)
{
    private const string Scheme = "Bearer ";

    // Asymmetric ones only: no key of ours or of the client can sign, and "none" is none of them.
    private static readonly string[] Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(2);
    private static readonly JsonWebTokenHandler Handler = new() { MapInboundClaims = false };

    /// <summary>True when a header <c>Authorization</c> is for these.</summary>
    internal static bool IsBearer(string? authorization) => authorization is not null && authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase);

    /// <summary>Who comes with a bearer token.</summary>
    internal async Task<Outcome<Actor>> AuthenticateAsync(string authorization, string? address, CancellationToken token)
    {
        if (settings.Audience is not { } audience)
            return Refused("This server takes no bearer tokens", "Set oidc-audience, or send an API token.");
        try
        {
            var text = authorization[Scheme.Length..].Trim();
            var result = await Handler.ValidateTokenAsync(text, Rules(audience, await document.GetConfigurationAsync(token)));
            if (result.Exception is SecurityTokenSignatureKeyNotFoundException)
            {
                // The issuer may have new keys.
                document.RequestRefresh();
                result = await Handler.ValidateTokenAsync(text, Rules(audience, await document.GetConfigurationAsync(token)));
            }
            if (!result.IsValid)
                return Explain(result.Exception, audience);
            return IssuerIdentity.Read(result.ClaimsIdentity.Claims, settings) is { } who
                ? await people.AuthenticateAsync(who, address, token)
                : Refused("The token has no claim sub", "Ask the issuer for a token that names its subject.");
        }
        catch (IssuerException e)
        {
            LogUnavailable(logger, e.Message);
            return new Refusal(PeopleErrors.IssuerUnavailable, "The keys of the issuer cannot be fetched", "Try again in a moment; the server's log says more.");
        }
    }

    private TokenValidationParameters Rules(string audience, OpenIdConnectConfiguration configuration) => new()
    {
        ValidIssuer = settings.Issuer,
        ValidAudience = audience,
        IssuerSigningKeys = configuration.SigningKeys,
        ValidAlgorithms = Algorithms,
        ClockSkew = Skew,
    };

    private Refusal Explain(Exception? reason, string audience) => reason switch
    {
        SecurityTokenExpiredException e => Refused($"The token ended at {e.Expires:O}", "Get a new one from the issuer."),
        SecurityTokenNotYetValidException e => Refused($"The token begins at {e.NotBefore:O}", "Set the clocks of the issuer and of this server."),
        SecurityTokenInvalidAudienceException => Refused("The token is for another audience", $"Ask the issuer for a token for '{audience}'."),
        SecurityTokenInvalidIssuerException => Refused("The token is of another issuer", $"Get one from {settings.Issuer}."),
        SecurityTokenNoExpirationException => Refused("The token has no end", "Ask the issuer for a token with the claim exp."),
        SecurityTokenInvalidAlgorithmException => Refused("The token is signed in a way that is not taken", $"Let the issuer sign with one of {string.Join(", ", Algorithms)}."),
        SecurityTokenSignatureKeyNotFoundException or SecurityTokenInvalidSignatureException => Refused("The token has no signature of the issuer", $"Get one from {settings.Issuer}."),
        _ => Refused("The header Authorization holds no JSON Web Token", "Send Bearer and the access token as the issuer gave it."),
    };

    private static Refusal Refused(string seen, string fix) => new(PeopleErrors.Unauthorized, seen, fix);

    [LoggerMessage(EventId = 4301, Level = LogLevel.Warning, Message = "Bearer tokens cannot be checked. {Reason}")]
    private static partial void LogUnavailable(ILogger logger, string reason);
}
