using Homeport.People.Access;
using Homeport.People.Audit;
using Microsoft.AspNetCore.Http;

namespace Homeport.WebConsole;

/// <summary>
/// The way from a page to a file of a device: a fresh address for this one file, good for some minutes, so that no page holds one. What the
/// device uploaded never comes from the console itself.
/// </summary>
internal static class ConsoleFiles
{
    public const string Path = "/console/file";

    /// <summary>Address of a file in a page.</summary>
    public static string AddressOf(string deviceId, string blobName) => $"{Path}?device={Uri.EscapeDataString(deviceId)}&name={Uri.EscapeDataString(blobName)}";

    /// <summary>Sends the browser to the file.</summary>
    public static async Task SendAsync(HttpContext context, ConsoleServices services)
    {
        if (ConsoleHost.SessionOf(context, services)?.Actor is not { } actor || !actor.May(Permission.ViewData))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }
        var (device, name) = (context.Request.Query["device"].ToString(), context.Request.Query["name"].ToString());
        var reach = await services.Organizations.ScopeOfAsync(actor, context.RequestAborted);
        if ((await services.Lifecycle.Within(reach, actor.Organization).GetAsync(device, context.RequestAborted)).Value is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        var file = (await services.Files.ListAsync(device, context.RequestAborted)).FirstOrDefault(f => f.BlobName == name);
        if (file is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        await services.Audit.AppendAsync(actor, new AuditAction("readFile", "device", device) { Detail = name }, context.RequestAborted);
        if (!(await services.Files.LinkAsync(file, context.Request.Host.Value, context.RequestAborted)).Succeeded(out var address, out var refusal))
        {
            context.Response.StatusCode = refusal.Error.HttpStatus;
            await context.Response.WriteAsync($"{refusal.Seen}. {refusal.Fix}", context.RequestAborted);
            return;
        }
        context.Response.Redirect(address.AbsoluteUri);
    }
}
