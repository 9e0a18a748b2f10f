using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Hub.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Homeport.Gateway.Http;

/// <summary>What the service REST API of a hub stands on.</summary>
/// <param name="Name">Name of the hub.</param>
/// <param name="Authorizer">Lets service calls in.</param>
/// <param name="Registry">Identities.</param>
/// <param name="Live">Who is connected.</param>
/// <param name="Messages">Reads messages back.</param>
/// <param name="Explanations">Why somebody was refused.</param>
/// <param name="Time">The clock.</param>
public sealed record HubApi(
    string Name,
    ServiceAuthorizer Authorizer,
    IdentityRegistry Registry,
    LiveConnections Live,
    MessageReader Messages,
    Explanations Explanations,
    TimeProvider Time)
{
    /// <summary>Keeps and sends a refusal.</summary>
    public Task RefuseAsync(HttpContext context, Refusal refusal) => context.WriteRefusalAsync(Explanations.Keep(refusal, "https"), Time.GetUtcNow());

    /// <summary>Answers a call that no endpoint knows. Not kept: strangers would push out what is worth keeping.</summary>
    public Task RefuseNotFoundAsync(HttpContext context)
        => context.WriteRefusalAsync(new Refusal(HubErrors.NotFound, $"There is nothing at {context.Request.Method} {context.Request.Path}", "Check the path and the HTTP method."), Time.GetUtcNow());

    /// <summary>Runs a call if its token has the right and the api-version is there; else refuses.</summary>
    internal RequestDelegate Guard(Rights needed, Func<HttpContext, Task> call) => context =>
    {
        if (string.IsNullOrEmpty(context.Request.Query["api-version"]) && !context.Request.Path.StartsWithSegments("/homeport", StringComparison.OrdinalIgnoreCase))
            return RefuseAsync(context, new Refusal(HubErrors.InvalidProtocolVersion, "The query has no api-version", "Add ?api-version=2021-04-12."));
        var path = context.Request.RouteValues.TryGetValue("deviceId", out var device) ? (string[])["devices", (string)device!] : [];
        return Authorizer.Authorize(context.Request.Headers.Authorization, needed, path).Succeeded(out _, out var refusal)
            ? call(context)
            : RefuseAsync(context, refusal);
    };
}
