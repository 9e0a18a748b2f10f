using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Limits;
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
    public static void MapTwins(this IEndpointRouteBuilder routes, HubApi hub)
    {
        foreach (var path in (string[])["/twins/{deviceId}", "/twins/{deviceId}/modules/{moduleId}"])
        {
            routes.MapGet(path, hub.Guard(Rights.ServiceConnect, context => GetAsync(hub, context), HubOperation.TwinRead));
            routes.MapPatch(path, hub.Guard(Rights.ServiceConnect, context => WriteAsync(hub, context, hub.Twins.PatchAsync), HubOperation.TwinUpdate));
            routes.MapPut(path, hub.Guard(Rights.ServiceConnect, context => WriteAsync(hub, context, hub.Twins.ReplaceAsync), HubOperation.TwinUpdate));
        }
    }

    private static async Task GetAsync(HubApi hub, HttpContext context)
        => await AnswerAsync(hub, context, await hub.Twins.GetAsync(context.DeviceId(), context.ModuleId(), context.RequestAborted));

    private static async Task WriteAsync(
        HubApi hub, HttpContext context, Func<string, string?, TwinPatch, IfMatch, CancellationToken, Task<Outcome<Twin>>> write)
    {
        if (!(await context.ReadBytesAsync()).Succeeded(out var body, out var refusal)
            || !TwinJson.ReadObject(body).Succeeded(out var json, out refusal)
            || !CheckIds(json, context).Succeeded(out json, out refusal)
            || !TwinPatch.Read(json).Succeeded(out var patch, out refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        await AnswerAsync(hub, context, await write(context.DeviceId(), context.ModuleId(), patch, context.Condition(), CancellationToken.None));
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

    private static async Task AnswerAsync(HubApi hub, HttpContext context, Outcome<Twin> outcome)
    {
        if (!outcome.Succeeded(out var twin, out var refusal)
            || !(await hub.Registry.GetAsync(twin.DeviceId, twin.ModuleId, context.RequestAborted)).Succeeded(out var identity, out refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        context.SetETag(twin.ETag);
        var state = await hub.StateOfAsync(identity);
        await context.WriteBytesAsync(TwinDocument.ToBytes(TwinDocument.Of(twin, identity with { LastActivity = state.LastActivity }, state.Connected, state.MessageCount)));
    }
}
