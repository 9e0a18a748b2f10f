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

    /// <summary>Where the error files of imports are.</summary>
    public const string ErrorsPath = "/console/import-errors.csv";

    /// <summary>Address of the error file of an import in a page.</summary>
    public static string ErrorsOf(string jobId) => $"{ErrorsPath}?id={Uri.EscapeDataString(jobId)}";

    /// <summary>Sends the error file of an import, with keys to those who may see keys.</summary>
    public static async Task SendErrorsAsync(HttpContext context, ConsoleServices services)
    {
        if (ConsoleHost.SessionOf(context, services)?.Actor is not { } actor || !actor.May(Permission.ManageDevices) || actor.CheckWhole() is not null)
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }
        var id = context.Request.Query["id"].ToString();
        if ((await services.ImportJobs.GetAsync(id, context.RequestAborted)).Value?.HasErrors(services.Time.GetUtcNow()) != true)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        var withKeys = actor.May(Permission.RevealDeviceKeys);
        await services.Audit.AppendAsync(actor, new AuditAction("getImportErrors", "importJob", id) { Detail = withKeys ? "with keys" : null }, context.RequestAborted);
        context.Response.ContentType = "text/csv; charset=utf-8";
        context.Response.Headers.ContentDisposition = "attachment; filename=\"import-errors.csv\"";
        context.Response.Headers.CacheControl = "no-store";
        await foreach (var line in services.ImportJobs.ErrorLinesAsync(id, withKeys, context.RequestAborted))
            await context.Response.WriteAsync(line, context.RequestAborted);
    }

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
