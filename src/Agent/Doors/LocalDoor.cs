using System.Globalization;
using System.Net;
using System.Text;
using Homeport.Agent.Identity;
using Homeport.Agent.Registration;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;

namespace Homeport.Agent.Doors;

/// <summary>What local programs may ask: tokens, registrations, status. On a Unix socket, and on 127.0.0.1.</summary>
internal sealed class LocalDoor(AgentIdentity identity, Registrar registrar, Func<AgentStatus> status, uint defaultDevice, CancellationToken stopping)
{
    private const string Usage = """
        Homeport device agent. GET /token[?device=0&lifetime=3600&fresh=true&format=text|lines], GET /status,
        POST /registrations {"endpoint":"...","idScope":"..."}, GET /registrations/current.

        """;

    public Task HandleAsync(HttpContext context)
    {
        if (Refuse(context) is { } refusal)
            return Reply.RefuseAsync(context, refusal);
        return (context.Request.Method, context.Request.Path.Value) switch
        {
            ("GET", "/token") => TokenAsync(context),
            ("GET", "/status") => Reply.JsonAsync(context, 200, status(), AgentJson.Wire.AgentStatus),
            ("POST", "/registrations") => RegisterAsync(context),
            ("GET", "/registrations/current") => CurrentAsync(context),
            ("GET", "/") => TextAsync(context, Usage),
            _ => Reply.RefuseAsync(context, new Refusal(AgentErrors.NotFound, $"{context.Request.Method} {context.Request.Path}", "GET / lists what there is.")),
        };
    }

    private static Refusal? Refuse(HttpContext context)
    {
        if (context.Features.Get<LocalPeer>() is not { IsAllowed: true } peer)
        {
            var who = context.Features.Get<LocalPeer>()?.UserId is { } id ? $"User {id}" : "A user whom nobody can name";
            return new Refusal(AgentErrors.PeerRefused, $"{who} asked", "Add the user to the group of the agent's settings, by default: usermod -aG homeport NAME, and log in again.");
        }

        // A page in a browser of an allowed user reaches 127.0.0.1 as well. Browsers say so, and a name that leads here does not help them.
        var headers = context.Request.Headers;
        var isForeign = headers.Origin.Count > 0 || headers.ContainsKey("Sec-Fetch-Site")
            || (peer.UserId is not null && context.Connection.RemoteIpAddress is not null && !IsLocalName(context.Request.Host.Host));
        return isForeign ? new Refusal(AgentErrors.WebPageRefused, $"The request is for the host '{context.Request.Host.Host}'", "Ask with a program, at http://127.0.0.1.") : null;
    }

    private static bool IsLocalName(string host) => host is "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    private async Task TokenAsync(HttpContext context)
    {
        var query = context.Request.Query;
        uint device = defaultDevice;
        int lifetime = AgentIdentity.DefaultLifetime;
        if (query["device"] is [{ } deviceText, ..] && (!uint.TryParse(deviceText, NumberStyles.None, CultureInfo.InvariantCulture, out device) || device >= AgentIdentity.LogicalDevices))
        {
            await Reply.RefuseAsync(context, new Refusal(AgentErrors.BadRequest, $"device={deviceText}", $"The logical devices are 0 to {AgentIdentity.LogicalDevices - 1}."));
            return;
        }

        if (query["lifetime"] is [{ } lifetimeText, ..]
            && (!int.TryParse(lifetimeText, NumberStyles.None, CultureInfo.InvariantCulture, out lifetime) || lifetime is < AgentIdentity.MinLifetime or > AgentIdentity.MaxLifetime))
        {
            await Reply.RefuseAsync(context, new Refusal(AgentErrors.BadRequest, $"lifetime={lifetimeText}", $"Seconds, {AgentIdentity.MinLifetime} to {AgentIdentity.MaxLifetime}."));
            return;
        }

        var outcome = await identity.GetTokenAsync(device, lifetime, query["fresh"] == "true", context.RequestAborted);
        if (!outcome.Succeeded(out var token, out var refusal))
            await Reply.RefuseAsync(context, refusal);
        else if (query["format"] == "text")
            await TextAsync(context, token.Token);
        else if (query["format"] == "lines")
            await TextAsync(context, $"hostName={token.HostName}\ndeviceId={token.DeviceId}\nexpiry={token.Expiry}\ntoken={token.Token}\n");
        else
            await Reply.JsonAsync(context, 200, token, AgentJson.Wire.AgentToken);
    }

    private async Task RegisterAsync(HttpContext context)
    {
        if (!(await Reply.ReadAsync(context, AgentJson.Wire.AgentRegistrationRequest)).Succeeded(out var request, out var refusal)
            || !registrar.Start(request, stopping).Succeeded(out var state, out refusal))
        {
            await Reply.RefuseAsync(context, refusal);
            return;
        }

        context.Response.Headers.Location = "/registrations/current";
        await Reply.JsonAsync(context, 202, state, AgentJson.Wire.AgentRegistration);
    }

    private Task CurrentAsync(HttpContext context) => registrar.State is { } state
        ? Reply.JsonAsync(context, 200, state, AgentJson.Wire.AgentRegistration)
        : Reply.RefuseAsync(context, new Refusal(AgentErrors.NotFound, "There was no registration since the agent started", "POST /registrations starts one."));

    private static Task TextAsync(HttpContext context, string text)
    {
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(text), context.RequestAborted).AsTask();
    }
}
