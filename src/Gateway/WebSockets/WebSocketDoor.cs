using System.IO.Pipelines;
using System.Net.WebSockets;
using Homeport.Contract.Errors;
using Homeport.Gateway.Http;
using Homeport.Gateway.Mqtt;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.WebSockets;

/// <summary>
/// Device protocols over WebSockets: the sub-protocol says which. SDKs use the path <c>/$iothub/websocket</c>, one uses <c>/</c>.
/// A WebSocket is a byte stream here: clients send packets in pieces.
/// </summary>
public static class WebSocketDoor
{
    private const string Mqtt = "mqtt";

    /// <summary>Maps the two paths.</summary>
    public static void MapWebSockets(this IEndpointRouteBuilder routes, HubApi hub, MqttDoor mqtt)
    {
        RequestDelegate serve = context => ServeAsync(context, hub, mqtt);
        routes.MapGet("/$iothub/websocket", serve);
        routes.MapGet("/", serve);
    }

    private static async Task ServeAsync(HttpContext context, HubApi hub, MqttDoor mqtt)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            await hub.RefuseNotFoundAsync(context);
            return;
        }
        // Clients compare the answer with what they wrote, so their spelling is kept.
        var protocol = context.WebSockets.WebSocketRequestedProtocols.FirstOrDefault(p => p.Equals(Mqtt, StringComparison.OrdinalIgnoreCase));
        if (protocol is null)
        {
            await hub.RefuseAsync(context, new Refusal(HubErrors.NotImplementedHere, "None of the WebSocket's sub-protocols is served", "Use the sub-protocol mqtt."));
            return;
        }
        using var socket = await context.WebSockets.AcceptWebSocketAsync(protocol);
        await using var stream = WebSocketStream.Create(socket, WebSocketMessageType.Binary, closeTimeout: TimeSpan.FromSeconds(2));
        var input = PipeReader.Create(stream);
        var output = PipeWriter.Create(stream);
        await using var registration = context.RequestAborted.Register(input.CancelPendingRead);
        var certificate = await context.Connection.GetClientCertificateAsync(CancellationToken.None);
        await mqtt.RunAsync(input, output, certificate, context.Connection.RemoteIpAddress);
        await input.CompleteAsync();
        await output.CompleteAsync();
    }
}
