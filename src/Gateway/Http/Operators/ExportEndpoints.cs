using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.Gateway.Http.Operators.Templates;
using Homeport.Operations.Exports;
using Homeport.People.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators;

/// <summary>
/// Data exports and their destinations over REST. Administrators only: who may write an export sees all that devices send. Source: IoT Central data plane,
/// api-version 2022-10-31-preview.
/// </summary>
public static class ExportEndpoints
{
    private const string Exports = "/api/dataExport/exports";
    private const string Destinations = "/api/dataExport/destinations";

    /// <summary>Maps <c>/api/dataExport/exports</c>, <c>/api/dataExport/destinations</c> and how exports go.</summary>
    public static void MapExports(this IEndpointRouteBuilder routes, OperatorApi api, DataExports exports)
    {
        api.MapRead(routes, Exports, Read("listExports", "Lists data exports with their states."), async context
            => Reply.Of(new Collection<DataExportDescription>(await exports.ListExportsAsync(context.RequestAborted)), ExportJson.Default.CollectionDataExportDescription));
        api.MapRead(routes, Exports + "/{id}", Read("getExport", "Shows a data export with its state."), async context => Answer(await exports.GetExportAsync(OperatorApi.Id(context), context.RequestAborted)));
        api.MapChange(routes, "PUT", Exports + "/{id}", Change("putExport", "export", "Creates or changes a data export; it takes data from then on."), (context, _) => PutExportAsync(exports, context, null));
        api.MapChange(routes, "PATCH", Exports + "/{id}", Change("patchExport", "export", "Changes members of a data export by a merge patch."), async (context, _)
            => (await exports.GetExportAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var present, out var refusal) ? await PutExportAsync(exports, context, present) : refusal);
        api.MapChange(routes, "DELETE", Exports + "/{id}", Change("deleteExport", "export", "Deletes a data export."), async (context, _)
            => await exports.DeleteExportAsync(OperatorApi.Id(context), context.RequestAborted) is { } refusal ? refusal : Reply.Empty);
        api.MapRead(routes, "/api/x/dataExport/exports/{id}/health", Read("getExportHealth", "Says how a data export to each of its destinations goes, with the newest messages that were refused."), async context
            => (await exports.HealthAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var health, out var refusal)
                ? Reply.Of(new Collection<ExportTargetHealth>(health), ExportJson.Default.CollectionExportTargetHealth)
                : refusal);
        MapDestinations(routes, api, exports);
    }

    private static void MapDestinations(IEndpointRouteBuilder routes, OperatorApi api, DataExports exports)
    {
        api.MapRead(routes, Destinations, Read("listDestinations", "Lists destinations of data exports, without secrets."), async context
            => Reply.Of(new Collection<DestinationDescription>(await exports.ListDestinationsAsync(context.RequestAborted)), ExportJson.Default.CollectionDestinationDescription));
        api.MapRead(routes, Destinations + "/{id}", Read("getDestination", "Shows a destination of data exports, without secrets."), async context
            => Answer(await exports.GetDestinationAsync(OperatorApi.Id(context), context.RequestAborted)));
        api.MapChange(routes, "PUT", Destinations + "/{id}", Change("putDestination", "destination", "Creates or changes a destination of data exports."), (context, _) => PutDestinationAsync(exports, context, null));
        api.MapChange(routes, "PATCH", Destinations + "/{id}", Change("patchDestination", "destination", "Changes members of a destination by a merge patch."), async (context, _)
            => (await exports.GetDestinationAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var present, out var refusal) ? await PutDestinationAsync(exports, context, present) : refusal);
        api.MapChange(routes, "DELETE", Destinations + "/{id}", Change("deleteDestination", "destination", "Deletes a destination to which no export leads."), async (context, _)
            => await exports.DeleteDestinationAsync(OperatorApi.Id(context), context.RequestAborted) is { } refusal ? refusal : Reply.Empty);
    }

    private static async Task<Outcome<Reply>> PutExportAsync(DataExports exports, HttpContext context, DataExportDescription? present)
    {
        if (!(await ReadAsync(context, present, ExportJson.Default.DataExportDescription)).Succeeded(out var body, out var refusal))
            return refusal;
        var outcome = await exports.PutExportAsync(OperatorApi.Id(context), body, context.RequestAborted);
        if (outcome.Value is { } put)
            OperatorApi.Note(context, null, $"{put.Source} to {string.Join(", ", put.Destinations!.Select(d => d.Id))}, {(put.Enabled == true ? "on" : "off")}{(put.Filter is null ? "" : $", {put.Filter}")}");
        return Answer(outcome);
    }

    private static async Task<Outcome<Reply>> PutDestinationAsync(DataExports exports, HttpContext context, DestinationDescription? present)
    {
        if (!(await ReadAsync(context, present, ExportJson.Default.DestinationDescription)).Succeeded(out var body, out var refusal))
            return refusal;
        var outcome = await exports.PutDestinationAsync(OperatorApi.Id(context), body, context.RequestAborted);
        // An address may have a key in its query.
        if (outcome.Value is { } put)
            OperatorApi.Note(context, null, $"{put.Type} {put.Url?.Split('?')[0]} {put.Address}".TrimEnd());
        return Answer(outcome);
    }

    /// <summary>Reads what is sent; of a patch what comes out with what is there (RFC 7386), its masked secrets among it.</summary>
    private static async Task<Outcome<T>> ReadAsync<T>(HttpContext context, T? present, JsonTypeInfo<T> type)
        where T : class
    {
        if (!(await TemplateApi.ReadObjectAsync(context)).Succeeded(out var sent, out var refusal))
            return refusal;
        try
        {
            var merged = present is null ? sent : JsonSerializer.SerializeToNode(present, type)!.AsObject();
            if (present is not null)
                Merge(merged, sent);
            return merged.Deserialize(type)!;
        }
        catch (JsonException e)
        {
            return new Refusal(PeopleErrors.InvalidBody, $"'{e.Path}' has not the form that is expected here", "Correct its value.");
        }
    }

    private static void Merge(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            if (value is null)
                target.Remove(name);
            else if (value is JsonObject members && target[name] is JsonObject inner)
                Merge(inner, members);
            else
                target[name] = value.DeepClone();
        }
    }

    private static Operation Read(string name, string summary) => new(name, Permission.ManageRouting, summary);

    private static Operation Change(string name, string entity, string summary) => new(name, Permission.ManageRouting, summary) { Audited = entity };

    private static Outcome<Reply> Answer(Outcome<DataExportDescription> outcome)
        => outcome.Succeeded(out var export, out var refusal) ? Reply.Of(export, ExportJson.Default.DataExportDescription) : refusal;

    private static Outcome<Reply> Answer(Outcome<DestinationDescription> outcome)
        => outcome.Succeeded(out var destination, out var refusal) ? Reply.Of(destination, ExportJson.Default.DestinationDescription) : refusal;
}
