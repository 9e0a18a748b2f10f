using System.Globalization;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Models;
using Homeport.People.Access;
using Homeport.Templates;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators.Templates;

/// <summary>Device templates and models over REST. Source: IoT Central data plane, api-version 2022-07-31; what is below <c>/api/x</c> is Homeport's own.</summary>
public static class TemplateEndpoints
{
    private const string Path = "/api/deviceTemplates";
    private const string OwnPath = "/api/x/deviceTemplates/{id}";
    private const int DefaultPage = 25;
    private const int MaxPage = 100;

    /// <summary>Maps <c>/api/deviceTemplates</c>, drafts, versions and the model repository.</summary>
    public static void MapTemplates(this IEndpointRouteBuilder routes, TemplateApi api)
    {
        var operators = api.Operators;
        operators.MapRead(routes, Path, new Operation("listDeviceTemplates", Permission.ViewTemplates, "Lists the published device templates.") { Reach = Reach.Anybody }, context => ListAsync(api, context));
        operators.MapRead(routes, Path + "/{id}", new Operation("getDeviceTemplate", Permission.ViewTemplates, "Shows a published device template.") { Reach = Reach.Anybody }, async context
            => (await api.Templates.GetAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var found, out var refusal)
                ? found.Published is { } published ? TemplateApi.Answer(Body(found, published)) : NotPublished(found.Id)
                : refusal);
        operators.MapChange(routes, "PUT", Path + "/{id}", Change("putDeviceTemplate", "Creates and publishes a device template, or changes what devices do not see of one."), (context, _) => PutAsync(api, context));
        operators.MapChange(routes, "PATCH", Path + "/{id}", Change("patchDeviceTemplate", "Changes names, descriptions and cloud properties by a merge patch."), (context, _) => PatchAsync(api, context));
        operators.MapChange(routes, "DELETE", Path + "/{id}", Change("deleteDeviceTemplate", "Deletes a device template that no device follows."), async (context, _)
            => await api.Templates.DeleteAsync(OperatorApi.Id(context), context.RequestAborted) is { } refusal ? refusal : Reply.Empty);
        MapDrafts(routes, api);
        MapModels(routes, api);
    }

    private static void MapDrafts(IEndpointRouteBuilder routes, TemplateApi api)
    {
        var operators = api.Operators;
        operators.MapRead(routes, OwnPath + "/draft", new Operation("getDeviceTemplateDraft", Permission.ViewTemplates, "Shows a device template as it is edited.") { Reach = Reach.Anybody }, async context
            => (await api.Templates.GetAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var found, out var refusal) ? TemplateApi.Answer(Body(found, found.Text)) : refusal);
        operators.MapChange(routes, "PUT", OwnPath + "/draft", Change("putDeviceTemplateDraft", "Keeps a draft; devices see nothing of it."), async (context, _) =>
        {
            if (!(await TemplateApi.ReadTextAsync(context)).Succeeded(out var text, out var refusal))
                return refusal;
            return Answer(await api.Templates.SaveDraftAsync(OperatorApi.Id(context), text, TemplateApi.Condition(context), context.RequestAborted));
        });
        operators.MapChange(routes, "POST", OwnPath + "/publish", Change("publishDeviceTemplate", "Gives devices what is in the draft."), async (context, _)
            => Answer(await api.Templates.PublishAsync(OperatorApi.Id(context), context.RequestAborted)));
        operators.MapChange(routes, "POST", OwnPath + "/versions", Change("newDeviceTemplateVersion", "Copies a device template into a draft with the next version."), async (context, _)
            => Answer(await api.Templates.NewVersionAsync(OperatorApi.Id(context), context.RequestAborted)));
        operators.MapChange(routes, "POST", OwnPath + "/adopt", Change("adoptDevices", "Gives devices without a template that named this template's model the template."), async (context, _)
            => (await api.Association.AdoptAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var adopted, out var refusal)
                ? TemplateApi.Answer(new JsonObject { ["devices"] = adopted.Count })
                : refusal);
    }

