using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.People.Access;
using Homeport.People.Audit;
using Homeport.Provisioning.Bulk;
using Homeport.Provisioning.Lifecycle;
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
            (context, actor) => ImportAsync(api, context, actor, import));
        api.MapStream(routes, "/api/x/devices/export", new Operation("exportDevices", Permission.ViewDevices, "Gives devices as a CSV file: all, those of $filter and search, or those that id names; with keys=true and the right, with their keys.") { Reach = Reach.Narrowed },
            (context, actor) => ExportAsync(api, context, actor, export));
    }

    private static async Task<Outcome<Reply>> ImportAsync(OperatorApi api, HttpContext context, Actor actor, DeviceImport import)
    {
        if (!ReadOptions(context.Request.Query, actor).Succeeded(out var options, out var refusal))
            return refusal;
        options = options with { CheckOrganization = api.Organizations.CheckAsync };
        // The server's limit is for small bodies. Files are read as they come and never held as a whole.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = DeviceImport.MaxBytes;
        try
        {
            if (!(await import.RunAsync(context.Request.Body, options, null, context.RequestAborted)).Succeeded(out var report, out refusal))
                return refusal with { Error = PeopleErrors.InvalidBody };
            OperatorApi.Note(context, $"{report.Processed} rows", $"{report.Created} created, {report.Updated} updated, {report.Skipped} skipped, {report.Failed} failed; SHA-256 {report.Sha256}");
            return Reply.Of(ToBody(report, options), OperatorJson.Default.ImportDescription);
        }
        catch (BadHttpRequestException e)
        {
            return new Refusal(PeopleErrors.InvalidBody, $"The file cannot be read: {e.Message}", $"Send at most {DeviceImport.MaxBytes / 1024 / 1024} MiB.");
        }
    }

    private static async Task ExportAsync(OperatorApi api, HttpContext context, Actor actor, DeviceExport export)
    {
        var reach = await api.Organizations.ScopeOfAsync(actor, context.RequestAborted);
        var options = ReadExport(context.Request.Query).Succeeded(out var read, out var refusal) ? read with { Filter = Within(read.Filter, reach) } : null;
        if (options is { WithKeys: true } && actor.Check(Permission.RevealDeviceKeys) is { } forbidden)
            refusal = forbidden;
        if (options is null || refusal is not null)
        {
            await api.RefuseAsync(context, refusal!);
            return;
        }
        var what = options.DeviceIds is { } ids ? $"{ids.Count} devices" : context.Request.Query["$filter"] is [{ Length: > 0 } filter] ? filter : "all";
        await api.Audit.AppendAsync(actor, new AuditAction("exportDevices", "device", what) { Detail = options.WithKeys ? "with keys" : null }, context.RequestAborted);
        context.Response.ContentType = "text/csv; charset=utf-8";
        context.Response.Headers.ContentDisposition = "attachment; filename=\"homeport-devices.csv\"";
        context.Response.Headers.CacheControl = "no-store";
        await export.RunAsync(context.Response.Body, options, context.RequestAborted);
    }

    private static DeviceFilter Within(DeviceFilter filter, IReadOnlySet<string>? reach)
        => reach is null ? filter : filter with { Organizations = filter.Organizations is { } asked ? [.. asked.Where(reach.Contains)] : reach };

    private static Outcome<ExportOptions> ReadExport(IQueryCollection query)
    {
        if (!DeviceFilterSyntax.Read(query["$filter"]).Succeeded(out var filter, out var refusal))
            return refusal;
        if (query["id"].Count > DeviceExport.MaxSelected)
            return new Refusal(PeopleErrors.InvalidQuery, $"The query names {query["id"].Count} devices", $"Name at most {DeviceExport.MaxSelected}, or send a $filter.");
        var columns = ExportColumns.None;
        foreach (var name in query["columns"].SelectMany(c => c?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? []))
        {
            if (char.IsAsciiDigit(name[0]) || !Enum.TryParse<ExportColumns>(name, ignoreCase: true, out var column) || column == ExportColumns.None)
                return new Refusal(PeopleErrors.InvalidQuery, "columns has a name that is none of a column", "Send some of connectionString, idScope, status, template, organization.");
            columns |= column;
        }
        var withKeys = IsTrue(query["keys"]);
        if (columns.HasFlag(ExportColumns.ConnectionString) && !withKeys)
            return new Refusal(PeopleErrors.InvalidQuery, "Connection strings have keys", "Send keys=true, or leave the column out.");
        return new ExportOptions
        {
            Filter = filter with { Search = query["search"] },
            DeviceIds = query["id"].Count == 0 ? null : [.. query["id"].OfType<string>()],
            Columns = columns,
            WithKeys = withKeys,
            SpreadsheetSafe = IsTrue(query["spreadsheetSafe"]),
        };
    }

    /// <summary>How to import, from a query.</summary>
    internal static Outcome<ImportOptions> ReadOptions(IQueryCollection query, Actor actor)
    {
        var text = query["onExisting"].ToString();
        if (text.Length > 0 && (!Enum.TryParse<OnExisting>(text, ignoreCase: true, out var parsed) || !Enum.IsDefined(parsed) || char.IsAsciiDigit(text[0])))
            return new Refusal(PeopleErrors.InvalidQuery, "onExisting is neither skip, update nor fail", "Send one of them, or leave it out to skip.");
        return new ImportOptions(text.Length == 0 ? OnExisting.Skip : Enum.Parse<OnExisting>(text, ignoreCase: true), IsTrue(query["validateOnly"]))
        {
            Template = NullIfEmpty(query["template"]),
            Organization = NullIfEmpty(query["organization"]),
            Enroll = IsTrue(query["enroll"]),
            KeepKeys = actor.May(Permission.RevealDeviceKeys),
            By = actor.Name,
        };
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

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
