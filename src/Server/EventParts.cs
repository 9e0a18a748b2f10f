using Homeport.Gateway.Amqp.Events;
using Homeport.Gateway.Http;
using Homeport.Hub.Consumers;
using Homeport.Log;
using Homeport.Server.Options;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together what readers of events stand on: consumer groups and their receivers.</summary>
internal sealed class EventParts
{
    public EventParts(HubLog log, ServerOptions options, Installation installation, TimeProvider time)
    {
        Groups = new ConsumerGroups(new SqliteConsumerGroupStore(installation.Database, Installation.HubName), installation.Created, time);
        Groups.Removed = Receivers.End;
        Hub = new EventHub(Installation.HubName, options.Hosts[0], options.AmqpPort, log, Groups, Receivers);
    }

    /// <summary>The Event Hubs endpoint.</summary>
    public EventHub Hub { get; }

    public ConsumerGroups Groups { get; }

    public PartitionReceivers Receivers { get; } = new();

    /// <summary>Maps all calls.</summary>
    public void Map(IEndpointRouteBuilder routes, HubApi hub) => routes.MapConsumerGroups(hub, Groups);
}
