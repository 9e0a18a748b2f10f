using Homeport.Contract.Errors;
using Homeport.People.Issuer;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Homeport.WebConsole.Access;

/// <summary>What the console needs to send people to an issuer.</summary>
/// <param name="Settings">The issuer, and who this server is to it.</param>
/// <param name="Document">What the issuer says of itself.</param>
/// <param name="Http">Calls the issuer; its timeout bounds the wait.</param>
/// <param name="People">Lets in whom the issuer vouches for.</param>
public sealed record ConsoleIssuer(IssuerSettings Settings, IConfigurationManager<OpenIdConnectConfiguration> Document, HttpClient Http, Func<IssuerSignIn> People);

/// <summary>
/// Sign-in by an OpenID Connect issuer: authorization code flow with PKCE (RFC 7636), state and nonce. Its end is a session like that of
/// a password; nothing of the issuer's tokens is kept.
/// </summary>
internal static partial class IssuerDoor
{
    /// <summary>Sends the browser to the issuer.</summary>
    public const string BeginPath = ConsoleGate.SignInPath + "/issuer";

    /// <summary>Where the issuer sends it back: the redirect URI to enter there.</summary>
    public const string BackPath = ConsoleGate.SignInPath + "/callback";

    private const string Scheme = "issuer";
    private const string CookiePrefix = "__Secure-homeport-issuer-";
    private const string Again = "again";

    private static readonly ServiceError[] Problems =
        [PeopleErrors.NoAccount, PeopleErrors.EmailNotVerified, PeopleErrors.AccountClaimed, PeopleErrors.AccountDisabled, PeopleErrors.PreconditionFailed];

    /// <summary>Registers the protocol's handler.</summary>
    public static void AddIssuer(this IServiceCollection services, ConsoleIssuer issuer)
    {
        // With one scheme alone the framework would ask it about every request.
        AppContext.SetSwitch("Microsoft.AspNetCore.Authentication.SuppressAutoDefaultScheme", true);
        services.AddAuthentication().AddOpenIdConnect(Scheme, options => Configure(options, issuer));
    }

    /// <summary>Maps the way to the issuer. The way back is the handler's, behind the gate of the console.</summary>
    public static void MapIssuer(this WebApplication app)
    {
        app.UseAuthentication();
        app.MapGet(BeginPath, BeginAsync);
    }

    /// <summary>Why the last sign-in by the issuer came to nothing, for the sign-in page. The words are ours: the address holds a name only.</summary>
    public static Refusal? Explain(string? problem) => problem switch
    {
        null or "" => null,
        "unavailable" => new Refusal(PeopleErrors.IssuerUnavailable, "The issuer cannot be reached, or does not answer as it should", "Try again in a moment, or sign in with a local account. The server's log says more."),
        "answer" => new Refusal(PeopleErrors.SignInRefused, "The answer of the issuer does not belong to a sign-in that this browser began in the last 15 minutes", "Sign in again."),
        "denied" => new Refusal(PeopleErrors.SignInRefused, "The issuer did not let you in", "Sign in again, and agree to what the issuer asks."),
        _ when Problems.FirstOrDefault(p => p.Name == problem) is { } error => new Refusal(error, error == PeopleErrors.EmailNotVerified ? "Your e-mail address is not verified there" : "The sign-in was refused", error == PeopleErrors.NoAccount
            ? "Ask an administrator to make an account with your e-mail address, or to give one of your groups a role, under People."
            : error == PeopleErrors.EmailNotVerified ? "Verify it at the issuer and sign in again, or ask an administrator for a role for one of your groups."
            : error == PeopleErrors.AccountClaimed ? "Ask an administrator to unbind the account under People, if it is yours."
            : error == PeopleErrors.AccountDisabled ? "Ask an administrator to let you in under People."
            : "Sign in again."),
        _ => null,
    };

