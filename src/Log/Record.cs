namespace Homeport.Log;

/// <summary>One stored message: views over the batch that it was read from.</summary>
public sealed class Record
{
    private readonly ReadOnlyMemory<byte> _origin;
    private readonly ReadOnlyMemory<byte> _properties;

    internal Record(long offset, long enqueuedTime, MessageSource source, ReadOnlyMemory<byte> origin, ReadOnlyMemory<byte> properties, ReadOnlyMemory<byte> body)
    {
        Offset = offset;
        EnqueuedTime = DateTimeOffset.FromUnixTimeMilliseconds(enqueuedTime);
        Source = source;
        _origin = origin;
        _properties = properties;
        Body = body;
    }

    /// <summary>Place in the partition, from 0, without gaps; also the sequence number.</summary>
    public long Offset { get; }

    /// <summary>When the hub took it.</summary>
    public DateTimeOffset EnqueuedTime { get; }

    public MessageSource Source { get; }

    /// <summary>The bytes that the device sent.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Who sent it.</summary>
    public RecordOrigin Origin => RecordOrigin.Decode(_origin.Span);

    /// <summary>System properties under their MQTT names, and the application's own, in the order in which they came.</summary>
    public IReadOnlyList<KeyValuePair<string, string?>> Properties => RecordProperties.Read(_properties.Span);
}
