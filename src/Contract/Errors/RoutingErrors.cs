namespace Homeport.Contract.Errors;

/// <summary>Errors of routes and their endpoints.</summary>
public static class RoutingErrors
{
    public static readonly ServiceError InvalidRoute = new(nameof(InvalidRoute), 400120, "The route cannot be used.");
    public static readonly ServiceError InvalidRoutingEndpoint = new(nameof(InvalidRoutingEndpoint), 400121, "The endpoint cannot be used.");
    public static readonly ServiceError RouteNotFound = new(nameof(RouteNotFound), 404120, "There is no such route.");
    public static readonly ServiceError RoutingEndpointNotFound = new(nameof(RoutingEndpointNotFound), 404121, "There is no such endpoint.");
    public static readonly ServiceError RoutingEndpointInUse = new(nameof(RoutingEndpointInUse), 409120, "Routes lead to the endpoint.");
    public static readonly ServiceError TooManyRoutes = new(nameof(TooManyRoutes), 422120, "There are as many as there may be.");
    public static readonly ServiceError RoutingChanged = new(nameof(RoutingChanged), 412120, "It was changed in between.");
}
