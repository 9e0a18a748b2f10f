using Homeport.Gateway.Http.Operators;
using Homeport.Hub.Events;
using Homeport.Log;
using Homeport.Routing;
using Homeport.Routing.Sinks.Amqp;
using Homeport.Routing.Sinks.Webhooks;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together what brings messages to endpoints.</summary>
internal sealed class RoutingParts : IDisposable
{
    public RoutingParts(HubLog log, EventWriter events, Installation installation, TimeProvider time, ILoggerFactory loggers)
    {
        ISinkFactory[] sinks = [new WebhookSinks(Installation.HubName, time), new AmqpSinks(Installation.HubName, time)];
        Service = new RoutingService(
            Installation.HubName, new SqliteRoutingStore(installation.Database, installation.Seal, Installation.HubName), log, new SqliteTwinStore(installation.Database, Installation.HubName), sinks, time, loggers);
        events.Routed = Service.Wants;
    }

    public RoutingService Service { get; }

    /// <summary>Maps all calls.</summary>
    public void Map(IEndpointRouteBuilder routes, OperatorApi api) => routes.MapRoutes(api, Service);

    /// <inheritdoc/>
    public void Dispose() => Service.Dispose();
}
