using System.Globalization;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Limits;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Devices;

/// <summary>Messages to devices over HTTPS: a device asks for the next one and answers by its lock token.</summary>
public static class DeviceBoundEndpoints
{
    private const string LockTime = "iothub-messagelocktimeout";

    /// <summary>Maps <c>GET /devices/{d}/messages/devicebound</c>, what answers it, and the forms for modules.</summary>
    public static void MapDeviceBound(this IEndpointRouteBuilder routes, DeviceCalls calls)
    {
        foreach (var identity in (string[])["/devices/{deviceId}", "/devices/{deviceId}/modules/{moduleId}"])
        {
            var messages = identity + "/messages/devicebound";
            routes.MapGet(messages, calls.Guard((context, device) => ReceiveAsync(calls, context, device), HubOperation.CloudToDeviceReceive));
            routes.MapDelete(messages + "/{lockToken}", calls.Guard((context, device) => SettleAsync(calls, context, device)));
            routes.MapPost(messages + "/{lockToken}/abandon", calls.Guard((context, device) => AbandonAsync(calls, context, device)));
        }
    }

    private static async Task ReceiveAsync(DeviceCalls calls, HttpContext context, AuthenticatedDevice device)
    {
        if (!TryReadLockTime(context.Request, out var lockTime))
        {
            await calls.RefuseAsync(context, new Refusal(HubErrors.ArgumentInvalid, $"{LockTime} is not usable",
                $"Use 1 to {CloudToDeviceSettings.MaxLockTime.TotalSeconds} seconds."));
            return;
        }
        var received = await calls.Door.CloudToDevice.ReceiveAsync(device.Identity.DeviceId, device.Identity.ModuleId, lockTime, context.RequestAborted);
        if (received is null)
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }
        MessageHeaders.Write(context.Response.Headers, received);
        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = received.Message.Body.Length;
        await context.Response.Body.WriteAsync(received.Message.Body, context.RequestAborted);
    }

    private static async Task SettleAsync(DeviceCalls calls, HttpContext context, AuthenticatedDevice device)
    {
        // The lock token is in the path: If-Match is sent in several forms, and by some clients not at all.
        var outcome = context.Request.Query.ContainsKey("reject") ? MessageOutcome.Rejected : MessageOutcome.Success;
        var identity = device.Identity;
        await calls.AnswerAsync(context, await calls.Door.CloudToDevice.SettleAsync(identity.DeviceId, identity.ModuleId, context.LockToken(), outcome, context.RequestAborted));
    }

    private static async Task AbandonAsync(DeviceCalls calls, HttpContext context, AuthenticatedDevice device)
    {
        var identity = device.Identity;
        await calls.AnswerAsync(context, await calls.Door.CloudToDevice.AbandonAsync(identity.DeviceId, identity.ModuleId, context.LockToken(), context.RequestAborted));
    }

    /// <summary>One SDK asks in the query, a command line tool in a header.</summary>
    private static bool TryReadLockTime(HttpRequest request, out TimeSpan? lockTime)
    {
        lockTime = null;
        var text = request.Query[LockTime].FirstOrDefault() ?? request.Headers[LockTime].FirstOrDefault();
        if (string.IsNullOrEmpty(text))
            return true;
        if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            || seconds < 1 || seconds > CloudToDeviceSettings.MaxLockTime.TotalSeconds)
        {
            return false;
        }
        lockTime = TimeSpan.FromSeconds(seconds);
        return true;
    }
}
