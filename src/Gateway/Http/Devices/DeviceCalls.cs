using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Limits;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Homeport.Gateway.Http.Devices;

/// <summary>Lets devices and modules in over HTTPS, by the header <c>Authorization</c> or by their TLS client certificate.</summary>
public sealed class DeviceCalls(HubDoor door, TimeProvider time)
{
    /// <summary>The hub behind the door.</summary>
    internal HubDoor Door => door;

    /// <summary>
    /// Runs a call of the device (and module) that its path names if it proved that it is that one; else refuses. The device counts as
    /// active and not as connected.
    /// </summary>
    internal RequestDelegate Guard(Func<HttpContext, AuthenticatedDevice, Task> call, HubOperation? operation = null) => async context =>
    {
        if (string.IsNullOrEmpty(context.Request.Query["api-version"]))
        {
            await RefuseAsync(context, new Refusal(HubErrors.InvalidProtocolVersion, "The query has no api-version", "Add ?api-version=2021-04-12."));
            return;
        }
        var authorization = context.Request.Headers.Authorization.ToString();
        var certificate = context.Features.Get<ITlsConnectionFeature>()?.ClientCertificate;
        var shown = new DeviceCredentials(context.DeviceId(), context.ModuleId(), authorization.Length == 0 ? null : authorization, certificate)
        {
            Intermediates = ClientChain.Of(certificate),
        };
        if (!(await door.Authenticator.AuthenticateAsync(shown, context.RequestAborted)).Succeeded(out var device, out var refusal))
        {
            // Devices that speak HTTPS know 401 for this: 403 is a quota to them.
            await RefuseAsync(context, refusal.Error == HubErrors.DeviceDisabled ? refusal with { Error = HubErrors.IotHubUnauthorized } : refusal);
            return;
        }
        door.Activity.NoteActivity(shown.DeviceId, shown.ModuleId);
        if (operation is { } counted && door.Throttles.TryTake(counted, device.Identity.Key) is { } throttled)
            await RefuseAsync(context, throttled);
        else
            await call(context, device);
    };

    /// <summary>Sends a refusal with the time to wait.</summary>
    internal Task RefuseAsync(HttpContext context, Throttled throttled) => context.WriteThrottledAsync(throttled, time.GetUtcNow());

    /// <summary>Keeps and sends a refusal.</summary>
    internal Task RefuseAsync(HttpContext context, Refusal refusal) => context.WriteRefusalAsync(door.Explanations.Keep(refusal, "https", context.DeviceId()), time.GetUtcNow());

    /// <summary>Answers 204, or the refusal.</summary>
    internal Task AnswerAsync(HttpContext context, Refusal? refusal)
    {
        if (refusal is not null)
            return RefuseAsync(context, refusal);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }
}
