using System.Globalization;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Limits;
using Homeport.Hub.Registry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>The identity registry over REST. Source: IoT Hub data plane, api-version 2021-04-12.</summary>
public static class RegistryEndpoints
{
    private const int MaxList = 1000;

    /// <summary>Maps <c>/devices</c>, <c>/devices/{id}</c>, its modules, and <c>/statistics</c>.</summary>
    public static void MapRegistry(this IEndpointRouteBuilder routes, HubApi hub)
    {
        routes.MapGet("/devices", hub.Guard(Rights.RegistryRead, context => ListAsync(hub, context), HubOperation.Registry));
        routes.MapGet("/devices/{deviceId}", hub.Guard(Rights.RegistryRead, context => GetAsync(hub, context), HubOperation.Registry));
        routes.MapPut("/devices/{deviceId}", hub.Guard(Rights.RegistryWrite, context => PutDeviceAsync(hub, context), HubOperation.Registry));
        routes.MapDelete("/devices/{deviceId}", hub.Guard(Rights.RegistryWrite, context => DeleteAsync(hub, context), HubOperation.Registry));
        routes.MapGet("/devices/{deviceId}/modules", hub.Guard(Rights.RegistryRead, context => ListModulesAsync(hub, context), HubOperation.Registry));
        routes.MapGet("/devices/{deviceId}/modules/{moduleId}", hub.Guard(Rights.RegistryRead, context => GetAsync(hub, context), HubOperation.Registry));
        routes.MapPut("/devices/{deviceId}/modules/{moduleId}", hub.Guard(Rights.RegistryWrite, context => PutModuleAsync(hub, context), HubOperation.Registry));
        routes.MapDelete("/devices/{deviceId}/modules/{moduleId}", hub.Guard(Rights.RegistryWrite, context => DeleteAsync(hub, context), HubOperation.Registry));
        routes.MapGet("/statistics/devices", hub.Guard(Rights.RegistryRead, context => DeviceStatisticsAsync(hub, context), HubOperation.Registry));
        routes.MapGet("/statistics/service", hub.Guard(Rights.ServiceConnect, context =>
            context.WriteJsonAsync(new ServiceStatistics(hub.Live.Count), Json.Default.ServiceStatistics)));
    }

    private static async Task ListAsync(HubApi hub, HttpContext context)
    {
        var top = MaxList;
        if (context.Request.Query["top"].FirstOrDefault() is { } text
            && (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out top) || top is < 1 or > MaxList))
        {
            await hub.RefuseAsync(context, new Refusal(HubErrors.ArgumentInvalid, $"top is not a number from 1 to {MaxList}", "Correct the query."));
            return;
        }
        var devices = await hub.Registry.ListDevicesAsync(top, context.RequestAborted);
        var descriptions = new List<DeviceDescription>(devices.Count);
        foreach (var device in devices)
            descriptions.Add(DeviceMapping.ToDescription(device, await hub.StateOfAsync(device)));
        await context.WriteJsonAsync(descriptions, Json.Default.IReadOnlyListDeviceDescription);
    }

    private static async Task GetAsync(HubApi hub, HttpContext context)
    {
        var outcome = await hub.Registry.GetAsync(context.DeviceId(), context.ModuleId(), context.RequestAborted);
        await AnswerAsync(hub, context, outcome);
    }

    private static async Task PutDeviceAsync(HubApi hub, HttpContext context)
    {
        if ((await context.ReadJsonAsync(Json.Default.DeviceDescription)).Succeeded(out var body, out var refusal)
            && IdentityForm.Read(body, context.DeviceId()).Succeeded(out var wanted, out refusal))
        {
            await AnswerAsync(hub, context, await hub.Registry.PutAsync(wanted, context.Condition(), context.RequestAborted));
            return;
        }
        await hub.RefuseAsync(context, refusal);
    }

    private static async Task PutModuleAsync(HubApi hub, HttpContext context)
    {
        if ((await context.ReadJsonAsync(Json.Default.ModuleDescription)).Succeeded(out var body, out var refusal)
            && IdentityForm.Read(body, context.DeviceId(), context.ModuleId()!).Succeeded(out var wanted, out refusal))
        {
            await AnswerAsync(hub, context, await hub.Registry.PutAsync(wanted, context.Condition(), context.RequestAborted));
            return;
        }
        await hub.RefuseAsync(context, refusal);
    }

    private static async Task DeleteAsync(HubApi hub, HttpContext context)
    {
        var refusal = await hub.Registry.DeleteAsync(context.DeviceId(), context.ModuleId(), context.Condition(), context.RequestAborted);
        if (refusal is null)
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        else
            await hub.RefuseAsync(context, refusal);
    }

    private static async Task ListModulesAsync(HubApi hub, HttpContext context)
    {
        if (!(await hub.Registry.ListModulesAsync(context.DeviceId(), context.RequestAborted)).Succeeded(out var modules, out var refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        var descriptions = new List<ModuleDescription>(modules.Count);
        foreach (var module in modules)
            descriptions.Add(DeviceMapping.ToModule(module, await hub.StateOfAsync(module)));
        await context.WriteJsonAsync(descriptions, Json.Default.IReadOnlyListModuleDescription);
    }

    private static async Task DeviceStatisticsAsync(HubApi hub, HttpContext context)
    {
        var (total, enabled) = await hub.Registry.CountAsync(context.RequestAborted);
        await context.WriteJsonAsync(new DeviceStatistics(total, enabled, total - enabled), Json.Default.DeviceStatistics);
    }

    private static async Task AnswerAsync(HubApi hub, HttpContext context, Outcome<Identity> outcome)
    {
        if (!outcome.Succeeded(out var identity, out var refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        context.SetETag(identity.ETag);
        var state = await hub.StateOfAsync(identity);
        if (identity.ModuleId is null)
            await context.WriteJsonAsync(DeviceMapping.ToDescription(identity, state), Json.Default.DeviceDescription);
        else
            await context.WriteJsonAsync(DeviceMapping.ToModule(identity, state), Json.Default.ModuleDescription);
    }
}
