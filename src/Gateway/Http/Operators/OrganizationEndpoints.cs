using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.People.Access;
using Homeport.People.Organizations;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators;

/// <summary>Organizations over REST in the form of IoT Central.</summary>
public static class OrganizationEndpoints
{
    /// <summary>Maps <c>/api/organizations</c>.</summary>
    public static void MapOrganizations(this IEndpointRouteBuilder routes, OperatorApi api)
    {
        const string one = "/api/organizations/{id}";
        api.MapRead(routes, "/api/organizations", Read("listOrganizations", "Lists the organizations that the caller's role reaches."), async (context, actor) =>
        {
            var reach = await api.Organizations.ScopeOfAsync(actor, context.RequestAborted);
            var all = await api.Organizations.ListAsync(context.RequestAborted);
            return Reply.Of(new Collection<OrganizationDescription>([.. all.Where(o => reach?.Contains(o.Id) != false).Select(Show)]), OperatorJson.Default.CollectionOrganizationDescription);
        });
        api.MapRead(routes, one, Read("getOrganization", "Shows an organization."), async (context, actor) =>
        {
            var reach = await api.Organizations.ScopeOfAsync(actor, context.RequestAborted);
            return reach?.Contains(OperatorApi.Id(context)) == false
                ? new Refusal(PeopleErrors.NotFound, "There is no such organization", "List them with GET /api/organizations.")
                : Answer(await api.Organizations.GetAsync(OperatorApi.Id(context), context.RequestAborted));
        });
        api.MapChange(routes, "PUT", one, Change("putOrganization", "Makes an organization, or replaces it."), (context, _) => WriteAsync(api, context, replaces: true));
        api.MapChange(routes, "PATCH", one, Change("patchOrganization", "Changes members of an organization."), (context, _) => WriteAsync(api, context, replaces: false));
        api.MapChange(routes, "DELETE", one, Change("deleteOrganization", "Deletes an organization that nothing belongs to."), async (context, _)
            => await api.Organizations.DeleteAsync(OperatorApi.Id(context), context.RequestAborted) is { } refusal ? refusal : Reply.Empty);
    }

    private static Operation Read(string name, string summary) => new(name, Permission.ViewDevices, summary) { Reach = Reach.Anybody };

    private static Operation Change(string name, string summary) => new(name, Permission.ManagePeople, summary) { Audited = "organization" };

    /// <summary>A PATCH is a JSON merge patch (RFC 7386): what it does not name stays.</summary>
    private static async Task<Outcome<Reply>> WriteAsync(OperatorApi api, HttpContext context, bool replaces)
    {
        var id = OperatorApi.Id(context);
        JsonObject? sent;
        try
        {
            sent = await JsonNode.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted) as JsonObject;
        }
        catch (JsonException)
        {
            sent = null;
        }
        var members = new[] { "displayName", "parent", "etag" };
        if (sent is null || members.Any(m => sent[m] is { } value && value.GetValueKind() != JsonValueKind.String))
            return new Refusal(PeopleErrors.InvalidBody, "It is no JSON object with texts", """Send for example {"displayName":"Plant 7","parent":"north"}.""");
        Organization? present = null;
        if (!replaces && !(await api.Organizations.GetAsync(id, context.RequestAborted)).Succeeded(out present, out var refusal))
            return refusal;
        var wanted = new Organization(
            id,
            sent.ContainsKey("displayName") || present is null ? (string?)sent["displayName"] ?? id : present.DisplayName,
            sent.ContainsKey("parent") || present is null ? (string?)sent["parent"] : present.Parent);
        OperatorApi.Note(context, id, $"{wanted.DisplayName}, part of {wanted.Parent ?? "the application"}");
        return Answer(await api.Organizations.PutAsync(wanted, (string?)sent["etag"], context.RequestAborted));
    }

    private static Outcome<Reply> Answer(Outcome<Organization> outcome)
        => outcome.Succeeded(out var organization, out var refusal) ? Reply.Of(Show(organization), OperatorJson.Default.OrganizationDescription) : refusal;

    private static OrganizationDescription Show(Organization organization) => new(organization.Id, organization.DisplayName, organization.Parent, organization.ETag);
}
