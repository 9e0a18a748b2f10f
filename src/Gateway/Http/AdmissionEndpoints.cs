using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>Homeport's own REST to allow and block groups of devices, by list or by condition.</summary>
public static class AdmissionEndpoints
{
    /// <summary>Maps <c>POST /homeport/v1/devices/allow</c> and <c>/homeport/v1/devices/block</c>.</summary>
    public static void MapAdmission(this IEndpointRouteBuilder routes, HubApi hub, DeviceAdmission admission)
    {
        routes.MapPost("/homeport/v1/devices/allow", hub.Guard(Rights.RegistryWrite, context => RunAsync(hub, admission, context, allow: true)));
        routes.MapPost("/homeport/v1/devices/block", hub.Guard(Rights.RegistryWrite, context => RunAsync(hub, admission, context, allow: false)));
    }

    private static async Task RunAsync(HubApi hub, DeviceAdmission admission, HttpContext context, bool allow)
    {
        if (!(await context.ReadJsonAsync(Json.Default.AdmissionDescription)).Succeeded(out var body, out var refusal)
            || !(await ApplyAsync(admission, body, new AdmissionChange(allow, body.Reason), context.RequestAborted)).Succeeded(out var result, out refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        var errors = result.Failures.Select(f => new BulkError(f.DeviceId, null, f.Refusal.Error.Name, f.Refusal.Text, allow ? "allow" : "block")).ToList();
        await context.WriteJsonAsync(new AdmissionAnswer(result.Count, errors, result.MoreFailures), Json.Default.AdmissionAnswer);
    }

    private static async Task<Outcome<AdmissionResult>> ApplyAsync(DeviceAdmission admission, AdmissionDescription body, AdmissionChange change, CancellationToken token)
    {
        if (body.DeviceIds is null == string.IsNullOrEmpty(body.Condition))
            return new Refusal(HubErrors.ArgumentInvalid, "The body has deviceIds and condition, or neither", "Send deviceIds, or a condition such as tags.site='A'.");
        if (body.DeviceIds is not null)
            return await admission.ApplyAsync(body.DeviceIds, change, token);
        return HubQuery.ParseCondition(body.Condition).Succeeded(out var condition, out var refusal)
            ? await admission.ApplyAsync(condition, change, token)
            : refusal;
    }
}
