using Homeport.Contract.Rest;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.People.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators;

/// <summary>What the Azure command line asks of an application beside its documented data plane (<c>az iot central device</c>): the twin, and the queue of a device.</summary>
public static class SystemEndpoints
{
    private const string Path = "/api/system/iothub/devices/{id}";

    /// <summary>Maps <c>get-twin</c> and <c>c2d</c> below <c>/api/system/iothub/devices/{id}</c>.</summary>
    public static void MapSystem(this IEndpointRouteBuilder routes, OperatorApi api, IdentityRegistry registry, DeviceTwins twins, LiveConnections live, CloudToDeviceMessages messages)
    {
        api.MapRead(routes, Path + "/get-twin", new Operation("getDeviceTwin", Permission.ViewDevices, "Shows the twin of a device."), async context =>
        {
            if (!(await twins.GetAsync(OperatorApi.Id(context), null, context.RequestAborted)).Succeeded(out var twin, out var refusal)
                || !(await registry.GetAsync(twin.DeviceId, null, context.RequestAborted)).Succeeded(out var identity, out refusal))
            {
                return refusal;
            }
            var shown = identity with { LastActivity = live.LastActivityOf(identity.Key) ?? identity.LastActivity };
            return new Reply(StatusCodes.Status200OK, TwinDocument.ToBytes(TwinDocument.Of(twin, shown, live.IsConnected(identity.Key), await messages.CountAsync(identity.Key))));
        });
        var purge = new Operation("purgeDeviceQueue", Permission.CommandDevices, "Takes all messages out of the queue of a device.") { Audited = "device", Answer = StatusCodes.Status200OK };
        api.MapChange(routes, "DELETE", Path + "/c2d", purge, async (context, _) =>
        {
            if (!(await registry.GetAsync(OperatorApi.Id(context), null, context.RequestAborted)).Succeeded(out var identity, out var refusal))
                return refusal;
            var purged = await messages.PurgeAsync(identity.DeviceId, null, context.RequestAborted);
            OperatorApi.Note(context, identity.DeviceId, $"{purged} messages");
            return Reply.Of(new PurgeResult(purged, identity.DeviceId, null), Json.Default.PurgeResult);
        });
    }
}
