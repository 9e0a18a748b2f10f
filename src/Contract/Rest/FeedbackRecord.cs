namespace Homeport.Contract.Rest;

/// <summary>What became of a message to a device, as services read it.</summary>
/// <param name="OriginalMessageId">Id of the message.</param>
/// <param name="EnqueuedTimeUtc">When it happened.</param>
/// <param name="StatusCode"><c>Success</c>, <c>Expired</c>, <c>DeliveryCountExceeded</c>, <c>Rejected</c> or <c>Purged</c>.</param>
/// <param name="Description">The same text, since one SDK reads this one.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="DeviceGenerationId">Its generation.</param>
public sealed record FeedbackRecord(
    string OriginalMessageId, ServiceTime EnqueuedTimeUtc, string StatusCode, string Description, string DeviceId, string DeviceGenerationId);

/// <summary>Answer of a purge.</summary>
public sealed record PurgeResult(int TotalMessagesPurged, string DeviceId, string? ModuleId);

/// <summary>A message that waits for a device, as operators see it: without its body.</summary>
/// <param name="SequenceNumber">Its number.</param>
/// <param name="State"><c>enqueued</c>, or <c>invisible</c> while a device has it and did not answer yet.</param>
/// <param name="EnqueuedTime">When the hub took it.</param>
/// <param name="ExpiryTime">When it ends.</param>
/// <param name="DeliveryCount">How often it was delivered and came back.</param>
/// <param name="Ack">Wanted feedback.</param>
/// <param name="SystemProperties">By their long names.</param>
/// <param name="Properties">The application's own.</param>
/// <param name="BodyBytes">Size of the body.</param>
public sealed record WaitingMessage(
    long SequenceNumber,
    string State,
    ServiceTime EnqueuedTime,
    ServiceTime ExpiryTime,
    int DeliveryCount,
    string Ack,
    IReadOnlyDictionary<string, string?> SystemProperties,
    IReadOnlyDictionary<string, string?> Properties,
    int BodyBytes);
