using Homeport.Hub.Consumers;
using Homeport.Log;

namespace Homeport.Gateway.Amqp.Events;

/// <summary>The hub's events as readers of Event Hubs see them.</summary>
/// <param name="Name">Name of the entity, as in addresses and as EntityPath in connection strings.</param>
/// <param name="HostName">Host to send clients to that came to the hub's own address.</param>
/// <param name="Port">Its port.</param>
/// <param name="Log">The events.</param>
/// <param name="Groups">Consumer groups.</param>
/// <param name="Receivers">Who reads.</param>
public sealed record EventHub(string Name, string HostName, int Port, HubLog Log, ConsumerGroups Groups, PartitionReceivers Receivers);
