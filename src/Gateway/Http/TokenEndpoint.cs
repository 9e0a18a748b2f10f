using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Limits;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>
/// The token service: an identity system of the operator's own, which holds the key of a policy with the right DeviceConnect, gets tokens
/// that are good for one device. The device needs no key that the hub knows.
/// </summary>
public static class TokenEndpoint
{
    private const int DefaultLife = 3600;
    private const int MinLife = 60;
    private const int MaxLife = 24 * 3600;

    /// <summary>Maps <c>POST /homeport/v1/devices/{deviceId}/token</c>.</summary>
    public static void MapTokens(this IEndpointRouteBuilder routes, HubApi hub)
        => routes.MapPost("/homeport/v1/devices/{deviceId}/token", hub.Guard(Rights.DeviceConnect, context => CreateAsync(hub, context), HubOperation.Registry));

    private static async Task CreateAsync(HubApi hub, HttpContext context)
    {
        var outcome = await CreateTokenAsync(hub, context);
        if (outcome.Succeeded(out var made, out var refusal))
            await context.WriteJsonAsync(made, Json.Default.DeviceToken);
        else
            await hub.RefuseAsync(context, refusal);
    }

    private static async Task<Outcome<DeviceToken>> CreateTokenAsync(HubApi hub, HttpContext context)
    {
        var asked = new DeviceTokenRequest(null, null);
        if (context.Request.ContentLength is > 0 && !(await context.ReadJsonAsync(Json.Default.DeviceTokenRequest)).Succeeded(out asked, out var unreadable))
            return unreadable;
        var life = asked.ExpiresInSeconds ?? DefaultLife;
        if (life is < MinLife or > MaxLife)
            return new Refusal(HubErrors.ArgumentInvalid, $"expiresInSeconds is {life}", $"Send {MinLife} to {MaxLife}.");
        if (!hub.Authorizer.Authorize(context.Request.Headers.Authorization, Rights.DeviceConnect, "devices", context.DeviceId()).Succeeded(out var policy, out var refusal))
            return refusal;
        // No token for a device that would be refused with it.
        if (!(await hub.Registry.GetAsync(context.DeviceId(), asked.ModuleId, context.RequestAborted)).Succeeded(out var identity, out refusal)
            || !(await hub.Registry.GetAsync(context.DeviceId(), null, context.RequestAborted)).Succeeded(out var device, out refusal))
        {
            return refusal;
        }
        if (!device.Enabled)
            return new Refusal(HubErrors.DeviceDisabled, $"Device '{device.DeviceId}' is disabled", "Enable it in the registry.");
        var host = hub.HostName;
        var path = identity.ModuleId is null ? $"{host}/devices/{Uri.EscapeDataString(identity.DeviceId)}" : $"{host}/devices/{Uri.EscapeDataString(identity.DeviceId)}/modules/{Uri.EscapeDataString(identity.ModuleId)}";
        var expiry = DateTimeOffset.FromUnixTimeSeconds(hub.Time.GetUtcNow().ToUnixTimeSeconds() + life);
        return new DeviceToken(SharedAccessSignature.Create(path, policy.PrimaryKey, expiry, policy.Name), host, identity.DeviceId, identity.ModuleId, new ServiceTime(expiry));
    }
}
