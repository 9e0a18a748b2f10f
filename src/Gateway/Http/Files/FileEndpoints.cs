using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Limits;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Files;

/// <summary>Uploads of devices over HTTPS. Source: IoT Hub device API, "Create File Upload SAS URI" and "Update File Upload Status".</summary>
public static class FileEndpoints
{
    /// <summary>Maps <c>/devices/{id}/files</c> and its notifications.</summary>
    public static void MapFiles(this IEndpointRouteBuilder routes, FileApi api)
    {
        routes.MapPost("/devices/{deviceId}/files", api.Devices.Guard((context, device) => OpenAsync(api, context, device.Identity.DeviceId), HubOperation.FileUpload));
        routes.MapPost("/devices/{deviceId}/files/notifications", api.Devices.Guard((context, device) => CloseAsync(api, context, device.Identity.DeviceId)));
        routes.MapPost("/devices/{deviceId}/files/notifications/{correlationId}", api.Devices.Guard((context, device) => CloseAsync(api, context, device.Identity.DeviceId)));
    }

    private static async Task OpenAsync(FileApi api, HttpContext context, string deviceId)
    {
        if ((await context.ReadJsonAsync(Json.Default.UploadRequestBody)).Succeeded(out var body, out var refusal)
            && (await api.Uploads.OpenAsync(deviceId, body.BlobName, context.Request.Host.Value, context.RequestAborted)).Succeeded(out var ticket, out refusal))
        {
            await context.WriteJsonAsync(ticket, Json.Default.UploadTicketBody);
            return;
        }
        await api.Hub.RefuseAsync(context, refusal);
    }

    private static async Task CloseAsync(FileApi api, HttpContext context, string deviceId)
    {
        if (!(await context.ReadJsonAsync(Json.Default.UploadReportBody)).Succeeded(out var body, out var refusal))
        {
            await api.Hub.RefuseAsync(context, refusal);
            return;
        }
        var inPath = (string?)context.Request.RouteValues.GetValueOrDefault("correlationId");
        refusal = body.IsSuccess is not { } success
            ? new Refusal(HubErrors.ArgumentNull, "isSuccess is missing", "Send {\"correlationId\":\"...\",\"isSuccess\":true}.")
            : await api.Uploads.CloseAsync(deviceId, inPath ?? body.CorrelationId, success, context.RequestAborted);
        if (refusal is null)
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        else
            await api.Hub.RefuseAsync(context, refusal);
    }
}
