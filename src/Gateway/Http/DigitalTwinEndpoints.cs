using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.DigitalTwins;
using Homeport.Hub.Limits;
using Homeport.Hub.Methods;
using Homeport.Hub.Twins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>Digital twins of IoT Plug and Play devices. Source: IoT Hub data plane, api-versions 2020-09-30 and 2021-04-12.</summary>
public static class DigitalTwinEndpoints
{
    private const string Path = "/digitaltwins/{deviceId}";
    private const int DefaultSeconds = 30;

    /// <summary>Maps <c>/digitaltwins/{id}</c> and its commands, of the device and of its components.</summary>
    public static void MapDigitalTwins(this IEndpointRouteBuilder routes, HubApi hub)
    {
        routes.MapGet(Path, hub.Guard(Rights.ServiceConnect, context => GetAsync(hub, context), HubOperation.TwinRead));
        routes.MapPatch(Path, hub.Guard(Rights.ServiceConnect, context => PatchAsync(hub, context), HubOperation.TwinUpdate));
        routes.MapPost(Path + "/commands/{command}", hub.Guard(Rights.ServiceConnect, context => InvokeAsync(hub, context)));
        routes.MapPost(Path + "/components/{component}/commands/{command}", hub.Guard(Rights.ServiceConnect, context => InvokeAsync(hub, context)));
    }

    private static async Task GetAsync(HubApi hub, HttpContext context)
    {
        if (!(await hub.Twins.GetAsync(context.DeviceId(), null, context.RequestAborted)).Succeeded(out var twin, out var refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        context.SetETag(twin.ETag);
        await context.WriteBytesAsync(DigitalTwinDocument.ToBytes(twin));
    }

    private static async Task PatchAsync(HubApi hub, HttpContext context)
    {
        if (!(await ReadPatchAsync(context)).Succeeded(out var operations, out var refusal)
            || !(await hub.Twins.GetAsync(context.DeviceId(), null, context.RequestAborted)).Succeeded(out var before, out refusal)
            || !DigitalTwinPatch.Read(operations, before).Succeeded(out var desired, out refusal)
            || !(await hub.Twins.PatchAsync(context.DeviceId(), null, new TwinPatch(null, desired), context.Condition(), CancellationToken.None)).Succeeded(out var twin, out refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        context.SetETag(twin.ETag);
        context.Response.Headers.Location = $"https://{context.Request.Host}{context.Request.Path}{context.Request.QueryString}";
        context.Response.StatusCode = StatusCodes.Status202Accepted;
    }

    private static async Task<Outcome<JsonArray>> ReadPatchAsync(HttpContext context)
    {
        if (!(await context.ReadBytesAsync()).Succeeded(out var body, out var refusal))
            return refusal;
        try
        {
            return JsonNode.Parse(body, documentOptions: new JsonDocumentOptions { MaxDepth = 32 }) is JsonArray operations
                ? operations
                : new Refusal(HubErrors.IotHubFormatError, "The body is no JSON array", """Send a JSON Patch: [{"op":"add","path":"/property","value":1}].""");
        }
        catch (JsonException e)
        {
            return new Refusal(HubErrors.IotHubFormatError, $"The body is not JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1})", "Correct the JSON at this place.");
        }
    }

    /// <summary>A command is a direct method; that of a component is named <c>component*command</c>.</summary>
    private static async Task InvokeAsync(HubApi hub, HttpContext context)
    {
        if (!(await ReadCallAsync(context)).Succeeded(out var call, out var refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        if (hub.Throttles?.TryTake(HubOperation.MethodBytes, null, MethodEndpoints.Metered(call)) is { } throttled)
        {
            await hub.RefuseThrottledAsync(context, throttled);
            return;
        }
        if (!(await hub.Methods.InvokeAsync(context.DeviceId(), null, call, context.RequestAborted)).Succeeded(out var result, out refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        context.Response.Headers["x-ms-command-statuscode"] = result.Status.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["x-ms-request-id"] = Guid.NewGuid().ToString();
        await context.WriteBytesAsync(result.Payload.IsEmpty ? "null"u8.ToArray() : result.Payload);
    }

    private static async Task<Outcome<MethodCall>> ReadCallAsync(HttpContext context)
    {
        var (component, command) = ((string?)context.Request.RouteValues.GetValueOrDefault("component"), (string)context.Request.RouteValues["command"]!);
        if (!TryReadSeconds(context, "responseTimeoutInSeconds", DefaultSeconds, out var response) || !TryReadSeconds(context, "connectTimeoutInSeconds", 0, out var connect))
            return new Refusal(HubErrors.ArgumentInvalid, "A time-out in the query is no number of seconds", "Use responseTimeoutInSeconds 5 to 300 and connectTimeoutInSeconds 0 to 300.");
        if (!(await context.ReadBytesAsync()).Succeeded(out var payload, out var refusal))
            return refusal;
        return new MethodCall(component is null ? command : $"{component}*{command}", payload.Length == 0 ? "null"u8.ToArray() : payload, response, connect);
    }

    private static bool TryReadSeconds(HttpContext context, string name, int otherwise, out TimeSpan time)
    {
        var seconds = otherwise;
        var good = context.Request.Query[name].FirstOrDefault() is not { Length: > 0 } text || int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seconds);
        time = TimeSpan.FromSeconds(seconds);
        return good;
    }
}
