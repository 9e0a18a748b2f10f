using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Models;
using Homeport.Models.Elements;
using Homeport.People.Access;
using Homeport.Templates;
using Homeport.Templates.Devices;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators.Templates;

/// <summary>
/// Properties, components, commands and telemetry of devices over REST, by the names of their templates. Source: IoT Central data plane,
/// api-version 2022-07-31.
/// </summary>
public static class DeviceDataEndpoints
{
    private const string Device = "/api/devices/{id}";
    private const string Own = "/api/x/devices/{id}/template";

    /// <summary>Maps the calls, for devices and for their components.</summary>
    public static void MapDeviceData(this IEndpointRouteBuilder routes, TemplateApi api)
    {
        foreach (var (path, of) in ((string, string)[])[(Device, ""), (Device + "/components/{component}", "Component")])
        {
            MapProperties(routes, api, path, of);
            MapCommands(routes, api, path, of);
            api.Operators.MapRead(routes, path + "/telemetry/{name}", new Operation($"get{of}TelemetryValue", Permission.ViewData, "Shows the last value of a telemetry name."), context => LastValueAsync(api, context));
        }
        api.Operators.MapRead(routes, Device + "/components", new Operation("listComponents", Permission.ViewDevices, "Lists the components of a device."), context => ListComponentsAsync(api, context));
        MapAssignment(routes, api);
    }

    private static void MapProperties(IEndpointRouteBuilder routes, TemplateApi api, string path, string of)
    {
        api.Operators.MapRead(routes, path + "/properties", new Operation($"get{of}Properties", Permission.ViewDevices, "Shows properties: reported, wanted and cloud."), async context
            => (await api.Properties.GetAsync(OperatorApi.Id(context), TemplateApi.Part(context, "component"), context.RequestAborted)).Succeeded(out var found, out var refusal) ? TemplateApi.Answer(found) : refusal);
        foreach (var (method, verb, summary) in ((string, string, string)[])[("PUT", "replace", "Replaces writable and cloud properties."), ("PATCH", "update", "Changes writable and cloud properties; null deletes.")])
        {
            var operation = new Operation($"{verb}{of}Properties", Permission.ManageDevices, summary) { Audited = "device", Answer = StatusCodes.Status202Accepted };
            api.Operators.MapChange(routes, method, path + "/properties", operation, async (context, _) =>
            {
                if (!(await TemplateApi.ReadObjectAsync(context)).Succeeded(out var values, out var refusal)
                    || !(await api.Properties.WriteAsync(OperatorApi.Id(context), TemplateApi.Part(context, "component"), values, method == "PUT", context.RequestAborted)).Succeeded(out var all, out refusal))
                {
                    return refusal;
                }
                return TemplateApi.Answer(all, StatusCodes.Status202Accepted);
            });
        }
    }

    private static void MapCommands(IEndpointRouteBuilder routes, TemplateApi api, string path, string of)
    {
        api.Operators.MapRead(routes, path + "/commands/{command}", new Operation($"list{of}CommandRuns", Permission.ViewDevices, "Lists the last runs of a command, the newest first."), async context =>
        {
            if (!(await api.Commands.ListAsync(OperatorApi.Id(context), TemplateApi.Part(context, "component"), TemplateApi.Part(context, "command")!, context.RequestAborted)).Succeeded(out var runs, out var refusal))
                return refusal;
            return TemplateApi.Answer(new JsonObject { ["value"] = new JsonArray([.. runs.Select(Body)]) });
        });
        var operation = new Operation($"run{of}Command", Permission.CommandDevices, "Runs a command.") { Audited = "device", Answer = StatusCodes.Status201Created };
        api.Operators.MapChange(routes, "POST", path + "/commands/{command}", operation, async (context, _) =>
        {
            if (!(await TemplateApi.ReadObjectAsync(context)).Succeeded(out var body, out var refusal)
                || !ReadCall(context, body).Succeeded(out var call, out refusal)
                || !(await api.Commands.RunAsync(call, context.RequestAborted)).Succeeded(out var run, out refusal))
            {
                return refusal;
            }
            return TemplateApi.Answer(Body(run), StatusCodes.Status201Created);
        });
    }

