using System.Globalization;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.People.Access;
using Homeport.People.Audit;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators;

/// <summary>The audit log over REST.</summary>
public static class AuditEndpoints
{
    private const int DefaultPage = 100;
    private const int MaxPage = 1000;

    /// <summary>Maps <c>/api/x/audit</c>.</summary>
    public static void MapAudit(this IEndpointRouteBuilder routes, OperatorApi api)
    {
        api.MapRead(routes, "/api/x/audit", new Operation("searchAudit", Permission.ViewAudit, "Searches the audit log, the newest entries first."), context => SearchAsync(api, context));
        api.MapRead(routes, "/api/x/audit/verification", new Operation("verifyAudit", Permission.ViewAudit, "Checks the chain of the whole audit log."), async context =>
        {
            var result = await api.Audit.VerifyAsync(context.RequestAborted);
            return Reply.Of(new AuditVerificationDescription(result.Broken is null, result.Intact, result.Broken, Convert.ToHexStringLower(result.Head)), OperatorJson.Default.AuditVerificationDescription);
        });
        api.MapStream(routes, "/api/x/audit/export", new Operation("exportAudit", Permission.ViewAudit, "Gives the whole audit log as JSON lines."), (context, actor) => ExportAsync(api, context, actor));
    }

    private static async Task ExportAsync(OperatorApi api, HttpContext context, Actor actor)
    {
        await api.Audit.AppendAsync(actor, new AuditAction("exportAudit", "audit", ""), context.RequestAborted);
        context.Response.ContentType = "application/jsonl; charset=utf-8";
        context.Response.Headers.ContentDisposition = "attachment; filename=\"homeport-audit.jsonl\"";
        context.Response.Headers.CacheControl = "no-store";
        await AuditLines.WriteAsync(api.Audit, context.Response.Body, context.RequestAborted);
    }

    private static async Task<Outcome<Reply>> SearchAsync(OperatorApi api, HttpContext context)
    {
        if (!ReadFilter(context.Request.Query).Succeeded(out var filter, out var refusal))
            return refusal;
        var max = int.TryParse(context.Request.Query["$top"], NumberStyles.None, CultureInfo.InvariantCulture, out var top) ? Math.Clamp(top, 1, MaxPage) : DefaultPage;
        var found = await api.Audit.SearchAsync(filter, max, context.RequestAborted);
        var next = found.Count < max ? null : NextLink(context, found[^1].Number);
        return Reply.Of(new Collection<AuditEntryDescription>([.. found.Select(AuditLines.Describe)], next), OperatorJson.Default.CollectionAuditEntryDescription);
    }

    private static Outcome<AuditFilter> ReadFilter(IQueryCollection query)
    {
        var filter = new AuditFilter { ActorId = query["actor"], Action = query["action"], EntityType = query["entityType"], Text = query["search"] };
        if (query["before"] is [var before])
        {
            if (!long.TryParse(before, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                return Bad("before", "a whole number");
            filter = filter with { Before = number };
        }
        foreach (var name in (ReadOnlySpan<string>)["from", "to"])
        {
            if (query[name] is not [var text])
                continue;
            if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
                return Bad(name, "a time such as 2027-01-31T00:00:00Z");
            filter = name == "from" ? filter with { From = time } : filter with { To = time };
        }
        return filter;
    }

    private static Refusal Bad(string name, string wanted) => new(PeopleErrors.InvalidQuery, $"{name} cannot be read", $"Send {wanted}.");

    private static string NextLink(HttpContext context, long before)
    {
        var query = context.Request.Query.Where(q => q.Key != "before").ToDictionary(q => q.Key, q => q.Value, StringComparer.Ordinal);
        query["before"] = before.ToString(CultureInfo.InvariantCulture);
        return $"{context.Request.Scheme}://{context.Request.Host}{context.Request.Path}{QueryString.Create(query)}";
    }
}
