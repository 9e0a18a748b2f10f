using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Files;
using Microsoft.AspNetCore.Http;

namespace Homeport.Gateway.Http.Files;

/// <summary>What the upload calls stand on.</summary>
/// <param name="Hub">The hub.</param>
/// <param name="Authenticator">Lets devices in.</param>
/// <param name="Uploads">Open uploads.</param>
/// <param name="Notifications">What the service side hears of.</param>
/// <param name="Access">Makes access to the built-in store for the service side, or null when files go elsewhere.</param>
public sealed record FileApi(HubApi Hub, DeviceAuthenticator Authenticator, FileUploads Uploads, INotificationQueue Notifications, ContainerAccess? Access)
{
    /// <summary>Runs a call of the device that stands in the path, once it proved who it is.</summary>
    internal RequestDelegate ForDevice(Func<HttpContext, string, Task> call) => async context =>
    {
        if (string.IsNullOrEmpty(context.Request.Query["api-version"]))
        {
            await Hub.RefuseAsync(context, new Refusal(HubErrors.InvalidProtocolVersion, "The query has no api-version", "Add ?api-version=2021-04-12."));
            return;
        }
        var deviceId = (string)context.Request.RouteValues["deviceId"]!;
        var header = context.Request.Headers.Authorization.ToString();
        var shown = new DeviceCredentials(deviceId, null, header.Length > 0 ? header : null, context.Connection.ClientCertificate);
        if ((await Authenticator.AuthenticateAsync(shown, context.RequestAborted)).Succeeded(out _, out var refusal))
            await call(context, deviceId);
        else
            await Hub.RefuseAsync(context, refusal);
    };
}

/// <summary>Access to the hub's container in the built-in store.</summary>
/// <param name="Account">Signs.</param>
/// <param name="Container">The container.</param>
public sealed record ContainerAccess(BlobAccount Account, string Container);
