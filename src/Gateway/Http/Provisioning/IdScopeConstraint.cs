using System.Collections.Frozen;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Provisioning;

/// <summary>
/// Keeps the device API of the provisioning service, whose addresses begin with an ID scope, from catching those of the hub, which
/// answers under the same host name: a hub may have a device with the name 'registrations'.
/// </summary>
internal sealed class IdScopeConstraint : IRouteConstraint
{
    private static readonly FrozenSet<string> OtherWords = FrozenSet.ToFrozenSet(
        [
            "devices", "twins", "statistics", "jobs", "configurations", "digitaltwins", "messages", "modules", "queries",
            "enrollments", "enrollmentgroups", "registrations", "certificates", "subscriptions", "homeport", "console",
        ],
        StringComparer.OrdinalIgnoreCase);

    public bool Match(HttpContext? httpContext, IRouter? route, string routeKey, RouteValueDictionary values, RouteDirection routeDirection)
        => Convert.ToString(values[routeKey], CultureInfo.InvariantCulture) is { Length: > 0 } scope && !OtherWords.Contains(scope);
}
