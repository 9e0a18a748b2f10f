using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Limits;
using Homeport.Hub.Live;
using Homeport.Hub.Methods;
using Homeport.Hub.Registry;
using Homeport.Hub.Telemetry;
using Homeport.Hub.Twins;
using Microsoft.AspNetCore.Http;

namespace Homeport.Gateway.Http;

/// <summary>What the service REST API of a hub stands on.</summary>
public sealed record HubApi
{
    /// <summary>Name of the hub.</summary>
    public required string Name { get; init; }

    /// <summary>Host name under which devices know it.</summary>
    public string HostName { get; init; } = "localhost";

    /// <summary>Lets service calls in.</summary>
    public required ServiceAuthorizer Authorizer { get; init; }

    /// <summary>Identities.</summary>
    public required IdentityRegistry Registry { get; init; }

    /// <summary>Who is connected.</summary>
    public required LiveConnections Live { get; init; }

    /// <summary>Twins.</summary>
    public required DeviceTwins Twins { get; init; }

    /// <summary>Direct methods.</summary>
    public required DirectMethods Methods { get; init; }

    /// <summary>Messages to devices.</summary>
    public required CloudToDeviceMessages CloudToDevice { get; init; }

    /// <summary>Reads messages of devices back.</summary>
    public required MessageReader Messages { get; init; }

    /// <summary>Why somebody was refused.</summary>
    public required Explanations Explanations { get; init; }

    /// <summary>The clock.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>What the registry does not know of an identity: whether it is connected, and what waits for it.</summary>
    internal async Task<LiveState> StateOfAsync(Identity identity)
        => new(Live.IsConnected(identity.Key), Live.LastActivityOf(identity.Key) ?? identity.LastActivity, await CloudToDevice.CountAsync(identity.Key));
    /// <summary>Limits of the calls, or null for none.</summary>
    public Throttles? Throttles { get; init; }

    /// <summary>Keeps and sends a refusal.</summary>
    public Task RefuseAsync(HttpContext context, Refusal refusal)
        => context.WriteRefusalAsync(Explanations.Keep(refusal, "service", (string?)context.Request.RouteValues.GetValueOrDefault("deviceId")), Time.GetUtcNow());

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

    /// <summary>Sends a refusal with the time to wait.</summary>
    internal Task RefuseThrottledAsync(HttpContext context, Throttled throttled) => context.WriteThrottledAsync(throttled, Time.GetUtcNow());
}

/// <summary>The present state of an identity.</summary>
/// <param name="Connected">It is connected.</param>
/// <param name="LastActivity">Its last message or connection, or null.</param>
/// <param name="MessageCount">Messages that wait for it.</param>
internal readonly record struct LiveState(bool Connected, DateTimeOffset? LastActivity, int MessageCount);
