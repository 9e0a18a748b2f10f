using Homeport.Gateway.Amqp.Events;
using Homeport.Gateway.Amqp.Services;
using Homeport.Hub.CloudToDevice;

namespace Homeport.Gateway.Amqp;

/// <summary>Adds the nodes that services and readers of events attach to.</summary>
public static class ServiceNodes
{
    /// <summary>Adds the Event Hubs endpoint.</summary>
    public static void AddEvents(this AmqpNodes nodes, EventHub hub)
    {
        nodes.Add(new ManagementNode(hub));
        nodes.Add(new EventNode(hub));
    }

    /// <summary>Adds messages to devices, feedback and file notifications.</summary>
    public static void AddServices(this AmqpNodes nodes, string hubName, HubDoor hub, ServiceBoundQueue feedback, ServiceBoundQueue files)
        => nodes.Add(new ServiceNode(hubName, hub.CloudToDevice, hub.Throttles, feedback, files));
}
