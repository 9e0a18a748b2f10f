using System.Text;
using Homeport.Agent.Doors;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;

namespace Homeport.Agent.Portal;

/// <content>Calls of the provisioning tool, and answers.</content>
internal sealed partial class PortalDoor
{
    private async Task HandleApiAsync(HttpContext context, string path)
    {
        // Programs only: a browser would send what it remembers of the password to any site's form.
        if (context.Request.Headers.Origin.Count > 0 || context.Request.Headers.ContainsKey("Sec-Fetch-Site"))
        {
            await Reply.RefuseAsync(context, new Refusal(AgentErrors.WebPageRefused, "The call comes from a browser", "Use the pages."));
            return;
        }

        var (isRight, wait) = await TryPasswordAsync(context, PasswordOf(context));
        if (!isRight)
        {
            await Reply.RefuseAsync(context, wait > TimeSpan.Zero
                ? new Refusal(AgentErrors.TooManyRequests, "Too many wrong passwords came from there", Wait(wait))
                : new Refusal(AgentErrors.PeerRefused, _password.IsSet ? "The password is missing or wrong" : "The page has no password yet", "Give the password of the page; the first one is set on the page."));
            return;
        }

        switch ((context.Request.Method, path))
        {
            case ("GET", "/api/status"):
                await Reply.JsonAsync(context, 200, _status(), AgentJson.Wire.AgentStatus);
                break;
            case ("POST", "/api/imprint"):
                await ImprintByApiAsync(context);
                break;
            case ("POST", "/api/registrations"):
                if ((await Reply.ReadAsync(context, AgentJson.Wire.AgentRegistrationRequest)).Succeeded(out var request, out var refusal)
                    && _registrar.Start(request, CancellationToken.None).Succeeded(out var state, out refusal))
                {
                    await Reply.JsonAsync(context, 202, state, AgentJson.Wire.AgentRegistration);
                }
                else
                {
                    await Reply.RefuseAsync(context, refusal!);
                }

                break;
            default:
                await Reply.RefuseAsync(context, new Refusal(AgentErrors.NotFound, $"{context.Request.Method} {path}", "There are GET /api/status, POST /api/imprint and POST /api/registrations."));
                break;
        }
    }

    private async Task ImprintByApiAsync(HttpContext context)
    {
        if (!(await Reply.ReadAsync(context, AgentJson.Wire.AgentImprint)).Succeeded(out var imprint, out var refusal))
        {
            await Reply.RefuseAsync(context, refusal);
            return;
        }

        var fields = Identity.AgentIdentity.Check(imprint, imprint.LogicalDevice ?? _options.Settings.LogicalDevice);
        if ((await ImprintAsync(imprint)).Succeeded(out _, out refusal))
            await Reply.JsonAsync(context, 200, _status(), AgentJson.Wire.AgentStatus);
        else
            await Reply.RefuseAsync(context, refusal, fields.Count > 0 ? fields : null);
    }

    private static string? PasswordOf(HttpContext context)
    {
        if (context.Request.Headers.Authorization is not [{ } header] || !header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
            return null;
        var bytes = new byte[header.Length];
        if (!Convert.TryFromBase64String(header[6..].Trim(), bytes, out var length))
            return null;
        var text = Encoding.UTF8.GetString(bytes, 0, length);
        return text[(text.IndexOf(':', StringComparison.Ordinal) + 1)..];
    }

    /// <summary>Browsers say where a form comes from; older ones say nothing, and the token of the form has to do.</summary>
    private static bool IsSameOrigin(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (headers["Sec-Fetch-Site"] is [{ } site] && site is not ("same-origin" or "none"))
            return false;
        return headers.Origin is not [{ } origin] || string.Equals(origin, $"https://{context.Request.Host}", StringComparison.OrdinalIgnoreCase);
    }

    private static string Wait(TimeSpan wait) => $"Too many tries. Wait {Math.Ceiling(wait.TotalSeconds):0} seconds.";

    private static void SeeOther(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = "/";
    }

    private static Task PageAsync(HttpContext context, int status, Html page)
        => SendAsync(context, status, "text/html; charset=utf-8", Encoding.UTF8.GetBytes(page.Text));

    private static async Task SendAsync(HttpContext context, int status, string type, byte[] bytes)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.ContentLength = bytes.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }
}
