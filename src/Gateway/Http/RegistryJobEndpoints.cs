using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Gateway.Http.Files;
using Homeport.Hub.Access;
using Homeport.Hub.Files;
using Homeport.Hub.Limits;
using Homeport.Hub.ImportExport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>Imports and exports of the registry. Source: IoT Hub data plane, api-version 2021-04-12, <c>/jobs</c>.</summary>
public static class RegistryJobEndpoints
{
    private static readonly TimeSpan AccessLife = TimeSpan.FromHours(24);

    /// <summary>Maps <c>/jobs/create</c>, <c>/jobs</c>, <c>/jobs/{id}</c> and Homeport's own <c>/homeport/v1/registry/container</c>.</summary>
    /// <param name="routes">Where to.</param>
    /// <param name="hub">Rights and refusals.</param>
    /// <param name="jobs">The jobs.</param>
    /// <param name="container">A container of the built-in store for their files.</param>
    public static void MapRegistryJobs(this IEndpointRouteBuilder routes, HubApi hub, RegistryJobs jobs, ContainerAccess container)
    {
        routes.MapPost("/jobs/create", hub.Guard(Rights.RegistryWrite, context => CreateAsync(hub, jobs, context), HubOperation.Job));
        routes.MapGet("/jobs", hub.Guard(Rights.RegistryRead, async context
            => await context.WriteJsonAsync([.. (await jobs.ListAsync(context.RequestAborted)).Select(j => j.ToDescription())], Json.Default.IReadOnlyListImportExportJob), HubOperation.Job));
        routes.MapGet("/jobs/{jobId}", hub.Guard(Rights.RegistryRead, async context => await AnswerAsync(hub, context, await jobs.GetAsync(JobId(context), context.RequestAborted))));
        routes.MapDelete("/jobs/{jobId}", hub.Guard(Rights.RegistryWrite, context => CancelAsync(hub, jobs, context)));
        routes.MapGet("/homeport/v1/registry/container", hub.Guard(Rights.RegistryWrite, context => AccessAsync(hub, container, context)));
    }

    private static string JobId(HttpContext context) => (string)context.Request.RouteValues["jobId"]!;

    private static async Task CreateAsync(HubApi hub, RegistryJobs jobs, HttpContext context)
    {
        if ((await context.ReadJsonAsync(Json.Default.ImportExportJob)).Succeeded(out var request, out var refusal))
            await AnswerAsync(hub, context, await jobs.CreateAsync(request, CancellationToken.None));
        else
            await hub.RefuseAsync(context, refusal);
    }

    private static async Task CancelAsync(HubApi hub, RegistryJobs jobs, HttpContext context)
    {
        if (await jobs.CancelAsync(JobId(context), CancellationToken.None) is { } refusal)
            await hub.RefuseAsync(context, refusal);
        else
            context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary>The files hold keys, so this is for those who may write the registry, and apart from the devices' uploads.</summary>
    private static Task AccessAsync(HubApi hub, ContainerAccess access, HttpContext context)
    {
        var expires = hub.Time.GetUtcNow() + AccessLife;
        var sas = BlobSas.Create(access.Account, access.Container, null, "rwdl", expires);
        return context.WriteJsonAsync(new BlobAccessBody($"https://{context.Request.Host}/{access.Container}", sas, expires), Json.Default.BlobAccessBody);
    }

    private static async Task AnswerAsync(HubApi hub, HttpContext context, Outcome<RegistryJob> outcome)
    {
        if (outcome.Succeeded(out var job, out var refusal))
            await context.WriteJsonAsync(job.ToDescription(), Json.Default.ImportExportJob);
        else
            await hub.RefuseAsync(context, refusal);
    }
}
