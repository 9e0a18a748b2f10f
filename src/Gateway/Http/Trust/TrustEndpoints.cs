using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Gateway.Http.Devices;
using Homeport.Hub.Access;
using Homeport.Hub.Trust;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Trust;

/// <summary>What the change of root certificates stands on.</summary>
/// <param name="Hub">Lets service calls in.</param>
/// <param name="Devices">Lets devices in.</param>
/// <param name="Server">The roots.</param>
/// <param name="Store">What devices fetched.</param>
public sealed record TrustApi(HubApi Hub, DeviceCalls Devices, IServerTrust Server, IDeviceTrustStore Store);

/// <summary>Devices get the root certificates that they have to trust, and operators see which devices have them before the old root goes.</summary>
public static class TrustEndpoints
{
    private const string Root = "/homeport/v1/trust";
    private const int PageSize = 1000;
    private const int MaxBreaking = 1000;
    private const string BundleType = "application/jose+json";

    /// <summary>Maps <c>/homeport/v1/trust</c>, its bundle, report and steps, and <c>/devices/{deviceId}/trustBundle</c> for devices.</summary>
    public static void MapTrust(this IEndpointRouteBuilder routes, TrustApi api)
    {
        ArgumentNullException.ThrowIfNull(routes);
        // Root certificates are public, and who asks may have nothing else yet.
        routes.MapGet(Root + "/bundle", context => SendBundleAsync(api, context));
        routes.MapGet("/devices/{deviceId}/trustBundle", api.Devices.Guard((context, device) => FetchAsync(api, context, device)));
        routes.MapGet(Root, api.Hub.Guard(Rights.RegistryRead, context => context.WriteJsonAsync(Describe(api.Server.State), Json.Default.TrustDescription)));
        routes.MapGet(Root + "/report", api.Hub.Guard(Rights.RegistryRead, async context =>
            await context.WriteJsonAsync(await ReportAsync(api, context.RequestAborted), Json.Default.TrustReport)));
        foreach (var step in Enum.GetValues<TrustStep>())
            routes.MapPost($"{Root}/{step.ToString().ToLowerInvariant()}", api.Hub.Guard(Rights.RegistryWrite, context => TakeAsync(api, context, step)));
    }

    private static Task SendBundleAsync(TrustApi api, HttpContext context)
    {
        var bundle = api.Server.SignBundle();
        context.Response.ContentType = BundleType;
        context.Response.ContentLength = bundle.Length;
        return context.Response.Body.WriteAsync(bundle, context.RequestAborted).AsTask();
    }

    /// <summary>A device that fetches as itself is noted: it has these roots now.</summary>
    private static async Task FetchAsync(TrustApi api, HttpContext context, AuthenticatedDevice device)
    {
        await api.Store.NoteAsync(device.Identity.DeviceId, [.. api.Server.State.Roots.Select(r => r.Thumbprint)], api.Hub.Time.GetUtcNow(), context.RequestAborted);
        await SendBundleAsync(api, context);
    }

    private static async Task TakeAsync(TrustApi api, HttpContext context, TrustStep step)
    {
        var forced = string.Equals(context.Request.Query["force"], "true", StringComparison.OrdinalIgnoreCase);
        if (step == TrustStep.Complete && !forced && api.Server.State.Next is not null
            && await ReportAsync(api, context.RequestAborted) is { Breaking: [var first, ..] } report)
        {
            await api.Hub.RefuseAsync(context, new Refusal(HubErrors.PreconditionFailed,
                $"{report.Devices - report.Ready} of {report.Devices} devices are not known to trust the next root, the first one is '{first.DeviceId}'",
                "Let them fetch the trust bundle, see /homeport/v1/trust/report; or add ?force=true and cut them off."));
            return;
        }
        if (api.Server.Take(step) is { } refusal)
            await api.Hub.RefuseAsync(context, refusal);
        else
            await context.WriteJsonAsync(Describe(api.Server.State), Json.Default.TrustDescription);
    }

    private static async Task<TrustReport> ReportAsync(TrustApi api, CancellationToken token)
    {
        var state = api.Server.State;
        var breaking = new List<TrustReportDevice>();
        long devices = 0, ready = 0;
        string? after = null;
        while (await api.Store.ListAsync(after, PageSize, token) is { Count: > 0 } page)
        {
            foreach (var device in page.Where(d => d.Enabled))
            {
                devices++;
                if (state.Next is not { } next || device.Trusts(next.Thumbprint))
                    ready++;
                else if (breaking.Count < MaxBreaking)
                    breaking.Add(Describe(device));
            }
            after = page[^1].DeviceId;
        }
        return new TrustReport(state.Stage, state.Next?.Thumbprint, devices, ready, breaking);
    }

    private static TrustReportDevice Describe(DeviceTrust device) => new(
        device.DeviceId, new ServiceTime(device.LastActivity), device.Reported is not null ? "reported" : device.Fetched is not null ? "fetched" : "nothing", device.Reported ?? device.Fetched ?? []);

    private static TrustDescription Describe(TrustState state)
        => new(state.Stage, [.. state.Roots.Select(r => new TrustRootDescription(r.Thumbprint, r.Subject, new ServiceTime(r.NotAfter), r.Pem))]);
}