    private static void Configure(OpenIdConnectOptions options, ConsoleIssuer issuer)
    {
        var settings = issuer.Settings;
        options.ConfigurationManager = issuer.Document;
        options.Backchannel = issuer.Http;
        options.ClientId = settings.ClientId;
        options.ClientSecret = settings.ClientSecret;
        options.ResponseType = OpenIdConnectResponseType.Code;
        // By the query: the way back is then a plain visit, which brings cookies that are kept from other sites' posts.
        options.ResponseMode = OpenIdConnectResponseMode.Query;
        options.UsePkce = true;
        options.CallbackPath = BackPath;
        options.SignedOutCallbackPath = ConsoleGate.SignInPath + "/signed-out";
        options.RemoteSignOutPath = PathString.Empty;
        options.MapInboundClaims = false;
        options.GetClaimsFromUserInfoEndpoint = true;
        options.SaveTokens = false;
        options.Scope.Clear();
        foreach (var scope in settings.Scopes)
            options.Scope.Add(scope);
        options.ClaimActions.MapUniqueJsonKey(settings.VerifiedClaim, settings.VerifiedClaim);
        options.ClaimActions.MapJsonKey(settings.GroupsClaim, settings.GroupsClaim);
        options.TokenValidationParameters.ValidIssuer = settings.Issuer;
        options.TokenValidationParameters.ClockSkew = TimeSpan.FromMinutes(2);
        foreach (var cookie in new[] { options.CorrelationCookie, options.NonceCookie })
        {
            cookie.Name = CookiePrefix + (cookie == options.NonceCookie ? "nonce-" : "state-");
            cookie.SecurePolicy = CookieSecurePolicy.Always;
            cookie.HttpOnly = true;
            cookie.SameSite = SameSiteMode.Lax;
        }
        options.Events.OnTicketReceived = context => EnterAsync(context, issuer);
        options.Events.OnRemoteFailure = FailAsync;
    }

    private static async Task BeginAsync(HttpContext context, ILogger<ConsoleIssuer> logger)
    {
        var properties = new AuthenticationProperties { RedirectUri = ConsoleGate.Inside(context.Request.Query["from"]) };
        if (context.Request.Query[Again] == "true")
            properties.Items[Again] = "true";
        try
        {
            await context.ChallengeAsync(Scheme, properties);
        }
        catch (Exception e) when (e is not OperationCanceledException || !context.RequestAborted.IsCancellationRequested)
        {
            LogFailure(logger, e.Message);
            Show(context, "unavailable");
        }
    }

    private static async Task EnterAsync(TicketReceivedContext context, ConsoleIssuer issuer)
    {
        context.HandleResponse();
        if (context.Principal is null || IssuerIdentity.Read(context.Principal.Claims, issuer.Settings) is not { } who)
        {
            Show(context.HttpContext, "answer");
            return;
        }
        var request = context.HttpContext;
        if ((await issuer.People().SignInAsync(who, request.Connection.RemoteIpAddress?.ToString(), request.Request.Headers.UserAgent, request.RequestAborted)).Succeeded(out var session, out var refusal))
        {
            ConsoleGate.SetCookie(request, session.Token);
            request.Response.Redirect(ConsoleGate.Inside(context.ReturnUri));
            return;
        }
        Show(request, refusal.Error.Name);
    }

    private static Task FailAsync(RemoteFailureContext context)
    {
        context.HandleResponse();
        var logger = context.HttpContext.RequestServices.GetRequiredService<ILogger<ConsoleIssuer>>();
        var properties = context.Properties;
        // The issuer has new keys, which are fetched by now: its own session makes the second attempt silent.
        if (context.Failure is SecurityTokenSignatureKeyNotFoundException && properties?.Items.ContainsKey(Again) == false)
        {
            context.Response.Redirect(BeginPath + QueryString.Create("from", ConsoleGate.Inside(properties.RedirectUri)).Add(Again, "true"));
            return Task.CompletedTask;
        }
        var denied = context.Request.Query["error"] == "access_denied";
        if (!denied)
            LogFailure(logger, context.Failure?.Message ?? "no reason");
        var unreachable = context.Failure is HttpRequestException or TaskCanceledException or IOException || context.Failure?.InnerException is HttpRequestException;
        Show(context.HttpContext, denied ? "denied" : unreachable ? "unavailable" : "answer");
        return Task.CompletedTask;
    }

    private static void Show(HttpContext context, string problem) => context.Response.Redirect(ConsoleGate.SignInPath + QueryString.Create("problem", problem));

    [LoggerMessage(EventId = 4302, Level = LogLevel.Warning, Message = "A sign-in by the issuer failed. {Reason}")]
    private static partial void LogFailure(ILogger logger, string reason);
}
