using System.Globalization;
using System.Text;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Gateway.Http.Devices;
using Homeport.Hub.Access;
using Homeport.Hub.Files;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Files;

/// <summary>What the service side hears of files, and how it gets at them.</summary>
public static class FileNotificationEndpoints
{
    private const string Path = "/messages/serviceBound/filenotifications";
    private static readonly TimeSpan AccessLife = TimeSpan.FromHours(1);

    /// <summary>Maps <c>/messages/serviceBound/filenotifications</c> and Homeport's own <c>/homeport/v1/files/access</c>.</summary>
    public static void MapFileNotifications(this IEndpointRouteBuilder routes, FileApi api)
    {
        routes.MapGet(Path, api.Hub.Guard(Rights.ServiceConnect, context => ReceiveAsync(api, context)));
        routes.MapDelete(Path + "/{lockToken}", api.Hub.Guard(Rights.ServiceConnect, context => SettleAsync(api, context, api.Notifications.CompleteAsync)));
        routes.MapPost(Path + "/{lockToken}/abandon", api.Hub.Guard(Rights.ServiceConnect, context => SettleAsync(api, context, api.Notifications.AbandonAsync)));
        routes.MapGet("/homeport/v1/files/access", api.Hub.Guard(Rights.ServiceConnect, context => AccessAsync(api, context)));
    }

    private static async Task ReceiveAsync(FileApi api, HttpContext context)
    {
        if (await api.Notifications.ReceiveAsync(1, context.RequestAborted) is not { } locked)
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }
        context.SetETag(locked.LockToken);
        var record = locked.Records[0];
        context.Response.Headers["iothub-sequencenumber"] = record.Sequence.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["iothub-deliverycount"] = record.DeliveryCount.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["iothub-enqueuedtime"] = new ServiceTime(record.EnqueuedTime).ToString();
        await context.WriteBytesAsync(Encoding.UTF8.GetBytes(record.Payload));
    }

    private static async Task SettleAsync(FileApi api, HttpContext context, Func<string, CancellationToken, Task<Refusal?>> settle)
    {
        if (await settle(context.LockToken(), context.RequestAborted) is { } refusal)
            await api.Hub.RefuseAsync(context, refusal);
        else
            context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static Task AccessAsync(FileApi api, HttpContext context)
    {
        if (api.Access is not { } access)
            return api.Hub.RefuseAsync(context, new Refusal(HubErrors.NotFound, "Files go to a storage account elsewhere", "Use the access that account gives."));
        var expires = api.Hub.Time.GetUtcNow() + AccessLife;
        var sas = BlobSas.Create(access.Account, access.Container, null, "rdl", expires);
        return context.WriteJsonAsync(new BlobAccessBody($"https://{context.Request.Host}/{access.Container}", sas, expires), Json.Default.BlobAccessBody);
    }
}
