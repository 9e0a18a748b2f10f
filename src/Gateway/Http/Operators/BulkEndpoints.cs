using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Bulk;
using Homeport.People.Access;
using Homeport.People.Audit;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators;

/// <summary>Devices as CSV files over REST: in the columns of IoT Central.</summary>
public static class BulkEndpoints
{
    /// <summary>Maps <c>POST /api/x/devices/import</c> and <c>GET /api/x/devices/export</c>.</summary>
    public static void MapBulkFiles(this IEndpointRouteBuilder routes, OperatorApi api, DeviceImport import, DeviceExport export)
    {
        api.MapChange(routes, "POST", "/api/x/devices/import", new Operation("importDevices", Permission.ManageDevices, "Registers the devices of a CSV file.") { Audited = "device" },
            (context, _) => ImportAsync(context, import));
        api.MapStream(routes, "/api/x/devices/export", new Operation("exportDevices", Permission.ViewDevices, "Gives all devices as a CSV file; with keys=true and the right, with their keys."),
            (context, actor) => ExportAsync(api, context, actor, export));
    }

    private static async Task<Outcome<Reply>> ImportAsync(HttpContext context, DeviceImport import)
    {
        if (!ReadOptions(context.Request.Query).Succeeded(out var options, out var refusal))
            return refusal;
        // The server's limit is for small bodies. Files are read as they come and never held as a whole.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = DeviceImport.MaxBytes;
        try
        {
            return (await import.RunAsync(context.Request.Body, options, null, context.RequestAborted)).Succeeded(out var report, out refusal)
                ? Reply.Of(ToBody(report, options), OperatorJson.Default.ImportDescription)
                : refusal with { Error = PeopleErrors.InvalidBody };
        }
        catch (BadHttpRequestException e)
        {
            return new Refusal(PeopleErrors.InvalidBody, $"The file cannot be read: {e.Message}", $"Send at most {DeviceImport.MaxBytes / 1024 / 1024} MiB.");
        }
    }

    private static async Task ExportAsync(OperatorApi api, HttpContext context, Actor actor, DeviceExport export)
    {
        var withKeys = IsTrue(context.Request.Query["keys"]);
        if (withKeys && actor.Check(Permission.RevealDeviceKeys) is { } forbidden)
        {
            await api.RefuseAsync(context, forbidden);
            return;
        }
        await api.Audit.AppendAsync(actor, new AuditAction("exportDevices", "device", "all") { Detail = withKeys ? "with keys" : null }, context.RequestAborted);
        context.Response.ContentType = "text/csv; charset=utf-8";
        context.Response.Headers.ContentDisposition = "attachment; filename=\"homeport-devices.csv\"";
        context.Response.Headers.CacheControl = "no-store";
        await export.RunAsync(context.Response.Body, withKeys, IsTrue(context.Request.Query["spreadsheetSafe"]), context.RequestAborted);
    }

    private static Outcome<ImportOptions> ReadOptions(IQueryCollection query)
    {
        var text = query["onExisting"].ToString();
        if (text.Length > 0 && (!Enum.TryParse<OnExisting>(text, ignoreCase: true, out var parsed) || !Enum.IsDefined(parsed) || char.IsAsciiDigit(text[0])))
            return new Refusal(PeopleErrors.InvalidQuery, "onExisting is neither skip, update nor fail", "Send one of them, or leave it out to skip.");
        return new ImportOptions(text.Length == 0 ? OnExisting.Skip : Enum.Parse<OnExisting>(text, ignoreCase: true), IsTrue(query["validateOnly"]));
    }

    private static bool IsTrue(string? text) => string.Equals(text, "true", StringComparison.OrdinalIgnoreCase);

    private static ImportDescription ToBody(ImportReport report, ImportOptions options) => new()
    {
        Status = report.Failed == 0 ? "succeeded" : report.Failed == report.Processed ? "failed" : "succeededWithErrors",
        ValidateOnly = options.ValidateOnly,
        OnExisting = JsonNamingPolicy.CamelCase.ConvertName(options.OnExisting.ToString()),
        Progress = new ImportProgress(report.Processed, report.Created, report.Updated, report.Skipped, report.Failed),
        IgnoredColumns = report.IgnoredColumns,
        Sha256 = report.Sha256,
        ErrorFile = report.ErrorFile.Length == 0 ? null : report.ErrorFile,
    };
}
