using System.Security.Claims;
using Homeport.People.Sessions;
using Microsoft.AspNetCore.Http;

namespace Homeport.WebConsole.Access;

/// <summary>
/// Stands in front of every page: security headers, the session of the cookie, and the way to the sign-in page. The cookie is not
/// readable by scripts, goes over TLS only, and is bound to this host name.
/// </summary>
public sealed class ConsoleGate(RequestDelegate next, ConsoleServices services)
{
    public const string Root = "/console";
    public const string SignInPath = "/console/sign-in";
    public const string PasswordPath = "/console/password";
    public const string SessionClaim = "session";
    internal const string Assets = "/console/assets";
    internal const string Hub = "/_blazor";
    private const string Cookie = "__Host-homeport";

    // Nothing from other origins, nothing inline: what an attacker smuggles into a page neither runs nor loads.
    private const string ContentPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

    /// <summary>Lets a request pass, or sends it to the sign-in page.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        SetHeaders(context.Response.Headers);
        if (context.Request.Path.StartsWithSegments(Assets, StringComparison.Ordinal))
        {
            await next(context);
            return;
        }
        context.Response.Headers.CacheControl = "no-store";
        if (IsForeign(context.Request))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }
        var session = await services.Sessions.FindAsync(context.Request.Cookies[Cookie], context.RequestAborted);
        if (session is not null)
            context.User = PrincipalOf(session);
        if (await WayOfAsync(context, session) is { } elsewhere)
            Send(context, elsewhere);
        else
            await next(context);
    }

    /// <summary>Puts the cookie of a new session.</summary>
    internal static void SetCookie(HttpContext context, string token)
        => context.Response.Cookies.Append(Cookie, token, new CookieOptions { HttpOnly = true, Secure = true, SameSite = SameSiteMode.Lax, Path = "/", IsEssential = true });

    /// <summary>Takes the cookie away.</summary>
    internal static void ClearCookie(HttpContext context)
        => context.Response.Cookies.Delete(Cookie, new CookieOptions { HttpOnly = true, Secure = true, SameSite = SameSiteMode.Lax, Path = "/" });

    /// <summary>A place in the console to go to after the sign-in; never another site.</summary>
    internal static string Inside(string? path)
        => path is not null && path.StartsWith(Root + "/", StringComparison.Ordinal) && !path.Contains('\\', StringComparison.Ordinal) && !path.Contains("//", StringComparison.Ordinal)
            ? path
            : Root;

    private async Task<string?> WayOfAsync(HttpContext context, Session? session)
    {
        var path = context.Request.Path;
        if (path.StartsWithSegments(SignInPath, StringComparison.Ordinal))
            return null;
        if (session is null)
            return SignInPath + QueryString.Create("from", path + context.Request.QueryString);
        if (path == PasswordPath || path == ConsoleHost.SignOutPath)
            return null;
        var account = (await services.Accounts.GetAsync(session.AccountId, context.RequestAborted)).Value;
        return account?.MustChangePassword == true ? PasswordPath : null;
    }

    private static void Send(HttpContext context, string path)
    {
        // Only pages are sent elsewhere; what scripts load is refused.
        if (HttpMethods.IsGet(context.Request.Method) && !context.Request.Path.StartsWithSegments(Hub, StringComparison.Ordinal))
            context.Response.Redirect(path);
        else
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
    }

    /// <summary>True when a page of another origin makes the call, which a browser tells by the header Origin.</summary>
    private static bool IsForeign(HttpRequest request)
        => request.Headers.Origin is [{ Length: > 0 } origin] && !string.Equals(origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase);

    private static ClaimsPrincipal PrincipalOf(Session session) => new(new ClaimsIdentity(
        [new Claim(SessionClaim, session.Id), new Claim(ClaimTypes.NameIdentifier, session.AccountId), new Claim(ClaimTypes.Name, session.AccountName)], "session"));

    private static void SetHeaders(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy = ContentPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()";
        headers.StrictTransportSecurity = "max-age=31536000";
    }
}
