using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Consumers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>Homeport's own REST for consumer groups. In Azure they belong to the resource provider, whose bodies these are.</summary>
public static class ConsumerGroupEndpoints
{
    private const string Path = "/homeport/v1/consumerGroups";

    /// <summary>Maps <c>/homeport/v1/consumerGroups</c> and <c>/homeport/v1/consumerGroups/{name}</c>.</summary>
    public static void MapConsumerGroups(this IEndpointRouteBuilder routes, HubApi hub, ConsumerGroups groups)
    {
        routes.MapGet(Path, hub.Guard(Rights.ServiceConnect, async context =>
            await context.WriteJsonAsync(new ConsumerGroupList([.. (await groups.ListAsync(context.RequestAborted)).Select(Describe)]), Json.Default.ConsumerGroupList)));
        routes.MapGet(Path + "/{name}", hub.Guard(Rights.ServiceConnect, async context =>
            await AnswerAsync(hub, context, await groups.GetAsync(context.GroupName(), context.RequestAborted))));
        routes.MapPut(Path + "/{name}", hub.Guard(Rights.ServiceConnect, async context =>
            await AnswerAsync(hub, context, await groups.CreateAsync(context.GroupName(), context.RequestAborted))));
        routes.MapDelete(Path + "/{name}", hub.Guard(Rights.ServiceConnect, async context =>
        {
            if (await groups.DeleteAsync(context.GroupName(), context.RequestAborted) is { } refusal)
                await hub.RefuseAsync(context, refusal);
            else
                context.Response.StatusCode = StatusCodes.Status204NoContent;
        }));
    }

    private static Task AnswerAsync(HubApi hub, HttpContext context, Outcome<ConsumerGroup> outcome) => outcome.Succeeded(out var group, out var refusal)
        ? context.WriteJsonAsync(Describe(group), Json.Default.ConsumerGroupDescription)
        : hub.RefuseAsync(context, refusal);

    private static ConsumerGroupDescription Describe(ConsumerGroup group) => new(group.Name, new ConsumerGroupProperties(new ServiceTime(group.Created)));

    private static string GroupName(this HttpContext context) => (string)context.Request.RouteValues["name"]!;
}
