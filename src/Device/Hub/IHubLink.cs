using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Device.Identity;

namespace Homeport.Device.Hub;

/// <summary>What a device may want from its hub beside sending.</summary>
[Flags]
internal enum HubFeatures
{
    None = 0,

    /// <summary>Cloud-to-device messages.</summary>
    Messages = 1,

    /// <summary>Direct methods.</summary>
    Methods = 2,

    /// <summary>Changes of desired properties.</summary>
    Desired = 4,

    /// <summary>Answers to requests for the twin.</summary>
    Twin = 8,
}

/// <summary>What to do with a cloud-to-device message.</summary>
internal enum MessageOutcome
{
    Complete,
    Reject,
    Abandon,
}

/// <summary>A direct method call as it arrived. <paramref name="Payload"/> is JSON, or empty.</summary>
internal sealed record MethodCall(string Name, string RequestId, byte[] Payload);

/// <summary>Called by a link in the order of arrival; must not block.</summary>
/// <param name="Method">A direct method call.</param>
/// <param name="Desired">The changed part of the desired properties, JSON.</param>
internal sealed record HubEvents(Action<MethodCall> Method, Action<byte[]> Desired);

/// <summary>A connection that goes on with another token.</summary>
internal interface IRenewableLink
{
    /// <summary>Gives the hub the next token.</summary>
    /// <exception cref="IotHubException">The hub does not take it.</exception>
    Task PutTokenAsync(DeviceToken token, CancellationToken cancellationToken);
}

/// <summary>One connection of a device to its hub. It ends once and is not made again; see <see cref="HubSession"/>.</summary>
internal interface IHubLink : IAsyncDisposable
{
    /// <summary>Completes, without failing, when the connection has ended, with the reason.</summary>
    Task<IotHubException> Completion { get; }

    /// <summary>Messages sent and not yet acknowledged.</summary>
    int InFlight { get; }

    /// <summary>Ends when nothing is on its way any more; fails when the connection ends before.</summary>
    Task WhenDrained();

    /// <summary>
    /// Puts messages on their way in this order and returns when they are; waits while too many are. The hub may store some of them when this fails.
    /// </summary>
    /// <exception cref="IotHubException">The connection ended before.</exception>
    ValueTask<Delivery> SendAsync(ReadOnlyMemory<OutgoingMessage> messages, CancellationToken cancellationToken);

    /// <summary>Subscribes.</summary>
    Task EnableAsync(HubFeatures features, CancellationToken cancellationToken);

    /// <summary>The next cloud-to-device message, or null when none came in time.</summary>
    Task<Message?> ReceiveAsync(TimeSpan timeout, CancellationToken cancellationToken);

    /// <summary>Ends the delivery of a cloud-to-device message.</summary>
    Task SettleAsync(string lockToken, MessageOutcome outcome, CancellationToken cancellationToken);

    /// <summary>The twin: desired and reported properties, JSON.</summary>
    Task<byte[]> GetTwinAsync(CancellationToken cancellationToken);

    /// <summary>Merges into the reported properties; gives their new version.</summary>
    Task<long> ReportAsync(ReadOnlyMemory<byte> patch, CancellationToken cancellationToken);

    /// <summary>Answers a method call.</summary>
    Task RespondAsync(string requestId, int status, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken);
}
