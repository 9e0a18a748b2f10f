using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.People.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Homeport.Gateway.Http.Operators;

/// <summary>The OpenAPI 3.1 document of the operators' API, made from the endpoints as they are mapped: it cannot leave one out.</summary>
public static class OpenApiDocument
{
    /// <summary>Maps <c>GET /api/x/openapi.json</c>.</summary>
    public static void MapOpenApi(this IEndpointRouteBuilder routes, OperatorApi api)
        => api.MapRead(routes, "/api/x/openapi.json", new Operation("getOpenApi", Permission.ViewRoles, "Describes this API.") { Reach = Reach.Anybody }, context =>
        {
            var endpoints = context.RequestServices.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();
            return Task.FromResult<Outcome<Reply>>(new Reply(StatusCodes.Status200OK, Encoding.UTF8.GetBytes(Of(endpoints).ToJsonString())));
        });

    /// <summary>Describes the endpoints that have an <see cref="Operation"/>.</summary>
    internal static JsonObject Of(IEnumerable<RouteEndpoint> endpoints)
    {
        var paths = new JsonObject();
        foreach (var endpoint in endpoints.OrderBy(e => e.RoutePattern.RawText, StringComparer.Ordinal))
        {
            if (endpoint.Metadata.GetMetadata<Operation>() is not { } operation)
                continue;
            var path = "/" + endpoint.RoutePattern.RawText!.TrimStart('/');
            if (paths[path] is not JsonObject methods)
                paths[path] = methods = [];
            foreach (var method in endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? [])
                methods[method.ToLowerInvariant()] = Describe(path, endpoint.RoutePattern.Parameters.Select(p => p.Name), method, operation);
        }
        return new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject { ["title"] = "Homeport operators' API", ["version"] = "2022-07-31" },
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["securitySchemes"] = new JsonObject
                {
                    ["apiToken"] = new JsonObject { ["type"] = "apiKey", ["in"] = "header", ["name"] = "Authorization", ["description"] = "SharedAccessSignature sr=…&sig=…&skn=…&se=…" },
                },
                ["schemas"] = new JsonObject { ["Error"] = ErrorSchema() },
            },
            ["security"] = new JsonArray(new JsonObject { ["apiToken"] = new JsonArray() }),
        };
    }

    private static JsonObject Describe(string path, IEnumerable<string> inPath, string method, Operation operation)
    {
        var parameters = new JsonArray();
        foreach (var name in inPath)
            parameters.Add(Parameter(name, "path", required: true));
        if (!path.StartsWith("/api/x/", StringComparison.Ordinal))
            parameters.Add(Parameter("api-version", "query", required: true));
        var described = new JsonObject
        {
            ["operationId"] = operation.Name,
            ["summary"] = operation.Summary,
            ["description"] = $"Roles: {string.Join(", ", PermissionMatrix.RolesWith(operation.Permission))}.",
            ["parameters"] = parameters,
            ["responses"] = new JsonObject
            {
                [(operation.Answer ?? (method == HttpMethods.Delete ? StatusCodes.Status204NoContent : StatusCodes.Status200OK)).ToString(CultureInfo.InvariantCulture)] = new JsonObject { ["description"] = "Done." },
                ["default"] = new JsonObject
                {
                    ["description"] = "Refused.",
                    ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = new JsonObject { ["$ref"] = "#/components/schemas/Error" } } },
                },
            },
        };
        return described;
    }

    private static JsonObject Parameter(string name, string place, bool required)
        => new() { ["name"] = name, ["in"] = place, ["required"] = required, ["schema"] = new JsonObject { ["type"] = "string" } };

    private static JsonObject ErrorSchema()
    {
        var members = new JsonObject();
        foreach (var member in (string[])["code", "message", "requestId", "time"])
            members[member] = new JsonObject { ["type"] = "string" };
        return new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject { ["error"] = new JsonObject { ["type"] = "object", ["properties"] = members } },
        };
    }
}
