using System.Runtime.InteropServices;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Limits;
using Homeport.Hub.Methods;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>Direct methods over REST. Source: IoT Hub data plane, api-version 2021-04-12.</summary>
public static class MethodEndpoints
{
    private const int DefaultResponseSeconds = 30;

    /// <summary>Maps <c>/twins/{id}/methods</c> and <c>/twins/{id}/modules/{id}/methods</c>.</summary>
    public static void MapMethods(this IEndpointRouteBuilder routes, HubApi hub)
    {
        foreach (var path in (string[])["/twins/{deviceId}/methods", "/twins/{deviceId}/modules/{moduleId}/methods"])
            routes.MapPost(path, hub.Guard(Rights.ServiceConnect, context => InvokeAsync(hub, context)));
    }

    /// <summary>The call that a body describes.</summary>
    internal static Outcome<MethodCall> Read(MethodDescription body)
    {
        if (string.IsNullOrEmpty(body.MethodName))
            return new Refusal(HubErrors.ArgumentNull, "The body has no methodName", "Add the member methodName.");
        // Without a payload the device gets the JSON value null: one of the SDKs cannot read an empty body.
        var payload = body.Payload.ValueKind == JsonValueKind.Undefined ? "null"u8.ToArray() : JsonMarshal.GetRawUtf8Value(body.Payload).ToArray();
        return new MethodCall(
            body.MethodName,
            payload,
            TimeSpan.FromSeconds(body.ResponseTimeoutInSeconds ?? DefaultResponseSeconds),
            TimeSpan.FromSeconds(body.ConnectTimeoutInSeconds ?? 0));
    }

    private static async Task InvokeAsync(HubApi hub, HttpContext context)
    {
        if (!(await context.ReadJsonAsync(Json.Default.MethodDescription)).Succeeded(out var body, out var refusal)
            || !Read(body).Succeeded(out var call, out refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        if (hub.Throttles?.TryTake(HubOperation.MethodBytes, null, Metered(call)) is { } throttled)
        {
            await hub.RefuseThrottledAsync(context, throttled);
            return;
        }
        if (!(await hub.Methods.InvokeAsync(context.DeviceId(), context.ModuleId(), call, context.RequestAborted)).Succeeded(out var result, out refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        await context.WriteBytesAsync(Write(result));
    }

    /// <summary>Bytes as the limit counts them: in pieces of 4 KB, for the call and as much for the answer.</summary>
    internal static int Metered(MethodCall call)
    {
        const int Piece = 4096;
        return 2 * Piece * Math.Max(1, (call.Payload.Length + Piece - 1) / Piece);
    }

    private static byte[] Write(MethodResult result)
    {
        using var stream = new MemoryStream(result.Payload.Length + 64);
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteNumber("status", result.Status);
            writer.WritePropertyName("payload");
            writer.WriteRawValue(result.Payload.IsEmpty ? "null"u8 : result.Payload.Span, skipInputValidation: true);
            writer.WriteEndObject();
        }
        return stream.ToArray();
    }
}
