using System.Globalization;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;

namespace Homeport.Gateway.Amqp.Events;

/// <summary>
/// The node <c>$management</c> of the Event Hubs endpoint: reads what the entity and its partitions are. Requests come by one link, answers
/// go by the one that the request's reply-to names.
/// </summary>
internal sealed class ManagementNode(EventHub hub) : IAmqpNode
{
    /// <summary>The node's address, alone or below the entity.</summary>
    public const string Word = "$management";

    private const int Window = 100;
    private const string EntityType = "com.microsoft:eventhub";
    private const string PartitionType = "com.microsoft:partition";

    /// <inheritdoc/>
    public bool Serves(AmqpAddress address) => address.Is(Word) || address.Is(hub.Name, Word);

    /// <inheritdoc/>
    public ValueTask<LinkAnswer> AttachAsync(LinkRequest request, CancellationToken token)
    {
        if (!request.Client.Authorize(request.Link, Rights.ServiceConnect, hub.Name, Word).Succeeded(out _, out var refusal))
            return new(LinkAnswer.Refuse(request.Client.Refuse(refusal)));
        return new(request.ClientSends
            ? LinkAnswer.Accept(new ManagementRequests(this, request.Client), Window)
            : LinkAnswer.Accept(new RequestAnswers(this, request, Window)));
    }

    /// <summary>Answers a request.</summary>
    public AmqpMessage Answer(AmqpMessage request, DateTimeOffset now)
    {
        var asked = request.ApplicationProperties;
        var operation = asked?.Text("operation");
        var (type, name, partition) = (asked?.Text("type"), asked?.Text("name"), asked?.Text("partition"));
        if (!string.Equals(operation, "READ", StringComparison.OrdinalIgnoreCase))
            return Answer(request, 400, $"The operation is '{Shorten(operation)}', only READ is known.", ErrorCondition.NotImplemented);
        if (!string.Equals(name, hub.Name, StringComparison.OrdinalIgnoreCase))
            return Answer(request, 404, $"There is no entity '{Shorten(name)}' here; EntityPath is '{hub.Name}'.", ErrorCondition.NotFound);
        if (string.Equals(type, EntityType, StringComparison.OrdinalIgnoreCase))
            return Answer(request, 200, "OK", null, DescribeEntity());
        if (!string.Equals(type, PartitionType, StringComparison.OrdinalIgnoreCase))
            return Answer(request, 400, $"The type is '{Shorten(type)}'; known are {EntityType} and {PartitionType}.", ErrorCondition.NotImplemented);
        return int.TryParse(partition, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < hub.Log.PartitionCount
            ? Answer(request, 200, "OK", null, DescribePartition(number, now))
            : Answer(request, 404, $"There is no partition '{Shorten(partition)}'; partitions are 0 to {hub.Log.PartitionCount - 1}.", ErrorCondition.NotFound);
    }

    private AmqpMap DescribeEntity()
    {
        var map = new AmqpMap();
        map.Add("name", hub.Name);
        map.Add("type", EntityType);
        map.Add("created_at", hub.Groups.Created);
        map.Add("partition_count", hub.Log.PartitionCount);
        map.Add("partition_ids", new AmqpArray([.. Enumerable.Range(0, hub.Log.PartitionCount).Select(i => i.ToString(CultureInfo.InvariantCulture))]));
        return map;
    }

    private AmqpMap DescribePartition(int partition, DateTimeOffset now)
    {
        var extent = hub.Log.ExtentOf(partition);
        var map = new AmqpMap();
        map.Add("name", hub.Name);
        map.Add("type", PartitionType);
        map.Add("partition", partition.ToString(CultureInfo.InvariantCulture));
        map.Add("begin_sequence_number", extent.First);
        map.Add("last_enqueued_sequence_number", extent.Next - 1);
        map.Add("last_enqueued_offset", (extent.Next - 1).ToString(CultureInfo.InvariantCulture));
        map.Add("last_enqueued_time_utc", extent.LastTime ?? DateTimeOffset.MinValue);
        map.Add("is_partition_empty", extent.IsEmpty);
        map.Add("runtime_info_retrieval_time_utc", now);
        return map;
    }

    /// <summary>Some clients look for status-code, others for statusCode.</summary>
    private static AmqpMessage Answer(AmqpMessage request, int status, string text, string? condition, AmqpMap? value = null)
    {
        var result = new AmqpMap();
        foreach (var (code, description) in ((string, string)[])[("status-code", "status-description"), ("statusCode", "statusDescription")])
        {
            result.Add(code, status);
            result.Add(description, text);
        }
        if (condition is not null)
            result.Add("error-condition", new Symbol(condition));
        return new AmqpMessage
        {
            Properties = new MessageProperties { CorrelationId = request.Properties?.MessageId, To = request.Properties?.ReplyTo },
            ApplicationProperties = result,
            Value = value,
            HasValue = true,
        };
    }

    private static string Shorten(string? text) => text is null || text.Length <= 64 ? text ?? "" : text[..64] + "...";

    /// <summary>Takes requests.</summary>
    private sealed class ManagementRequests(ManagementNode node, AmqpClient client) : IReceiverHandler
    {
        public void OnDelivery(ReceivingLink link, in Delivery delivery)
        {
            if (AmqpMessage.Decode(delivery.Payload, out var problem) is not { } request)
            {
                var error = client.Refuse(new Refusal(HubErrors.IotHubFormatError, $"The request cannot be read: {problem}", "Send a message of AMQP 1.0."));
                if (!delivery.Settled)
                    link.Settle(delivery.Id, DeliveryState.Reject(error));
                return;
            }
            // Some clients drop an answer that comes before the disposition of its request.
            if (!delivery.Settled)
                link.Settle(delivery.Id, DeliveryState.Accepted);
            RequestAnswers.Find(node, link, request.Properties?.ReplyTo)?.Send(node.Answer(request, client.Door.Time.GetUtcNow()));
        }

        public void OnDetached(AmqpLink link, AmqpError? error)
        {
            // Nothing is kept for a link that asks.
        }
    }
}