    private static void MapAssignment(IEndpointRouteBuilder routes, TemplateApi api)
    {
        api.Operators.MapRead(routes, Own, new Operation("getTemplateAssignment", Permission.ViewDevices, "Shows which template a device follows and which model it named."), async context =>
        {
            var found = await api.Association.FindAsync(OperatorApi.Id(context), context.RequestAborted);
            if (found is null && (await api.Registry.GetAsync(OperatorApi.Id(context), null, context.RequestAborted)).Refusal is { } refusal)
                return refusal;
            return TemplateApi.Answer(Body(found ?? new TemplateAssignment(OperatorApi.Id(context), null, null, AssignedBy.Nobody, api.Operators.Time.GetUtcNow())));
        });
        api.Operators.MapRead(routes, Own + "/preview", new Operation("previewMigration", Permission.ViewDevices, "Says what changes for a device with another template."), async context =>
            (await api.Migration.PreviewAsync(OperatorApi.Id(context), context.Request.Query["template"].ToString(), context.RequestAborted)).Succeeded(out var preview, out var refusal)
                ? TemplateApi.Answer(Body(preview))
                : refusal);
        api.Operators.MapChange(routes, "PUT", Own, new Operation("migrateDevice", Permission.ManageDevices, "Gives a device another template, or none.") { Audited = "device" }, async (context, _) =>
        {
            if (!(await TemplateApi.ReadObjectAsync(context)).Succeeded(out var body, out var refusal))
                return refusal;
            if (!body.ContainsKey("template") || body["template"] is not (null or JsonValue))
                return new Refusal(PeopleErrors.InvalidBody, "It has no template", """Send {"template":"dtmi:…"}, or null for none.""");
            if ((await api.Registry.GetAsync(OperatorApi.Id(context), null, context.RequestAborted)).Refusal is { } unknown)
                return unknown;
            var id = OperatorApi.Id(context);
            return await api.Migration.MigrateAsync(id, (string?)body["template"], context.RequestAborted) is { } bad ? bad : TemplateApi.Answer(Body((await api.Association.FindAsync(id, context.RequestAborted))!));
        });
    }

    private static async Task<Outcome<Reply>> LastValueAsync(TemplateApi api, HttpContext context)
    {
        if (!(await api.Telemetry.LastAsync(OperatorApi.Id(context), TemplateApi.Part(context, "component"), TemplateApi.Part(context, "name")!, context.RequestAborted)).Succeeded(out var last, out var refusal))
            return refusal;
        return TemplateApi.Answer(new JsonObject { ["value"] = JsonNode.Parse(last.Value.GetRawText()), ["timestamp"] = Time(last.Time) });
    }

    private static async Task<Outcome<Reply>> ListComponentsAsync(TemplateApi api, HttpContext context)
    {
        if ((await api.Registry.GetAsync(OperatorApi.Id(context), null, context.RequestAborted)).Refusal is { } refusal)
            return refusal;
        var model = await api.DeviceModels.FindAsync(OperatorApi.Id(context), context.RequestAborted);
        var components = (model?.Root.Contents ?? []).OfType<Component>().Select(c => (JsonNode)new JsonObject { ["@type"] = "Component", ["name"] = c.Name, ["displayName"] = c.Title, ["schema"] = c.InterfaceId });
        return TemplateApi.Answer(new JsonObject { ["value"] = new JsonArray([.. components]) });
    }

    private static Outcome<CommandCall> ReadCall(HttpContext context, JsonObject body)
    {
        if (!ReadTimes(body).Succeeded(out var times, out var refusal))
            return refusal;
        var request = body.TryGetPropertyValue("request", out var sent) ? Encoding.UTF8.GetBytes(sent?.ToJsonString() ?? "null") : [];
        return new CommandCall(OperatorApi.Id(context), TemplateApi.Part(context, "component"), TemplateApi.Part(context, "command")!, request) { ConnectTimeout = times.Connect, ResponseTimeout = times.Response };
    }

    /// <summary>How long a command may take.</summary>
    internal static Outcome<CommandTimes> ReadTimes(JsonObject body)
        => TrySeconds(body["connectionTimeout"], 0, out var connect) && TrySeconds(body["responseTimeout"], 30, out var response)
            ? new CommandTimes(connect, response)
            : new Refusal(PeopleErrors.InvalidBody, "A time-out is no whole number of seconds", "Use connectionTimeout 0 to 30 and responseTimeout 5 to 30.");

    private static bool TrySeconds(JsonNode? node, int missing, out TimeSpan time)
    {
        var seconds = missing;
        var good = node is null || (node is JsonValue value && value.TryGetValue(out seconds));
        time = TimeSpan.FromSeconds(seconds);
        return good;
    }

    internal static JsonNode Body(CommandRecord run) => new JsonObject
    {
        ["id"] = run.Id,
        ["request"] = run.Request is null ? null : JsonNode.Parse(run.Request),
        ["response"] = run.Response is null ? null : JsonNode.Parse(run.Response),
        ["responseCode"] = run.ResponseCode,
        ["timestamp"] = Time(run.Time),
    };

    private static JsonObject Body(TemplateAssignment assignment) => new()
    {
        ["template"] = assignment.TemplateId,
        ["modelId"] = assignment.ModelId,
        ["assignedBy"] = JsonNamingPolicy.CamelCase.ConvertName(assignment.By.ToString()),
        ["time"] = Time(assignment.Time),
    };

    private static JsonObject Body(MigrationPreview preview) => new()
    {
        ["from"] = preview.From?.Id,
        ["to"] = preview.To.Id,
        ["otherModel"] = preview.OtherModel,
        ["changes"] = new JsonArray([.. preview.Changes.Select(Body)]),
        ["values"] = new JsonArray([.. preview.Values.Select(v => (JsonNode)v)]),
    };

    private static JsonNode Body(ModelChange change) => new JsonObject { ["kind"] = JsonNamingPolicy.CamelCase.ConvertName(change.Kind.ToString()), ["path"] = change.Path, ["text"] = change.Text };

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}

/// <summary>How long to wait for a device that is not connected, and for its answer.</summary>
internal sealed record CommandTimes(TimeSpan Connect, TimeSpan Response);
