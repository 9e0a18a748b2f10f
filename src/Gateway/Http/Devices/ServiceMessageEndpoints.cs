using System.Text;
using Homeport.Contract.Errors;
using Homeport.Contract.Messages;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Limits;
using Homeport.Log;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Devices;

/// <summary>Messages to devices, the service's side: send, purge, look at, and read what became of them.</summary>
public static class ServiceMessageEndpoints
{
    private const string Feedback = "/messages/serviceBound/feedback";

    /// <summary>Maps the service's side. Sending shares its path with the device's receiving.</summary>
    public static void MapServiceMessages(this IEndpointRouteBuilder routes, MessageApi api)
    {
        foreach (var identity in (string[])["/devices/{deviceId}", "/devices/{deviceId}/modules/{moduleId}"])
        {
            routes.MapPost(identity + "/messages/devicebound", api.Hub.Guard(Rights.ServiceConnect, context => SendAsync(api, context), HubOperation.CloudToDeviceSend));
            routes.MapDelete(identity + "/commands", api.Hub.Guard(Rights.ServiceConnect, context => PurgeAsync(api, context)));
            routes.MapGet("/homeport/v1" + identity + "/commands", api.Hub.Guard(Rights.ServiceConnect, context => PeekAsync(api, context)));
        }
        routes.MapGet(Feedback, api.Hub.Guard(Rights.ServiceConnect, context => ReceiveFeedbackAsync(api, context)));
        routes.MapDelete(Feedback + "/{lockToken}", api.Hub.Guard(Rights.ServiceConnect, async context =>
            await AnswerAsync(api, context, await api.Feedback.CompleteAsync(context.LockToken(), context.RequestAborted))));
        routes.MapPost(Feedback + "/{lockToken}/abandon", api.Hub.Guard(Rights.ServiceConnect, async context =>
            await AnswerAsync(api, context, await api.Feedback.AbandonAsync(context.LockToken(), context.RequestAborted))));
    }

    /// <summary>Takes a message with the headers that devices use for theirs; answers with its id.</summary>
    private static async Task SendAsync(MessageApi api, HttpContext context)
    {
        if (await context.ReadBodyAsync(MessageLimits.CloudToDevice) is not { } body)
        {
            await api.Hub.RefuseAsync(context, new Refusal(HubErrors.MessageTooLarge, $"The body has more bytes than {MessageLimits.CloudToDevice}", "Send less, or the address of a file."));
            return;
        }
        var message = new CloudToDeviceMessage(MessageHeaders.Read(context.Request.Headers), body);
        var outcome = await api.Messages.SendAsync(context.DeviceId(), context.ModuleId(), message, context.RequestAborted);
        if (outcome.Succeeded(out var sent, out var refusal))
            context.Response.Headers[MessageHeaders.MessageId] = sent.MessageId;
        await AnswerAsync(api, context, refusal);
    }

    private static async Task PurgeAsync(MessageApi api, HttpContext context)
    {
        if (!(await api.Hub.Registry.GetAsync(context.DeviceId(), context.ModuleId(), context.RequestAborted)).Succeeded(out var identity, out var refusal))
        {
            await api.Hub.RefuseAsync(context, refusal);
            return;
        }
        var purged = await api.Messages.PurgeAsync(identity.DeviceId, identity.ModuleId, context.RequestAborted);
        await context.WriteJsonAsync(new PurgeResult(purged, identity.DeviceId, identity.ModuleId), Json.Default.PurgeResult);
    }

    private static async Task PeekAsync(MessageApi api, HttpContext context)
    {
        if (!(await api.Hub.Registry.GetAsync(context.DeviceId(), context.ModuleId(), context.RequestAborted)).Succeeded(out var identity, out var refusal))
        {
            await api.Hub.RefuseAsync(context, refusal);
            return;
        }
        await context.WriteJsonAsync([.. api.Messages.Peek(identity.DeviceId, identity.ModuleId).Select(Describe)], Json.Default.IReadOnlyListWaitingMessage);
    }

    private static WaitingMessage Describe(PeekedMessage peeked)
    {
        var message = peeked.Message;
        var system = new Dictionary<string, string?>(StringComparer.Ordinal);
        var own = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var (name, value) in RecordProperties.Read(message.Properties.Span))
        {
            if (SystemProperty.LongName(name) is { } longName)
                system[longName] = value;
            else if (name != AckModes.Property)
                own[name] = value;
        }
        return new WaitingMessage(message.Sequence, peeked.IsLocked ? "invisible" : "enqueued", new ServiceTime(message.EnqueuedTime), new ServiceTime(message.ExpiryTime),
            message.DeliveryCount, message.Ack.Text(), system, own, message.Body.Length);
    }

    private static async Task ReceiveFeedbackAsync(MessageApi api, HttpContext context)
    {
        if (await api.Feedback.ReceiveAsync(ServiceBoundQueue.MaxBatch, context.RequestAborted) is not { } batch)
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }
        context.SetETag(batch.LockToken);
        context.Response.Headers["iothub-enqueuedtime"] = new ServiceTime(batch.EnqueuedTime).ToString();
        context.Response.ContentType = "application/vnd.microsoft.iothub.feedback.json";
        var body = Encoding.UTF8.GetBytes(batch.ToJsonArray());
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    private static Task AnswerAsync(MessageApi api, HttpContext context, Refusal? refusal)
    {
        if (refusal is not null)
            return api.Hub.RefuseAsync(context, refusal);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }
}
