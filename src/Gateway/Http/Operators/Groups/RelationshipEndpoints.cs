using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Gateway.Http.Operators.Templates;
using Homeport.Hub.Registry;
using Homeport.Operations.Relationships;
using Homeport.People.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators.Groups;

/// <summary>Relationships between devices over REST. Source: IoT Central data plane, api-version 2022-07-31.</summary>
public static class RelationshipEndpoints
{
    private const string Path = "/api/devices/{id}/relationships";
    private const string One = Path + "/{relationshipId}";

    private static readonly string[] Texts = ["name", "source", "target", "etag"];

    /// <summary>Maps <c>/api/devices/{id}/relationships</c> and <c>/api/devices/{id}/relationships/{relationshipId}</c>.</summary>
    public static void MapRelationships(this IEndpointRouteBuilder routes, OperatorApi api, DeviceRelationships relationships)
    {
        api.MapRead(routes, Path, new Operation("listRelationships", Permission.ViewDevices, "Lists the relationships of a device, as source and as target, in pages."), context => ListAsync(relationships, context));
        api.MapRead(routes, One, new Operation("getRelationship", Permission.ViewDevices, "Shows a relationship of the device that is its source."), async context
            => Answer(await relationships.GetAsync(OperatorApi.Id(context), Id(context), context.RequestAborted)));
        api.MapChange(routes, "PUT", One, Change("putRelationship", "Makes a relationship to another device, or replaces it."), (context, actor) => WriteAsync(api, relationships, context, actor, replaces: true));
        api.MapChange(routes, "PATCH", One, Change("patchRelationship", "Changes members of a relationship."), (context, actor) => WriteAsync(api, relationships, context, actor, replaces: false));
        api.MapChange(routes, "DELETE", One, Change("deleteRelationship", "Deletes a relationship; the devices stay."), async (context, _) =>
        {
            OperatorApi.Note(context, OperatorApi.Id(context), Id(context));
            return await relationships.DeleteAsync(OperatorApi.Id(context), Id(context), context.RequestAborted) is { } refusal ? refusal : Reply.Empty;
        });
    }

    private static async Task<Outcome<Reply>> ListAsync(DeviceRelationships relationships, HttpContext context)
    {
        if (!Paging.Read(context).Succeeded(out var paging, out var refusal))
            return refusal;
        DeviceRelationship? after = null;
        if (paging.After is { } place)
        {
            if (place.Split('\n') is not [var source, var id])
                return Paging.BadToken();
            after = new DeviceRelationship { Source = source, Id = id, Name = "", Target = "" };
        }
        if (!(await relationships.ListAsync(OperatorApi.Id(context), after, paging.Size + 1, context.RequestAborted)).Succeeded(out var found, out refusal))
            return refusal;
        var shown = found.Take(paging.Size).ToList();
        return Paging.Answer(context, shown.Select(Body), found.Count > shown.Count ? $"{shown[^1].Source}\n{shown[^1].Id}" : null);
    }

    private static async Task<Outcome<Reply>> WriteAsync(OperatorApi api, DeviceRelationships relationships, HttpContext context, Actor actor, bool replaces)
    {
        if (!(await TemplateApi.ReadObjectAsync(context)).Succeeded(out var sent, out var refusal))
            return refusal;
        if (Texts.FirstOrDefault(t => sent[t] is { } value && value.GetValueKind() != JsonValueKind.String) is { } wrong)
            return new Refusal(PeopleErrors.InvalidBody, $"{wrong} is no text", "Send a text.");
        var (device, id) = (OperatorApi.Id(context), Id(context));
        if (sent["source"] is { } source && (string?)source != device)
            return new Refusal(PeopleErrors.InvalidBody, $"source is not the device of the path", "Call it below the device that is the source, or leave source out.");
        // Whose role counts in an organization reaches the other end too.
        if (sent["target"] is { } target && (await (await api.DevicesOfAsync(actor, context.RequestAborted)).GetAsync((string)target!, context.RequestAborted)).Refusal is { } outside)
            return outside with { Error = FleetErrors.RelationshipNotPossible };
        OperatorApi.Note(context, device, $"{id}: {(string?)sent["name"]} to {(string?)sent["target"]}");
        return Answer(await relationships.WriteAsync(device, id, before => Apply(device, id, before, sent, replaces), IfMatch.Parse((string?)sent["etag"] ?? context.Request.Headers.IfMatch), context.RequestAborted));
    }

    private static Outcome<DeviceRelationship> Apply(string device, string id, DeviceRelationship? before, JsonObject sent, bool replaces)
    {
        if (before is null && !replaces)
            return new Refusal(FleetErrors.RelationshipNotFound, $"The device has no relationship '{id}'", "Make it with PUT.");
        if (((string?)sent["name"] ?? (replaces ? null : before!.Name)) is not { } name || ((string?)sent["target"] ?? (replaces ? null : before!.Target)) is not { } target)
            return new Refusal(PeopleErrors.InvalidBody, "name or target is missing", """Send for example {"name":"sensors","target":"sensor-1"}.""");
        return new DeviceRelationship { Id = id, Source = device, Name = name, Target = target };
    }

    private static Outcome<Reply> Answer(Outcome<DeviceRelationship> outcome) => outcome.Succeeded(out var found, out var refusal) ? TemplateApi.Answer(Body(found)) : refusal;

    private static JsonNode Body(DeviceRelationship relationship)
        => new JsonObject { ["id"] = relationship.Id, ["name"] = relationship.Name, ["source"] = relationship.Source, ["target"] = relationship.Target, ["etag"] = relationship.ETag };

    private static string Id(HttpContext context) => TemplateApi.Part(context, "relationshipId")!;

    private static Operation Change(string name, string summary) => new(name, Permission.ManageDevices, summary) { Audited = "device" };
}
