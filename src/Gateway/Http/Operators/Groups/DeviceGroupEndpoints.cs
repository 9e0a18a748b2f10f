using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.Operations.Groups;
using Homeport.Gateway.Http.Operators.Templates;
using Homeport.Hub.Registry;
using Homeport.People.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators.Groups;

/// <summary>Device groups over REST. Source: IoT Central data plane, api-version 2022-07-31.</summary>
public static class DeviceGroupEndpoints
{
    private const string Path = "/api/deviceGroups";

    private static readonly string[] Texts = ["displayName", "description", "filter", "etag"];

    /// <summary>Maps <c>/api/deviceGroups</c>, <c>/api/deviceGroups/{id}</c> and its <c>devices</c>.</summary>
    public static void MapDeviceGroups(this IEndpointRouteBuilder routes, OperatorApi api, DeviceGroups groups)
    {
        api.MapRead(routes, Path, new Operation("listDeviceGroups", Permission.ViewDevices, "Lists device groups, in pages."), async context =>
        {
            if (!Paging.Read(context).Succeeded(out var paging, out var refusal))
                return refusal;
            var found = await groups.ListAsync(paging.After, paging.Size + 1, context.RequestAborted);
            var shown = found.Take(paging.Size).ToList();
            return Paging.Answer(context, shown.Select(Body), found.Count > shown.Count ? shown[^1].Id : null);
        });
        api.MapRead(routes, Path + "/{id}", new Operation("getDeviceGroup", Permission.ViewDevices, "Shows a device group."), async context
            => Answer(await groups.GetAsync(OperatorApi.Id(context), context.RequestAborted)));
        api.MapRead(routes, Path + "/{id}/devices", new Operation("listDevicesOfGroup", Permission.ViewDevices, "Lists the devices of a group, in pages; a page may be short although more follow."), async context =>
        {
            if (!Paging.Read(context).Succeeded(out var paging, out var refusal)
                || !(await groups.DevicesAsync(OperatorApi.Id(context), paging.After, paging.Size, context.RequestAborted)).Succeeded(out var page, out refusal))
            {
                return refusal;
            }
            return Paging.Answer(context, page.Devices.Select(d => JsonSerializer.SerializeToNode(DeviceEndpoints.Show(d), DeviceJson.Default.OperatorDeviceDescription)!), page.Continuation);
        });
        api.MapChange(routes, "PUT", Path + "/{id}", Change("putDeviceGroup", "Makes a device group, or replaces it."), (context, actor) => WriteAsync(groups, context, actor, replaces: true));
        api.MapChange(routes, "PATCH", Path + "/{id}", Change("patchDeviceGroup", "Changes members of a device group by a merge patch."), (context, actor) => WriteAsync(groups, context, actor, replaces: false));
        api.MapChange(routes, "DELETE", Path + "/{id}", Change("deleteDeviceGroup", "Deletes a device group; its devices stay."), async (context, _)
            => await groups.DeleteAsync(OperatorApi.Id(context), context.RequestAborted) is { } refusal ? refusal : Reply.Empty);
    }

    private static async Task<Outcome<Reply>> WriteAsync(DeviceGroups groups, HttpContext context, Actor actor, bool replaces)
    {
        if (!(await TemplateApi.ReadObjectAsync(context)).Succeeded(out var sent, out var refusal))
            return refusal;
        if (Texts.FirstOrDefault(t => sent[t] is { } value && value.GetValueKind() != JsonValueKind.String) is { } wrong)
            return new Refusal(PeopleErrors.InvalidBody, $"{wrong} is no text", "Send a text.");
        if (sent["organizations"] is { } organizations && (organizations is not JsonArray list || list.Count > 1 || list.Any(o => o?.GetValueKind() != JsonValueKind.String)))
            return new Refusal(PeopleErrors.InvalidBody, "organizations is no list of one id", """Send for example ["seattle"].""");
        var id = OperatorApi.Id(context);
        OperatorApi.Note(context, id, (string?)sent["filter"]);
        return Answer(await groups.WriteAsync(id, before => Apply(id, before, sent, replaces), IfMatch.Parse((string?)sent["etag"] ?? context.Request.Headers.IfMatch), actor.Name, context.RequestAborted));
    }

    private static Outcome<DeviceGroup> Apply(string id, DeviceGroup? before, JsonObject sent, bool replaces)
    {
        if (before is null && !replaces)
            return new Refusal(FleetErrors.GroupNotFound, $"There is no device group '{id}'", "Make it with PUT.");
        if (sent["filter"] is null && (replaces || sent.ContainsKey("filter")))
            return new Refusal(PeopleErrors.InvalidBody, "filter is missing", """Send for example "filter":"SELECT * FROM devices WHERE $provisioned = true".""");
        return new DeviceGroup
        {
            Id = id,
            DisplayName = (Names("displayName") ? (string?)sent["displayName"] : before?.DisplayName) ?? id,
            Description = Names("description") ? (string?)sent["description"] : before?.Description,
            Filter = (string?)sent["filter"] ?? before!.Filter,
            Organization = Names("organizations") ? (string?)(sent["organizations"] as JsonArray)?.FirstOrDefault() : before?.Organization,
        };

        // A PUT takes away what it does not name.
        bool Names(string member) => replaces || sent.ContainsKey(member);
    }

    private static Outcome<Reply> Answer(Outcome<DeviceGroup> outcome) => outcome.Succeeded(out var group, out var refusal) ? TemplateApi.Answer(Body(group)) : refusal;

    private static JsonNode Body(DeviceGroup group)
    {
        var body = new JsonObject { ["id"] = group.Id, ["displayName"] = group.DisplayName, ["filter"] = group.Filter, ["etag"] = group.ETag };
        if (group.Description is { } description)
            body["description"] = description;
        if (group.Organization is { } organization)
            body["organizations"] = new JsonArray(organization);
        return body;
    }

    private static Operation Change(string name, string summary) => new(name, Permission.ManageDevices, summary) { Audited = "deviceGroup" };
}
