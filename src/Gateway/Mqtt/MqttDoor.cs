using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Homeport.Hub.Live;
using Homeport.Mqtt;
using Homeport.Provisioning.Registrations;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Homeport.Gateway.Mqtt;

/// <summary>MQTT 3.1.1 for devices, over TCP with TLS (8883) and over WebSockets.</summary>
public sealed partial class MqttDoor(HubDoor hub, ConnectionSweeper sweeper, TimeProvider time, ILogger<MqttDoor> logger) : ConnectionHandler
{
    /// <inheritdoc/>
    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        var certificate = connection.Features.Get<ITlsConnectionFeature>()?.ClientCertificate;
        // The end of the connection is found by reading, behind all that came before it: a client may send its last words and be gone.
        var reason = await RunAsync(connection.Transport.Input, connection.Transport.Output, certificate, (connection.RemoteEndPoint as IPEndPoint)?.Address);
        // A client that does not read cannot be told goodbye.
        if (reason is CloseReason.SlowClient)
            connection.Abort(new ConnectionAbortedException("The client does not read."));
    }

    /// <summary>Serves one connection until it ends; says why it did.</summary>
    /// <param name="input">Bytes of the client.</param>
    /// <param name="output">Bytes for the client.</param>
    /// <param name="certificate">TLS client certificate, or null.</param>
    /// <param name="remote">Address of the client, or null.</param>
    public async Task<CloseReason> RunAsync(PipeReader input, PipeWriter output, X509Certificate2? certificate, IPAddress? remote)
    {
        var connection = new MqttConnection(hub, input, output, certificate, remote, time, logger);
        sweeper.Add(connection);
        try
        {
            await connection.RunAsync();
            if (connection.Registering is { } connect)
            {
                sweeper.Remove(connection);
                return await RegisterAsync(input, output, RegistrationConnection.CallOf(connect, certificate, remote), connect);
            }
        }
        catch (Exception e) when (e is ConnectionResetException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            connection.Close(CloseReason.ClientGone);
        }
        catch (Exception e)
        {
            connection.Close(CloseReason.ServerFault);
            LogFault(e, connection.Name);
        }
        finally
        {
            await EndAsync(connection);
        }
        LogEnded(connection.Name, remote, connection.Reason);
        return connection.Reason;
    }

    /// <summary>Serves a device that registers, on the connection that its CONNECT came by.</summary>
    private async Task<CloseReason> RegisterAsync(PipeReader input, PipeWriter output, RegistrationCall call, ConnectPacket connect)
    {
        var registration = RegistrationConnection.Open(hub.Registrations!, input, output, call, connect, time);
        sweeper.Add(registration);
        try
        {
            await registration.RunAsync();
        }
        finally
        {
            sweeper.Remove(registration);
        }
        LogEnded(registration.Name, call.Address, registration.Reason);
        return registration.Reason;
    }

    private async Task EndAsync(MqttConnection connection)
    {
        try
        {
            await connection.EndAsync();
        }
        catch (Exception e)
        {
            LogFault(e, connection.Name);
        }
        sweeper.Remove(connection);
    }

    [LoggerMessage(EventId = 3001, Level = LogLevel.Debug, Message = "MQTT connection of {Name} from {Remote} ended: {Reason}")]
    private partial void LogEnded(string name, IPAddress? remote, CloseReason reason);

    [LoggerMessage(EventId = 3002, Level = LogLevel.Error, Message = "A fault of the server ended the MQTT connection of {Name}.")]
    private partial void LogFault(Exception e, string name);
}
