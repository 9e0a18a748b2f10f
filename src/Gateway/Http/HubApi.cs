using System.Globalization;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Limits;
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
    /// <summary>Limits of the calls, or null for none.</summary>
    public Throttles? Throttles { get; init; }

    /// <summary>Keeps and sends a refusal.</summary>
    public Task RefuseAsync(HttpContext context, Refusal refusal) => context.WriteRefusalAsync(Explanations.Keep(refusal, "https"), Time.GetUtcNow());

    /// <summary>Answers a call that no endpoint knows. Not kept: strangers would push out what is worth keeping.</summary>
    public Task RefuseNotFoundAsync(HttpContext context)
        => context.WriteRefusalAsync(new Refusal(HubErrors.NotFound, $"There is nothing at {context.Request.Method} {context.Request.Path}", "Check the path and the HTTP method."), Time.GetUtcNow());

    /// <summary>Runs a call if its token has the right, the api-version is there and the limits of the operation allow it; else refuses.</summary>
    internal RequestDelegate Guard(Rights needed, Func<HttpContext, Task> call, HubOperation? operation = null) => context =>
    {
        if (string.IsNullOrEmpty(context.Request.Query["api-version"]) && !context.Request.Path.StartsWithSegments("/homeport", StringComparison.OrdinalIgnoreCase))
            return RefuseAsync(context, new Refusal(HubErrors.InvalidProtocolVersion, "The query has no api-version", "Add ?api-version=2021-04-12."));
        var path = context.Request.RouteValues.TryGetValue("deviceId", out var device) ? (string[])["devices", (string)device!] : [];
        if (!Authorizer.Authorize(context.Request.Headers.Authorization, needed, path).Succeeded(out _, out var refusal))
            return RefuseAsync(context, refusal);
        return operation is { } counted && Throttles?.TryTake(counted) is { } throttled
            ? RefuseThrottledAsync(context, throttled)
            : call(context);
    };

    /// <summary>Sends a refusal with the time to wait. Not kept: one client that repeats its call would push out what is worth keeping.</summary>
    internal Task RefuseThrottledAsync(HttpContext context, Throttled throttled)
    {
        context.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(throttled.RetryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        return context.WriteRefusalAsync(throttled.Refusal, Time.GetUtcNow());
    }
}
