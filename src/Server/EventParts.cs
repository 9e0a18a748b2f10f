using Homeport.Gateway.Http;
using Homeport.Hub.Consumers;
using Homeport.Log;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together what readers of events stand on: consumer groups and their receivers.</summary>
internal sealed class EventParts
{
    public EventParts(HubLog log, Installation installation, TimeProvider time)
    {
        Groups = new ConsumerGroups(new SqliteConsumerGroupStore(installation.Database, Installation.HubName), installation.Created, time);
        Groups.Removed = Receivers.End;
        Log = log;
    }

    public HubLog Log { get; }

    public ConsumerGroups Groups { get; }

    public PartitionReceivers Receivers { get; } = new();

    /// <summary>Maps all calls.</summary>
    public void Map(IEndpointRouteBuilder routes, HubApi hub) => routes.MapConsumerGroups(hub, Groups);
}
