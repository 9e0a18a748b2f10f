using Homeport.Gateway.Amqp.Devices;

namespace Homeport.Gateway.Amqp;

/// <summary>The nodes of a server. The first that serves an address is the one.</summary>
public sealed class AmqpNodes
{
    private readonly List<IAmqpNode> _nodes = [new CbsNode(), new DeviceNode()];

    /// <summary>Adds a node, before the door is opened.</summary>
    public void Add(IAmqpNode node) => _nodes.Add(node);

    /// <summary>Finds the node for an address, or null.</summary>
    public IAmqpNode? Find(AmqpAddress address) => _nodes.Find(n => n.Serves(address));
}
