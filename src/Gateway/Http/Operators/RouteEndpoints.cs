using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Registry;
using Homeport.People.Access;
using Homeport.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators;

/// <summary>Routes of messages over REST, in the words of IoT Hub. Administrators only: who may write a route sees all that devices send.</summary>
public static class RouteEndpoints
{
    private const string Routes = "/api/x/routes";
    private const string Endpoints = "/api/x/routingEndpoints";

    /// <summary>Maps <c>/api/x/routes</c> and <c>/api/x/routingEndpoints</c>.</summary>
    public static void MapRoutes(this IEndpointRouteBuilder routes, OperatorApi api, RoutingService routing)
    {
        api.MapRead(routes, Routes, Read("listRoutes", "Lists the routes of messages."), async context
            => Reply.Of(new Collection<RouteDescription>(await routing.ListRoutesAsync(context.RequestAborted)), RoutingJson.Default.CollectionRouteDescription));
        api.MapRead(routes, Routes + "/{id}", Read("getRoute", "Shows a route."), async context => Answer(await routing.GetRouteAsync(OperatorApi.Id(context), context.RequestAborted)));
        api.MapChange(routes, "PUT", Routes + "/{id}", Change("putRoute", "route", "Creates or changes a route; it takes messages from then on."), async (context, _) =>
        {
            if (!(await OperatorApi.ReadAsync(context, RoutingJson.Default.RouteDescription)).Succeeded(out var body, out var refusal))
                return refusal;
            var outcome = await routing.PutRouteAsync(OperatorApi.Id(context), body, Condition(context, body.Etag), context.RequestAborted);
            if (outcome.Value is { } put)
                OperatorApi.Note(context, null, $"{put.Source} to {string.Join(", ", put.EndpointNames!)}, {(put.IsEnabled == true ? "on" : "off")}, {put.Condition}");
            return Answer(outcome);
        });
        api.MapChange(routes, "DELETE", Routes + "/{id}", Change("deleteRoute", "route", "Deletes a route."), async (context, _)
            => await routing.DeleteRouteAsync(OperatorApi.Id(context), Condition(context, null), context.RequestAborted) is { } refusal ? refusal : Reply.Empty);
        api.MapChange(routes, "POST", Routes + "/test", Change("testRoutes", "route", "Says which routes would take a message, and whether a condition would."), async (context, _) =>
        {
            if (!(await OperatorApi.ReadAsync(context, RoutingJson.Default.RouteTestDescription)).Succeeded(out var test, out var refusal)
                || !(await routing.TestAsync(test, context.RequestAborted)).Succeeded(out var result, out refusal))
            {
                return refusal;
            }
            return Reply.Of(result, RoutingJson.Default.RouteTestResult);
        });
        MapRoutingEndpoints(routes, api, routing);
    }

    private static void MapRoutingEndpoints(IEndpointRouteBuilder routes, OperatorApi api, RoutingService routing)
    {
        api.MapRead(routes, Endpoints, Read("listRoutingEndpoints", "Lists the endpoints of routes with their health, without secrets."), async context
            => Reply.Of(new Collection<RoutingEndpointDescription>(await routing.ListEndpointsAsync(context.RequestAborted)), RoutingJson.Default.CollectionRoutingEndpointDescription));
        api.MapRead(routes, Endpoints + "/{id}", Read("getRoutingEndpoint", "Shows an endpoint of routes with its health, without secrets."), async context
            => Answer(await routing.GetEndpointAsync(OperatorApi.Id(context), context.RequestAborted)));
        api.MapRead(routes, Endpoints + "/{id}/dead", Read("listDeadMessages", "Lists the newest messages that an endpoint refused for good."), async context
            => (await routing.ListDeadAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var dead, out var refusal)
                ? Reply.Of(new Collection<DeadMessageDescription>(dead), RoutingJson.Default.CollectionDeadMessageDescription)
                : refusal);
        api.MapChange(routes, "PUT", Endpoints + "/{id}", Change("putRoutingEndpoint", "routingEndpoint", "Creates or changes an endpoint of routes."), async (context, _) =>
        {
            if (!(await OperatorApi.ReadAsync(context, RoutingJson.Default.RoutingEndpointDescription)).Succeeded(out var body, out var refusal))
                return refusal;
            var outcome = await routing.PutEndpointAsync(OperatorApi.Id(context), body, Condition(context, body.Etag), context.RequestAborted);
            // An address may have a key in its query.
            if (outcome.Value is { } put)
                OperatorApi.Note(context, null, $"{put.Type} {put.Url?.Split('?')[0]} {put.Address}".TrimEnd());
            return Answer(outcome);
        });
        api.MapChange(routes, "DELETE", Endpoints + "/{id}", Change("deleteRoutingEndpoint", "routingEndpoint", "Deletes an endpoint to which no route leads."), async (context, _)
            => await routing.DeleteEndpointAsync(OperatorApi.Id(context), Condition(context, null), context.RequestAborted) is { } refusal ? refusal : Reply.Empty);
    }

    private static Operation Read(string name, string summary) => new(name, Permission.ManageRouting, summary);

    private static Operation Change(string name, string entity, string summary) => new(name, Permission.ManageRouting, summary) { Audited = entity };

    private static IfMatch Condition(HttpContext context, string? etag)
        => IfMatch.Parse(context.Request.Headers.IfMatch) is { IsAbsent: false } header ? header : IfMatch.Parse(etag);

    private static Outcome<Reply> Answer(Outcome<RouteDescription> outcome)
        => outcome.Succeeded(out var route, out var refusal) ? Reply.Of(route, RoutingJson.Default.RouteDescription) : refusal;

    private static Outcome<Reply> Answer(Outcome<RoutingEndpointDescription> outcome)
        => outcome.Succeeded(out var endpoint, out var refusal) ? Reply.Of(endpoint, RoutingJson.Default.RoutingEndpointDescription) : refusal;
}
