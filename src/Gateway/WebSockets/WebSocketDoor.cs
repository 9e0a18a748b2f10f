using System.IO.Pipelines;
using System.Net.WebSockets;
using Homeport.Contract.Errors;
using Homeport.Gateway.Amqp;
using Homeport.Gateway.Http;
using Homeport.Gateway.Mqtt;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.WebSockets;

/// <summary>
/// Protocols over WebSockets: the sub-protocol says which. SDKs use the path <c>/$iothub/websocket</c>, consumers of messages
/// <c>/$servicebus/websocket</c>, one SDK <c>/</c>.
/// A WebSocket is a byte stream here: clients send packets in pieces.
/// </summary>
public static class WebSocketDoor
{
    private const string Mqtt = "mqtt";
    private const string Amqp = "AMQPWSB10";

    /// <summary>Maps the paths.</summary>
    public static void MapWebSockets(this IEndpointRouteBuilder routes, HubApi hub, MqttDoor mqtt, AmqpDoor amqp)
    {
        RequestDelegate serve = context => ServeAsync(context, hub, mqtt, amqp);
        routes.MapGet("/$iothub/websocket", serve);
        routes.MapGet("/$servicebus/websocket", serve);
        routes.MapGet("/", serve);
    }

    private static async Task ServeAsync(HttpContext context, HubApi hub, MqttDoor mqtt, AmqpDoor amqp)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            await hub.RefuseNotFoundAsync(context);
            return;
        }
        // Clients compare the answer with what they wrote, so their spelling is kept.
        var protocol = context.WebSockets.WebSocketRequestedProtocols.FirstOrDefault(p => IsServed(p, Mqtt) || IsServed(p, Amqp));
        if (protocol is null)
        {
            await hub.RefuseAsync(context, new Refusal(HubErrors.NotImplementedHere, "None of the WebSocket's sub-protocols is served", $"Use the sub-protocol {Mqtt} or {Amqp}."));
            return;
        }
        using var socket = await context.WebSockets.AcceptWebSocketAsync(protocol);
        await using var stream = WebSocketStream.Create(socket, WebSocketMessageType.Binary, closeTimeout: TimeSpan.FromSeconds(2));
        var input = PipeReader.Create(stream);
        var output = PipeWriter.Create(stream);
        await using var registration = context.RequestAborted.Register(input.CancelPendingRead);
        var certificate = await context.Connection.GetClientCertificateAsync(CancellationToken.None);
        if (IsServed(protocol, Mqtt))
            await mqtt.RunAsync(input, output, certificate, context.Connection.RemoteIpAddress);
        else if (!await amqp.RunAsync(input, output, certificate, context.Connection.RemoteIpAddress))
            context.Abort();
        await input.CompleteAsync();
        await output.CompleteAsync();
    }

    private static bool IsServed(string offered, string protocol) => offered.Equals(protocol, StringComparison.OrdinalIgnoreCase);
}
