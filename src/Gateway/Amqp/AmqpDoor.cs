using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Homeport.Amqp;
using Homeport.Gateway.Mqtt;
using Homeport.Hub.Access;
using Homeport.Hub.Live;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Homeport.Gateway.Amqp;

/// <summary>AMQP 1.0 for devices, services and consumers, over TCP with TLS (5671) and over WebSockets.</summary>
public sealed partial class AmqpDoor(HubDoor hub, ServiceAuthorizer authorizer, AmqpNodes nodes, ConnectionSweeper sweeper, TimeProvider time, ILogger<AmqpDoor> logger)
    : ConnectionHandler
{
    internal HubDoor Hub => hub;

    internal ServiceAuthorizer Authorizer => authorizer;

    internal AmqpNodes Nodes => nodes;

    internal TimeProvider Time => time;

    internal ILogger Logger => logger;

    /// <summary>PLAIN is first among those that clients of all kinds know; the C SDK looks for MSSBCBS.</summary>
    internal static ConnectionSettings Settings { get; } = new()
    {
        ContainerId = "homeport",
        SaslMechanisms = ["PLAIN", "MSSBCBS", "EXTERNAL", "ANONYMOUS", "TPM"],
    };

    /// <inheritdoc/>
    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        var certificate = connection.Features.Get<ITlsConnectionFeature>()?.ClientCertificate;
        // The end of the connection is found by reading, behind all that came before it: a client may send its last words and be gone.
        if (!await RunAsync(connection.Transport.Input, connection.Transport.Output, certificate, (connection.RemoteEndPoint as IPEndPoint)?.Address))
            connection.Abort(new ConnectionAbortedException("The client does not read, or ordered this fault."));
    }

    /// <summary>Serves one connection until it ends. False when the transport is to end without a word: the client does not read.</summary>
    /// <param name="input">Bytes of the client.</param>
    /// <param name="output">Bytes for the client.</param>
    /// <param name="certificate">TLS client certificate, or null.</param>
    /// <param name="remote">Address of the client, or null.</param>
    public async Task<bool> RunAsync(PipeReader input, PipeWriter output, X509Certificate2? certificate, IPAddress? remote)
    {
        using var client = new AmqpClient(this, input, output, certificate, remote);
        sweeper.Add(client);
        try
        {
            await client.RunAsync();
        }
        catch (Exception e) when (e is ConnectionResetException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            LogGone(client.Name, e.Message);
        }
        catch (Exception e)
        {
            client.Close(CloseReason.ServerFault);
            LogFault(e, client.Name, "none");
        }
        finally
        {
            await client.EndAsync();
            sweeper.Remove(client);
        }
        LogEnded(client.Name, remote, client.Reason);
        return !client.IsAborted && client.Reason != CloseReason.SlowClient;
    }

    [LoggerMessage(EventId = 3201, Level = LogLevel.Debug, Message = "AMQP connection of {Name} from {Remote} ended: {Reason}")]
    private partial void LogEnded(string name, IPAddress? remote, CloseReason reason);

    [LoggerMessage(EventId = 3202, Level = LogLevel.Error, Message = "A fault of the server hit the AMQP connection of {Name}. Tracking id {TrackingId}")]
    internal partial void LogFault(Exception e, string name, string trackingId);

    [LoggerMessage(EventId = 3203, Level = LogLevel.Debug, Message = "AMQP connection of {Name} broke: {Why}")]
    private partial void LogGone(string name, string why);
}
