using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Jobs;
using Homeport.Hub.Limits;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>Jobs over many devices. Source: IoT Hub data plane, api-version 2021-04-12, <c>/jobs/v2</c>.</summary>
public static class JobEndpoints
{
    /// <summary>Maps <c>/jobs/v2/{id}</c>, its cancellation, and <c>/jobs/v2/query</c>.</summary>
    public static void MapJobs(this IEndpointRouteBuilder routes, HubApi hub, ScheduledJobs jobs)
    {
        routes.MapGet("/jobs/v2/query", hub.Guard(Rights.ServiceConnect, context => ListAsync(hub, jobs, context), HubOperation.Job));
        routes.MapPut("/jobs/v2/{jobId}", hub.Guard(Rights.ServiceConnect, context => CreateAsync(hub, jobs, context), HubOperation.Job));
        routes.MapGet("/jobs/v2/{jobId}", hub.Guard(Rights.ServiceConnect, async context => await AnswerAsync(hub, context, await jobs.GetAsync(JobId(context), context.RequestAborted))));
        routes.MapPost("/jobs/v2/{jobId}/cancel", hub.Guard(Rights.ServiceConnect, async context => await AnswerAsync(hub, context, await jobs.CancelAsync(JobId(context), CancellationToken.None))));
    }

    private static string JobId(HttpContext context) => (string)context.Request.RouteValues["jobId"]!;

    private static async Task CreateAsync(HubApi hub, ScheduledJobs jobs, HttpContext context)
    {
        if (!(await context.ReadBytesAsync()).Succeeded(out var body, out var refusal) || !JobForm.Read(body, JobId(context)).Succeeded(out var request, out refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        await AnswerAsync(hub, context, await jobs.CreateAsync(request, CancellationToken.None));
    }

    private static async Task ListAsync(HubApi hub, ScheduledJobs jobs, HttpContext context)
    {
        if (!JobWords.Filter(context.Request.Query["jobType"], context.Request.Query["jobStatus"]).Succeeded(out var filter, out var refusal)
            || !QueryEndpoint.ReadPage(context).Succeeded(out var page, out refusal)
            || !(await jobs.ListAsync(filter, page.Size, page.Continuation, context.RequestAborted)).Succeeded(out var found, out refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        await context.WritePageAsync("JobResponse", found.Continuation, writer =>
        {
            foreach (var job in found.Jobs)
                JobForm.Write(writer, job);
        });
    }

    private static async Task AnswerAsync(HubApi hub, HttpContext context, Outcome<Job> outcome)
    {
        if (!outcome.Succeeded(out var job, out var refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        using var stream = new MemoryStream();
        await using (var writer = new Utf8JsonWriter(stream))
            JobForm.Write(writer, job);
        await context.WriteBytesAsync(stream.ToArray());
    }
}
