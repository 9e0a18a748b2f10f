using System.Globalization;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Consumers;

namespace Homeport.Gateway.Amqp.Events;

/// <summary>
/// The partitions of the Event Hubs endpoint, <c>{entity}/ConsumerGroups/{group}/Partitions/{partition}</c>, and the hub's own address
/// for events, <c>/messages/events/...</c>, from which clients are sent to them.
/// </summary>
internal sealed class EventNode(EventHub hub) : IAmqpNode
{
    private const string EpochProperty = "com.microsoft:epoch";
    private const string SelectorFilter = "apache.org:selector-filter:string";
    private const string MetricCapability = "com.microsoft:enable-receiver-runtime-metric";

    /// <inheritdoc/>
    public bool Serves(AmqpAddress address) => IsOfHub(address) || (address.Segments.Count > 0 && IsWord(address.Segments[0], hub.Name));

    /// <inheritdoc/>
    public async ValueTask<LinkAnswer> AttachAsync(LinkRequest request, CancellationToken token)
    {
        var client = request.Client;
        if (!client.Authorize(request.Link, Rights.ServiceConnect, [.. request.Address.Segments]).Succeeded(out _, out var refusal))
            return LinkAnswer.Refuse(client.Refuse(refusal));
        if (IsOfHub(request.Address))
            return request.ClientSends && !IsWord(request.Address.Segments[^1], ManagementNode.Word) ? RefuseSender(client) : LinkAnswer.Refuse(Redirect(request.Address));
        if (request.ClientSends)
            return RefuseSender(client);
        if (!request.Address.Is(hub.Name, "ConsumerGroups", null, "Partitions", null))
        {
            return LinkAnswer.Refuse(client.Refuse(new Refusal(HubErrors.NotFound, $"There is nothing to read at '{request.Address}'",
                $"Read from {hub.Name}/ConsumerGroups/{{group}}/Partitions/{{0 to {hub.Log.PartitionCount - 1}}}.")));
        }
        return (await OpenAsync(request, token)).Succeeded(out var sender, out refusal) ? LinkAnswer.Accept(sender) : LinkAnswer.Refuse(client.Refuse(refusal));
    }

    private async Task<Outcome<EventSender>> OpenAsync(LinkRequest request, CancellationToken token)
    {
        var (groupName, partitionName) = (request.Address.Segments[2], request.Address.Segments[4]);
        if (!int.TryParse(partitionName, NumberStyles.None, CultureInfo.InvariantCulture, out var partition) || partition >= hub.Log.PartitionCount)
            return new Refusal(HubErrors.PartitionNotFound, $"The partition is '{Shorten(partitionName)}'", $"Partitions are 0 to {hub.Log.PartitionCount - 1}.");
        if (!(await hub.Groups.GetAsync(groupName, token)).Succeeded(out var group, out var refusal)
            || !PositionOf(request.Attach.Source).Succeeded(out var position, out refusal)
            || !(await position.ResolveAsync(hub.Log, partition, token)).Succeeded(out var start, out refusal))
        {
            return refusal;
        }
        if (!TryReadEpoch(request.Attach.Properties?[EpochProperty], out var epoch))
            return new Refusal(HubErrors.ArgumentInvalid, $"The link property {EpochProperty} is no whole number", "Give the epoch (owner level) as a long.");
        var link = (SendingLink)request.Link;
        var sender = new EventSender(hub, request.Client, link, partition, start.Offset) { WithMetrics = request.Attach.DesiredCapabilities?.Contains(MetricCapability) ?? false };
        if (!hub.Receivers.Join(group.Name, partition, epoch, left => EndLater(request.Client, link, left)).Succeeded(out var seat, out refusal))
            return refusal;
        sender.Seat = seat;
        return sender;
    }

    /// <summary>The filter's name or descriptor differs between clients; its value is always the expression.</summary>
    private static Outcome<EventPosition> PositionOf(Source? source)
    {
        foreach (var (key, value) in source?.Filter ?? [])
        {
            if (value is null)
                continue;
            if ((value is Described described ? described.Value : value) is string expression)
                return EventPosition.Parse(expression);
            return new Refusal(HubErrors.ArgumentInvalid, $"The filter '{Shorten(key?.ToString() ?? "")}' is not known here", $"Use {SelectorFilter} with a text, or no filter.");
        }
        return EventPosition.Earliest;
    }

    private static bool TryReadEpoch(object? value, out long? epoch)
    {
        (epoch, var known) = value switch
        {
            null => (null, true),
            long number => (number, true),
            int number => (number, true),
            uint number => (number, true),
            ulong number when number <= long.MaxValue => ((long?)number, true),
            _ => (null, false),
        };
        return known;
    }

    /// <summary>The caller is another connection: this one's lock is taken on a thread of its own.</summary>
    private static void EndLater(AmqpClient client, SendingLink link, Refusal refusal) => ThreadPool.UnsafeQueueUserWorkItem(
        _ =>
        {
            var error = client.Refuse(refusal);
            using (client.Enter())
                link.Detach(error);
        }, null);

    private static LinkAnswer RefuseSender(AmqpClient client) => LinkAnswer.Refuse(client.Refuse(new Refusal(
        HubErrors.InvalidOperation, "Nobody can send to the hub's events", "Send as a device, to /devices/{deviceId}/messages/events.")));

    /// <summary>Clients find the entity's name in the address, by its form.</summary>
    private AmqpError Redirect(AmqpAddress address)
    {
        var rest = string.Join('/', address.Segments.Skip(2));
        var target = string.Create(CultureInfo.InvariantCulture, $"amqps://{hub.HostName}:{hub.Port}/{hub.Name}/{(rest.Length == 0 ? ManagementNode.Word : rest)}");
        var info = new AmqpMap
        {
            ["hostname"] = hub.HostName,
            ["network-host"] = hub.HostName,
            ["port"] = hub.Port,
            ["address"] = target,
        };
        return new AmqpError(ErrorCondition.Redirect, $"The events of this hub are at {target}.", info);
    }

    private static bool IsOfHub(AmqpAddress address) => address.Segments is [var messages, var events, ..] && IsWord(messages, "messages") && IsWord(events, "events");

    private static bool IsWord(string segment, string word) => string.Equals(segment, word, StringComparison.OrdinalIgnoreCase);

    private static string Shorten(string text) => text.Length <= 64 ? text : text[..64] + "...";
}
