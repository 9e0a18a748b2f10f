using Homeport.Gateway.Http.Operators;
using Homeport.Hub.Events;
using Homeport.Hub.Files;
using Homeport.Log;
using Homeport.Routing;
using Homeport.Routing.Sinks.Amqp;
using Homeport.Routing.Sinks.Files;
using Homeport.Routing.Sinks.Mqtt;
using Homeport.Routing.Sinks.Webhooks;
using Homeport.Storage.Postgres;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together what brings messages to endpoints.</summary>
internal sealed class RoutingParts : IDisposable
{
    public RoutingParts(HubLog log, EventWriter events, Installation installation, TimeProvider time, ILoggerFactory loggers)
    {
        const string hub = Installation.HubName;
        ISinkFactory[] sinks = [new WebhookSinks(hub, time), new AmqpSinks(hub, time), new FileSinks(hub, FileSinks.Routes, () => Files()), new PostgresSinks(hub), new MqttSinks(hub)];
        Service = new RoutingService(
            hub, new SqliteRoutingStore(installation.Database, installation.Seal, hub), log, new SqliteTwinStore(installation.Database, hub), sinks, time, loggers);
        events.Routed = Service.Wants;
    }

    public RoutingService Service { get; }

    /// <summary>Opens the container where the files of devices go; known before the first delivery.</summary>
    public Func<IBlobContainer> Files { get; set; } = static () => throw new InvalidOperationException("The store of files is not open yet.");

    /// <summary>Maps all calls.</summary>
    public void Map(IEndpointRouteBuilder routes, OperatorApi api) => routes.MapRoutes(api, Service);

    /// <inheritdoc/>
    public void Dispose() => Service.Dispose();
}
