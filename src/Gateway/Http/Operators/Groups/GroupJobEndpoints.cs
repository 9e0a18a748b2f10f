using System.Globalization;
using Homeport.Contract.Errors;
using Homeport.Gateway.Http.Operators.Templates;
using Homeport.Operations.Jobs;
using Homeport.People.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators.Groups;

/// <summary>Jobs over device groups, over REST. Source: IoT Central data plane, api-version 2022-07-31.</summary>
public static class GroupJobEndpoints
{
    private const string Path = "/api/jobs";
    private const string One = Path + "/{id}";

    /// <summary>Maps <c>/api/jobs</c>, <c>/api/jobs/{id}</c> and what is below it.</summary>
    public static void MapGroupJobs(this IEndpointRouteBuilder routes, OperatorApi api, GroupJobs jobs)
    {
        api.MapRead(routes, Path, new Operation("listJobs", Permission.ViewJobs, "Lists jobs over device groups, in pages, the newest first."), context => ListAsync(jobs, context));
        api.MapRead(routes, One, new Operation("getJob", Permission.ViewJobs, "Shows a job and how far it is."), async context => Answer(await jobs.GetAsync(OperatorApi.Id(context), context.RequestAborted)));
        api.MapRead(routes, One + "/devices", new Operation("listJobDevices", Permission.ViewJobs, "Lists the devices of a job with what became of each, in pages."), context => ListDevicesAsync(jobs, context));
        api.MapChange(routes, "PUT", One, Change("putJob", "Makes a job, which begins at once."), async (context, actor) =>
        {
            if (!(await TemplateApi.ReadObjectAsync(context)).Succeeded(out var body, out var refusal) || !GroupJobForm.Read(OperatorApi.Id(context), body).Succeeded(out var wanted, out refusal))
                return refusal;
            OperatorApi.Note(context, wanted.Id, $"group {wanted.Group}, {string.Join(", ", wanted.Data.Select(d => $"{d.Type} {d.Path ?? d.Target}").Take(10))}");
            return Answer(await jobs.CreateAsync(wanted, actor.Name, context.RequestAborted));
        });
        api.MapChange(routes, "POST", One + "/stop", Change("stopJob", "Stops a job; devices in work are finished.") with { Answer = StatusCodes.Status204NoContent }, async (context, _)
            => await jobs.StopAsync(OperatorApi.Id(context), context.RequestAborted) is { } refusal ? refusal : Reply.Empty);
        api.MapChange(routes, "POST", One + "/resume", Change("resumeJob", "Lets a stopped job go on.") with { Answer = StatusCodes.Status204NoContent }, async (context, _)
            => await jobs.ResumeAsync(OperatorApi.Id(context), context.RequestAborted) is { } refusal ? refusal : Reply.Empty);
        api.MapChange(routes, "PUT", One + "/rerun/{rerunId}", Change("rerunJob", "Makes a job that does the same on the failed devices."), async (context, actor) =>
        {
            var rerun = TemplateApi.Part(context, "rerunId")!;
            OperatorApi.Note(context, OperatorApi.Id(context), $"as {rerun}");
            return Answer(await jobs.RerunAsync(OperatorApi.Id(context), rerun, actor.Name, context.RequestAborted));
        });
    }

    private static async Task<Outcome<Reply>> ListAsync(GroupJobs jobs, HttpContext context)
    {
        if (!Paging.Read(context).Succeeded(out var paging, out var refusal))
            return refusal;
        var before = long.MaxValue;
        if (paging.After is { } place && !long.TryParse(place, NumberStyles.None, CultureInfo.InvariantCulture, out before))
            return Paging.BadToken();
        var found = await jobs.ListAsync(before, paging.Size + 1, context.RequestAborted);
        var shown = found.Take(paging.Size).ToList();
        return Paging.Answer(context, shown.Select(GroupJobForm.Show), found.Count > shown.Count ? shown[^1].Sequence.ToString(CultureInfo.InvariantCulture) : null);
    }

    private static async Task<Outcome<Reply>> ListDevicesAsync(GroupJobs jobs, HttpContext context)
    {
        if (!Paging.Read(context).Succeeded(out var paging, out var refusal)
            || !(await jobs.DevicesAsync(OperatorApi.Id(context), paging.After, paging.Size + 1, context.RequestAborted)).Succeeded(out var found, out refusal))
        {
            return refusal;
        }
        var shown = found.Take(paging.Size).ToList();
        return Paging.Answer(context, shown.Select(GroupJobForm.Show), found.Count > shown.Count ? shown[^1].DeviceId : null);
    }

    private static Outcome<Reply> Answer(Outcome<GroupJob> outcome) => outcome.Succeeded(out var job, out var refusal) ? TemplateApi.Answer(GroupJobForm.Show(job)) : refusal;

    private static Operation Change(string name, string summary) => new(name, Permission.ManageJobs, summary) { Audited = "job" };
}