    private static void MapModels(IEndpointRouteBuilder routes, TemplateApi api)
    {
        var operators = api.Operators;
        operators.MapRead(routes, "/api/x/models", new Operation("listModels", Permission.ViewTemplates, "Lists the interfaces of the own model repository.") { Reach = Reach.Anybody }, async context
            => TemplateApi.Answer(new JsonObject { ["value"] = new JsonArray([.. (await api.Models.ListAsync(context.RequestAborted)).Select(id => (JsonNode)id)]) }));
        operators.MapRead(routes, "/api/x/models/{id}", new Operation("getModel", Permission.ViewTemplates, "Shows an interface of the model repositories.") { Reach = Reach.Anybody }, async context
            => Dtmi.TryParse(OperatorApi.Id(context), out var id) && await api.Models.FindAsync(id, context.RequestAborted) is { } text ? new Reply(StatusCodes.Status200OK, text) : NoModel(OperatorApi.Id(context)));
        operators.MapChange(routes, "POST", "/api/x/models", new Operation("addModels", Permission.ManageTemplates, "Adds interfaces in DTDL to the own model repository.") { Audited = "model" }, async (context, _) =>
        {
            if (!(await TemplateApi.ReadTextAsync(context)).Succeeded(out var text, out var refusal)
                || !(await api.Models.AddAsync(System.Text.Encoding.UTF8.GetBytes(text), context.RequestAborted)).Succeeded(out var added, out refusal))
            {
                return refusal;
            }
            return TemplateApi.Answer(new JsonObject { ["value"] = new JsonArray([.. added.Ids.Select(id => (JsonNode)id)]), ["added"] = added.New });
        });
        operators.MapChange(routes, "DELETE", "/api/x/models/{id}", new Operation("deleteModel", Permission.ManageTemplates, "Removes an interface from the own model repository.") { Audited = "model" }, async (context, _)
            => await api.Models.RemoveAsync(OperatorApi.Id(context), context.RequestAborted) is { } refusal ? refusal : Reply.Empty);
    }

    private static async Task<Outcome<Reply>> PutAsync(TemplateApi api, HttpContext context)
    {
        if (!(await TemplateApi.ReadTextAsync(context)).Succeeded(out var text, out var refusal))
            return refusal;
        return Answer(await api.Templates.PutAsync(OperatorApi.Id(context), text, TemplateApi.Condition(context), context.RequestAborted));
    }

    private static async Task<Outcome<Reply>> PatchAsync(TemplateApi api, HttpContext context)
    {
        if (!(await TemplateApi.ReadObjectAsync(context)).Succeeded(out var patch, out var refusal))
            return refusal;
        var condition = TemplateApi.Condition(context);
        if (condition.IsAbsent && patch["etag"] is JsonValue tag && tag.TryGetValue<string>(out var etag))
            condition = IfMatch.Parse(etag);
        patch.Remove("etag");
        return Answer(await api.Templates.PatchAsync(OperatorApi.Id(context), patch, condition, context.RequestAborted));
    }

    private static async Task<Outcome<Reply>> ListAsync(TemplateApi api, HttpContext context)
    {
        var query = context.Request.Query;
        if (!TryNumber(query["$top"], DefaultPage, out var top) || top is < 1 or > MaxPage || !TryNumber(query["$skip"], 0, out var skip))
            return new Refusal(PeopleErrors.InvalidQuery, $"$top is no number from 1 to {MaxPage}", "Correct it, or leave it out.");
        if (!TemplateFilter.Read(query["$filter"]).Succeeded(out var filter, out var refusal))
            return refusal;
        var all = (await api.Templates.ListAsync(context.RequestAborted)).Where(t => t.IsPublished && filter.Matches(t));
        all = query["$orderby"].ToString() switch
        {
            "" => all,
            "displayName" or "displayName asc" => all.OrderBy(t => t.DisplayName, StringComparer.OrdinalIgnoreCase),
            "displayName desc" => all.OrderByDescending(t => t.DisplayName, StringComparer.OrdinalIgnoreCase),
            _ => null!,
        };
        if (all is null)
            return new Refusal(PeopleErrors.InvalidQuery, "$orderby is not displayName", "Use displayName, or displayName desc.");
        var page = all.Skip(skip).Take(top + 1).ToList();
        var body = new JsonObject { ["value"] = new JsonArray([.. page.Take(top).Select(t => Body(t, t.Published!))]) };
        if (page.Count > top)
        {
            var next = query.Where(q => q.Key != "$skip").ToDictionary(q => q.Key, q => q.Value, StringComparer.Ordinal);
            next["$skip"] = (skip + top).ToString(CultureInfo.InvariantCulture);
            body["nextLink"] = $"{context.Request.Scheme}://{context.Request.Host}{context.Request.Path}{QueryString.Create(next)}";
        }
        return TemplateApi.Answer(body);
    }

    private static bool TryNumber(string? text, int missing, out int number)
    {
        number = missing;
        return string.IsNullOrEmpty(text) || int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    private static Outcome<Reply> Answer(Outcome<DeviceTemplate> outcome)
        => outcome.Succeeded(out var template, out var refusal) ? TemplateApi.Answer(Body(template, template.Text)) : refusal;

    private static JsonObject Body(DeviceTemplate template, string text)
    {
        var body = JsonNode.Parse(text)!.AsObject();
        body["etag"] = template.ETag;
        return body;
    }

    private static Operation Change(string name, string summary) => new(name, Permission.ManageTemplates, summary) { Audited = "deviceTemplate" };

    private static Refusal NotPublished(string id) => new(TemplateErrors.TemplateNotFound, $"'{id}' is a draft", "Publish it, or read the draft below /api/x/deviceTemplates.");

    private static Refusal NoModel(string id) => new(TemplateErrors.ModelNotFound, $"The model '{(id.Length <= 160 ? id : id[..160])}' is in no repository", "Add it with POST /api/x/models.");
}
