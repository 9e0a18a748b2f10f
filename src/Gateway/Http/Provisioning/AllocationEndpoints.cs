using System.Text.Json.Serialization.Metadata;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Registry;
using Homeport.Provisioning;
using Homeport.Provisioning.Allocation.Linked;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Provisioning;

/// <summary>
/// The hubs to which devices are assigned, over REST. Azure has this in its resource manager; the members are those, the addresses are our own.
/// </summary>
public static class AllocationEndpoints
{
    private const int MaxBodySize = 64 * 1024;

    /// <summary>Maps <c>/homeport/v1/linkedHubs</c>, <c>.../{name}</c> and <c>/homeport/v1/allocation</c>.</summary>
    public static void MapAllocation(this IEndpointRouteBuilder routes, ProvisioningApi api, LinkedHubs hubs)
    {
        ArgumentNullException.ThrowIfNull(routes);
        routes.Map("/homeport/v1/linkedHubs", api.ByMethod(
            (HttpMethods.Get, api.Guard(Rights.ServiceConfig, async context =>
                await ProvisioningAnswers.WriteAsync(context, await hubs.ListAsync(context.RequestAborted), ProvisioningJson.Wire.IReadOnlyListLinkedHubDescription)))));
        routes.Map("/homeport/v1/linkedHubs/{name}", api.ByMethod(
            (HttpMethods.Get, api.Guard(Rights.ServiceConfig, async context =>
                await AnswerAsync(api, context, await hubs.GetAsync(Name(context), context.RequestAborted), ProvisioningJson.Wire.LinkedHubDescription))),
            (HttpMethods.Put, api.Guard(Rights.ServiceConfig, context => PutAsync(api, hubs, context))),
            (HttpMethods.Delete, api.Guard(Rights.ServiceConfig, context => DeleteAsync(api, hubs, context)))));
        routes.Map("/homeport/v1/allocation", api.ByMethod(
            (HttpMethods.Get, api.Guard(Rights.ServiceConfig, context =>
                ProvisioningAnswers.WriteAsync(context, hubs.Settings(), ProvisioningJson.Wire.AllocationSettingsDescription))),
            (HttpMethods.Put, api.Guard(Rights.ServiceConfig, context => PutSettingsAsync(api, hubs, context)))));
    }

    private static async Task PutAsync(ProvisioningApi api, LinkedHubs hubs, HttpContext context)
    {
        var outcome = (await ReadAsync(context, ProvisioningJson.Received.LinkedHubDescription)).Succeeded(out var sent, out var refusal)
            ? await hubs.PutAsync(Name(context), sent, Condition(context), context.RequestAborted)
            : refusal;
        await AnswerAsync(api, context, outcome, ProvisioningJson.Wire.LinkedHubDescription);
    }

    private static async Task DeleteAsync(ProvisioningApi api, LinkedHubs hubs, HttpContext context)
    {
        if (await hubs.DeleteAsync(Name(context), Condition(context), context.RequestAborted) is { } refusal)
            await api.RefuseAsync(context, refusal);
        else
            context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static async Task PutSettingsAsync(ProvisioningApi api, LinkedHubs hubs, HttpContext context)
    {
        var outcome = (await ReadAsync(context, ProvisioningJson.Received.AllocationSettingsDescription)).Succeeded(out var sent, out var refusal)
            ? await hubs.PutSettingsAsync(sent, context.RequestAborted)
            : refusal;
        await AnswerAsync(api, context, outcome, ProvisioningJson.Wire.AllocationSettingsDescription);
    }

    private static async Task<Outcome<T>> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class
        => (await ProvisioningAnswers.ReadBodyAsync(context, MaxBodySize)).Succeeded(out var body, out var refusal) ? JsonBody.Read(body, type) : refusal;

    private static Task AnswerAsync<T>(ProvisioningApi api, HttpContext context, Outcome<T> outcome, JsonTypeInfo<T> type)
        where T : class
        => outcome.Succeeded(out var value, out var refusal) ? ProvisioningAnswers.WriteAsync(context, value, type) : api.RefuseAsync(context, refusal);

    private static string Name(HttpContext context) => (string)context.Request.RouteValues["name"]!;

    private static IfMatch Condition(HttpContext context) => IfMatch.Parse(context.Request.Headers.IfMatch);
}
