using Homeport.Amqp;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Limits;

namespace Homeport.Gateway.Amqp.Services;

/// <summary>What services attach to besides events: messages to devices, feedback on them, and notes of uploaded files.</summary>
/// <param name="hubName">Name of the hub; the user-id of what it sends to services.</param>
/// <param name="messages">Messages to devices.</param>
/// <param name="throttles">Limits.</param>
/// <param name="feedback">What became of messages.</param>
/// <param name="files">Files that devices uploaded.</param>
internal sealed class ServiceNode(string hubName, CloudToDeviceMessages messages, Throttles? throttles, ServiceBoundQueue feedback, ServiceBoundQueue files) : IAmqpNode
{
    /// <summary>Messages to devices that may be on their way to the disk.</summary>
    private const int Window = 100;

    /// <summary>Room for the largest message, its properties and their encoding: what is over the limit is told by its outcome.</summary>
    private const ulong MaxMessageSize = 256 * 1024;

    private const string FeedbackType = "application/vnd.microsoft.iothub.feedback.json";
    private const string FileType = "application/vnd.microsoft.iothub.filenotification.json";

    private static readonly string[] DeviceBound = ["messages", "devicebound"];
    private static readonly string[] Feedback = ["messages", "servicebound", "feedback"];
    private static readonly string[] FileNotifications = ["messages", "servicebound", "filenotifications"];

    /// <inheritdoc/>
    public bool Serves(AmqpAddress address) => address.Is(DeviceBound) || address.Is(Feedback) || address.Is(FileNotifications);

    /// <inheritdoc/>
    public ValueTask<LinkAnswer> AttachAsync(LinkRequest request, CancellationToken token)
    {
        var client = request.Client;
        if (!client.Authorize(request.Link, Rights.ServiceConnect, [.. request.Address.Segments]).Succeeded(out _, out var refusal))
            return new(LinkAnswer.Refuse(client.Refuse(refusal)));
        var sends = request.Address.Is(DeviceBound);
        if (request.ClientSends != sends)
        {
            return new(LinkAnswer.Refuse(client.Refuse(new Refusal(HubErrors.InvalidOperation, $"'{request.Address}' is {(sends ? "sent to" : "received from")}",
                "Attach the link the other way."))));
        }
        if (sends)
            return new(LinkAnswer.Accept(new DeviceBoundReceiver(client, messages, throttles), Window) with { MaxMessageSize = MaxMessageSize });
        var link = (SendingLink)request.Link;
        return new(LinkAnswer.Accept(request.Address.Is(Feedback)
            ? new ServiceBoundSender(client, link, new ServiceBoundSource(feedback, hubName, FeedbackType) { IsArray = true })
            : new ServiceBoundSender(client, link, new ServiceBoundSource(files, hubName, FileType))));
    }
}

/// <summary>A queue that a link sends from, and how its messages look.</summary>
/// <param name="Queue">The queue.</param>
/// <param name="HubName">The messages' user-id.</param>
/// <param name="ContentType">Their content type.</param>
internal sealed record ServiceBoundSource(ServiceBoundQueue Queue, string HubName, string ContentType)
{
    /// <summary>Several records go in one message, as a JSON array; else one record is one message.</summary>
    public bool IsArray { get; init; }
}
