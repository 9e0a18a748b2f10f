using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Gateway.Http.Operators.Groups;
using Homeport.Gateway.Http.Operators.Templates;
using Homeport.People.Access;
using Homeport.People.Audit;
using Homeport.Provisioning.Bulk.Jobs;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators;

/// <summary>Imports of CSV files as jobs, which go on by themselves. They are the whole application's: so are the files.</summary>
public static class ImportJobEndpoints
{
    private const string Path = "/api/x/importJobs";
    private const string One = Path + "/{id}";

    /// <summary>Maps <c>/api/x/importJobs</c> and what is below it.</summary>
    public static void MapImportJobs(this IEndpointRouteBuilder routes, OperatorApi api, ImportJobs jobs)
    {
        api.MapChange(routes, "POST", Path, new Operation("createImportJob", Permission.ManageDevices, "Takes a CSV file of devices and imports it in the background.") { Audited = "importJob", Answer = StatusCodes.Status202Accepted },
            (context, actor) => CreateAsync(api, jobs, context, actor));
        api.MapRead(routes, Path, new Operation("listImportJobs", Permission.ViewJobs, "Lists imports of CSV files, in pages, the newest first."), context => ListAsync(api, jobs, context));
        api.MapRead(routes, One, new Operation("getImportJob", Permission.ViewJobs, "Shows an import and how far it is."), async context
            => (await jobs.GetAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var job, out var refusal) ? TemplateApi.Answer(Show(api, job)) : refusal);
        api.MapChange(routes, "POST", One + "/cancel", new Operation("cancelImportJob", Permission.ManageDevices, "Ends an import; what it made stays.") { Audited = "importJob" }, async (context, _)
            => (await jobs.CancelAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var job, out var refusal) ? TemplateApi.Answer(Show(api, job)) : refusal);
        api.MapStream(routes, One + "/errors", new Operation("getImportErrors", Permission.ManageDevices, "Gives the rows of an import that failed, as a CSV file; with their keys to those who may see keys."),
            (context, actor) => ErrorsAsync(api, jobs, context, actor));
    }

    private static async Task<Outcome<Reply>> CreateAsync(OperatorApi api, ImportJobs jobs, HttpContext context, Actor actor)
    {
        if (!BulkEndpoints.ReadOptions(context.Request.Query, actor).Succeeded(out var options, out var refusal))
            return refusal;
        // The server's limit is for small bodies. Files go to the disk as they come.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = jobs.Limits.MaxBytes;
        try
        {
            if (!(await jobs.CreateAsync(context.Request.Body, context.Request.Query["name"], options with { CheckOrganization = api.Organizations.CheckAsync }, context.RequestAborted)).Succeeded(out var job, out refusal))
                return refusal.Error == HubErrors.ArgumentInvalid ? refusal with { Error = PeopleErrors.InvalidBody } : refusal;
            OperatorApi.Note(context, job.Id, $"{job.File.Name}, {job.File.Rows} rows{(options.ValidateOnly ? ", only checked" : "")}; SHA-256 {job.File.Sha256}");
            context.Response.Headers.Location = $"{Path}/{job.Id}";
            return TemplateApi.Answer(Show(api, job), StatusCodes.Status202Accepted);
        }
        catch (BadHttpRequestException e)
        {
            return new Refusal(PeopleErrors.InvalidBody, $"The file cannot be read: {e.Message}", $"Send at most {jobs.Limits.MaxBytes / 1024 / 1024} MiB, or raise import-mb.");
        }
    }

    private static async Task<Outcome<Reply>> ListAsync(OperatorApi api, ImportJobs jobs, HttpContext context)
    {
        if (!Paging.Read(context).Succeeded(out var paging, out var refusal))
            return refusal;
        var before = long.MaxValue;
        if (paging.After is { } place && !long.TryParse(place, NumberStyles.None, CultureInfo.InvariantCulture, out before))
            return Paging.BadToken();
        var found = await jobs.ListAsync(before, paging.Size + 1, context.RequestAborted);
        var shown = found.Take(paging.Size).ToList();
        return Paging.Answer(context, shown.Select(j => Show(api, j)), found.Count > shown.Count ? shown[^1].Sequence.ToString(CultureInfo.InvariantCulture) : null);
    }

    private static async Task ErrorsAsync(OperatorApi api, ImportJobs jobs, HttpContext context, Actor actor)
    {
        var id = OperatorApi.Id(context);
        if (!(await jobs.GetAsync(id, context.RequestAborted)).Succeeded(out var job, out var refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        if (!job.HasErrors(api.Time.GetUtcNow()))
        {
            await api.RefuseAsync(context, new Refusal(FleetErrors.JobNotFound, $"The import '{id}' has no error file", "No row failed, or it ended more than 24 hours ago."));
            return;
        }
        var withKeys = actor.May(Permission.RevealDeviceKeys);
        await api.Audit.AppendAsync(actor, new AuditAction("getImportErrors", "importJob", id) { Detail = withKeys ? "with keys" : null }, context.RequestAborted);
        context.Response.ContentType = "text/csv; charset=utf-8";
        context.Response.Headers.ContentDisposition = "attachment; filename=\"import-errors.csv\"";
        context.Response.Headers.CacheControl = "no-store";
        await using var text = new StreamWriter(context.Response.Body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true);
        await foreach (var line in jobs.ErrorLinesAsync(id, withKeys, context.RequestAborted))
            await text.WriteAsync(line);
    }

    private static JsonObject Show(OperatorApi api, ImportJob job) => new()
    {
        ["id"] = job.Id,
        ["type"] = "importDevices",
        ["status"] = JsonNamingPolicy.CamelCase.ConvertName(job.Status.ToString()),
        ["reason"] = job.Reason,
        ["createdBy"] = job.Options.By,
        ["file"] = new JsonObject { ["name"] = job.File.Name, ["bytes"] = job.File.Bytes, ["sha256"] = job.File.Sha256 },
        ["options"] = new JsonObject
        {
            ["template"] = job.Options.Template,
            ["organization"] = job.Options.Organization,
            ["onExisting"] = JsonNamingPolicy.CamelCase.ConvertName(job.Options.OnExisting.ToString()),
            ["validateOnly"] = job.Options.ValidateOnly,
            ["enroll"] = job.Options.Enroll,
        },
        ["progress"] = new JsonObject
        {
            ["total"] = job.File.Rows,
            ["processed"] = job.Counts.Processed,
            ["created"] = job.Counts.Created,
            ["updated"] = job.Counts.Updated,
            ["skipped"] = job.Counts.Skipped,
            ["failed"] = job.Counts.Failed,
        },
        ["ignoredColumns"] = new JsonArray([.. job.IgnoredColumns.Select(c => (JsonNode)c)]),
        ["errorFileUrl"] = job.HasErrors(api.Time.GetUtcNow()) ? $"{Path}/{job.Id}/errors" : null,
        ["created"] = Time(job.Created),
        ["start"] = Time(job.Began),
        ["end"] = Time(job.Ended),
    };

    private static string? Time(DateTimeOffset? time) => time?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
