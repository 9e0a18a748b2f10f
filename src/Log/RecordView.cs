using System.Buffers.Binary;

namespace Homeport.Log;

/// <summary>A record where it lies, without a copy: good until its page goes on or is disposed. Layout: see <see cref="RecordBatch"/>.</summary>
public readonly ref struct RecordView
{
    private const int SourceAt = 8;
    private const int OriginAt = 11;
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly int _originLength;
    private readonly int _propertiesLength;

    internal RecordView(long offset, ReadOnlySpan<byte> bytes)
    {
        Offset = offset;
        _bytes = bytes;
        _originLength = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(SourceAt + 1)..]);
        _propertiesLength = (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes[(OriginAt + _originLength)..]);
    }

    /// <summary>Place in the partition, from 0, without gaps; also the sequence number.</summary>
    public long Offset { get; }

    /// <summary>When the hub took it, Unix milliseconds.</summary>
    public long EnqueuedTime => BinaryPrimitives.ReadInt64LittleEndian(_bytes);

    /// <summary>Where it comes from.</summary>
    public MessageSource Source => (MessageSource)_bytes[SourceAt];

    /// <summary>Who sent it, encoded: see <see cref="RecordOrigin.Decode"/>. Equal bytes are equal origins.</summary>
    public ReadOnlySpan<byte> Origin => _bytes.Slice(OriginAt, _originLength);

    /// <summary>The property block: see <see cref="RecordProperties"/>.</summary>
    public ReadOnlySpan<byte> Properties => _bytes.Slice(OriginAt + _originLength + 4, _propertiesLength);

    /// <summary>The bytes that the device sent.</summary>
    public ReadOnlySpan<byte> Body => _bytes[(OriginAt + _originLength + 4 + _propertiesLength)..];

    /// <summary>A copy that outlives the page.</summary>
    public Record ToRecord()
    {
        var copy = _bytes.ToArray().AsMemory();
        return new Record(Offset, EnqueuedTime, Source, copy.Slice(OriginAt, _originLength), copy.Slice(OriginAt + _originLength + 4, _propertiesLength),
            copy[(OriginAt + _originLength + 4 + _propertiesLength)..]);
    }
}
