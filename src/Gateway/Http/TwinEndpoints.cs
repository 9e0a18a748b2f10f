using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>Twins over REST. Source: IoT Hub data plane, api-version 2021-04-12.</summary>
public static class TwinEndpoints
{
    /// <summary>Maps <c>/twins/{id}</c> and <c>/twins/{id}/modules/{id}</c>.</summary>
    public static void MapTwins(this IEndpointRouteBuilder routes, DeviceApi devices)
    {
        foreach (var path in (string[])["/twins/{deviceId}", "/twins/{deviceId}/modules/{moduleId}"])
        {
            routes.MapGet(path, devices.Hub.Guard(Rights.ServiceConnect, context => GetAsync(devices, context)));
            routes.MapPatch(path, devices.Hub.Guard(Rights.ServiceConnect, context => WriteAsync(devices, context, devices.Twins.PatchAsync)));
            routes.MapPut(path, devices.Hub.Guard(Rights.ServiceConnect, context => WriteAsync(devices, context, devices.Twins.ReplaceAsync)));
        }
    }

    private static async Task GetAsync(DeviceApi devices, HttpContext context)
        => await AnswerAsync(devices, context, await devices.Twins.GetAsync(context.DeviceId(), context.ModuleId(), context.RequestAborted));

    private static async Task WriteAsync(
        DeviceApi devices, HttpContext context, Func<string, string?, TwinPatch, IfMatch, CancellationToken, Task<Outcome<Twin>>> write)
    {
        if (!(await context.ReadBytesAsync()).Succeeded(out var body, out var refusal)
            || !TwinJson.ReadObject(body).Succeeded(out var json, out refusal)
            || !CheckIds(json, context).Succeeded(out json, out refusal)
            || !TwinPatch.Read(json).Succeeded(out var patch, out refusal))
        {
            await devices.Hub.RefuseAsync(context, refusal);
            return;
        }
        await AnswerAsync(devices, context, await write(context.DeviceId(), context.ModuleId(), patch, context.Condition(), CancellationToken.None));
    }

    /// <summary>A body that names another device is a mistake that would change the wrong twin.</summary>
    private static Outcome<JsonObject> CheckIds(JsonObject twin, HttpContext context)
    {
        foreach (var (name, id) in ((string, string?)[])[("deviceId", context.DeviceId()), ("moduleId", context.ModuleId())])
        {
            if (twin[name] is JsonValue shown && shown.TryGetValue<string>(out var text) && text.Length > 0 && !string.Equals(text, id, StringComparison.Ordinal))
                return new Refusal(HubErrors.ArgumentInvalid, $"The body's {name} is not the path's", "Use the same id in both.");
        }
        return twin;
    }

    private static async Task AnswerAsync(DeviceApi devices, HttpContext context, Outcome<Twin> outcome)
    {
        if (!outcome.Succeeded(out var twin, out var refusal)
            || !(await devices.Hub.Registry.GetAsync(twin.DeviceId, twin.ModuleId, context.RequestAborted)).Succeeded(out var identity, out refusal))
        {
            await devices.Hub.RefuseAsync(context, refusal);
            return;
        }
        context.SetETag(twin.ETag);
        await context.WriteBytesAsync(new TwinDocument(twin, identity, devices.Hub.Live.IsConnected(identity.Key), 0).ToBytes());
    }
}
