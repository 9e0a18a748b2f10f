namespace Homeport.Contract.Rest;

/// <summary>Messages of one partition, read back from an offset on.</summary>
/// <param name="Partition">The partition read.</param>
/// <param name="PartitionCount">How many there are.</param>
/// <param name="Messages">In order of their offsets.</param>
/// <param name="NextOffset">Read on from here.</param>
public sealed record MessagePage(int Partition, int PartitionCount, IReadOnlyList<StoredMessage> Messages, long NextOffset);

/// <summary>One stored message as consumers see it.</summary>
public sealed record StoredMessage
{
    public required int Partition { get; init; }
    public required long Offset { get; init; }
    public required long SequenceNumber { get; init; }
    public required ServiceTime EnqueuedTime { get; init; }
    public required string DeviceId { get; init; }
    public string? ModuleId { get; init; }
    public required string GenerationId { get; init; }
    /// <summary>The JSON text of the annotation <c>iothub-connection-auth-method</c>.</summary>
    public required string AuthMethod { get; init; }
    /// <summary>The annotation <c>iothub-message-source</c>.</summary>
    public required string Source { get; init; }
    public required IReadOnlyDictionary<string, string?> SystemProperties { get; init; }
    public required IReadOnlyDictionary<string, string?> Properties { get; init; }
    public required byte[] Body { get; init; }
}
