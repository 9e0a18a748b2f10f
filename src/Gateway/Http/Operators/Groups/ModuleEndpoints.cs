using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Gateway.Http.Operators.Templates;
using Homeport.Hub.Live;
using Homeport.Hub.Methods;
using Homeport.Hub.Registry;
using Homeport.Operations.Modules;
using Homeport.People.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators.Groups;

/// <summary>Modules of devices over REST. Source: IoT Central data plane, api-version 2022-07-31.</summary>
public static class ModuleEndpoints
{
    private const string Modules = "/api/devices/{id}/modules";
    private const string One = Modules + "/{module}";

    /// <summary>Maps the modules of a device, and the properties, components and commands of each.</summary>
    public static void MapModules(this IEndpointRouteBuilder routes, OperatorApi api, DeviceModules modules, LiveConnections live)
    {
        api.MapRead(routes, Modules, new Operation("listModules", Permission.ViewDevices, "Lists the modules of a device."), async context =>
        {
            if (!(await modules.ListAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var found, out var refusal))
                return refusal;
            return TemplateApi.Answer(new JsonObject { ["value"] = new JsonArray([.. found.Select(m => (JsonNode)Body(m, live))]) });
        });
        api.MapRead(routes, One + "/components", new Operation("listModuleComponents", Permission.ViewDevices, "Lists the components of a module."), async context =>
        {
            if (!(await modules.ComponentsAsync(OperatorApi.Id(context), Module(context), context.RequestAborted)).Succeeded(out var names, out var refusal))
                return refusal;
            return TemplateApi.Answer(new JsonObject { ["value"] = new JsonArray([.. names.Select(n => (JsonNode)new JsonObject { ["@type"] = "Component", ["name"] = n })]) });
        });
        foreach (var (path, of) in ((string, string)[])[(One, "Module"), (One + "/components/{component}", "ModuleComponent")])
        {
            MapProperties(routes, api, modules, path + "/properties", of);
            api.MapRead(routes, path + "/commands/{command}", new Operation($"list{of}CommandRuns", Permission.ViewDevices, "Lists the last runs of a command of a module, the newest first."), async context =>
                (await modules.RunsAsync(OperatorApi.Id(context), Module(context), Component(context), TemplateApi.Part(context, "command")!, context.RequestAborted)).Succeeded(out var runs, out var refusal)
                    ? TemplateApi.Answer(new JsonObject { ["value"] = new JsonArray([.. runs.Select(DeviceDataEndpoints.Body)]) })
                    : refusal);
            var operation = new Operation($"run{of}Command", Permission.CommandDevices, "Runs a command of a module.") { Audited = "device", Answer = StatusCodes.Status201Created };
            api.MapChange(routes, "POST", path + "/commands/{command}", operation, (context, _) => RunAsync(modules, context));
        }
    }

    private static void MapProperties(IEndpointRouteBuilder routes, OperatorApi api, DeviceModules modules, string path, string of)
    {
        api.MapRead(routes, path, new Operation($"get{of}Properties", Permission.ViewDevices, "Shows properties of a module: reported and wanted."), async context
            => (await modules.GetAsync(OperatorApi.Id(context), Module(context), Component(context), context.RequestAborted)).Succeeded(out var all, out var refusal) ? TemplateApi.Answer(all) : refusal);
        foreach (var (method, verb) in ((string, string)[])[("PUT", "replace"), ("PATCH", "update")])
        {
            var operation = new Operation($"{verb}{of}Properties", Permission.ManageDevices, "Writes desired properties of a module; null deletes.") { Audited = "device", Answer = StatusCodes.Status202Accepted };
            api.MapChange(routes, method, path, operation, async (context, _) =>
            {
                OperatorApi.Note(context, OperatorApi.Id(context), Module(context));
                if (!(await TemplateApi.ReadObjectAsync(context)).Succeeded(out var values, out var refusal)
                    || !(await modules.WriteAsync(OperatorApi.Id(context), Module(context), Component(context), values, method == "PUT", context.RequestAborted)).Succeeded(out var all, out refusal))
                {
                    return refusal;
                }
                return TemplateApi.Answer(all, StatusCodes.Status202Accepted);
            });
        }
    }

    private static async Task<Outcome<Reply>> RunAsync(DeviceModules modules, HttpContext context)
    {
        var name = TemplateApi.Part(context, "command")!;
        OperatorApi.Note(context, OperatorApi.Id(context), $"{Module(context)}, {name}");
        if (!(await TemplateApi.ReadObjectAsync(context)).Succeeded(out var body, out var refusal) || !DeviceDataEndpoints.ReadTimes(body).Succeeded(out var times, out refusal))
            return refusal;
        var payload = Encoding.UTF8.GetBytes(body["request"]?.ToJsonString() ?? "null");
        var call = new MethodCall(name, payload, times.Response, times.Connect);
        return (await modules.RunAsync(OperatorApi.Id(context), Module(context), Component(context), call, context.RequestAborted)).Succeeded(out var run, out refusal)
            ? TemplateApi.Answer(DeviceDataEndpoints.Body(run), StatusCodes.Status201Created)
            : refusal;
    }

    private static JsonObject Body(Identity module, LiveConnections live)
        => new JsonObject { ["@type"] = "Module", ["name"] = module.ModuleId, ["displayName"] = module.ModuleId, ["connectionState"] = live.IsConnected(module.Key) ? "connected" : "disconnected" };

    private static string Module(HttpContext context) => TemplateApi.Part(context, "module")!;

    private static string? Component(HttpContext context) => TemplateApi.Part(context, "component");
}
