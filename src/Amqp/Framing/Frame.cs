using System.Buffers;
using System.Buffers.Binary;

namespace Homeport.Amqp.Framing;

/// <summary>What came of an attempt to cut a frame from bytes.</summary>
internal enum FrameStatus
{
    Complete,
    /// <summary>More bytes are needed.</summary>
    Incomplete,
    /// <summary>Larger than what was agreed.</summary>
    TooLarge,
    /// <summary>No frame.</summary>
    Malformed,
}

/// <summary>A frame (AMQP 1.0 part 2, section 2.3).</summary>
/// <param name="Type">0 for AMQP, 1 for SASL.</param>
/// <param name="Channel">Channel; of AMQP frames only.</param>
/// <param name="Body">Behind the header and its extension.</param>
internal readonly record struct Frame(byte Type, ushort Channel, ReadOnlySequence<byte> Body)
{
    public const byte AmqpType = 0;
    public const byte SaslType = 1;
    public const int HeaderSize = 8;

    /// <summary>The smallest size that every peer takes (section 2.8.19).</summary>
    public const int MinMaxSize = 512;

    /// <summary>Cuts the next frame from the front of the buffer.</summary>
    public static FrameStatus TryRead(ref ReadOnlySequence<byte> buffer, uint maxSize, out Frame frame)
    {
        frame = default;
        if (buffer.Length < HeaderSize)
            return FrameStatus.Incomplete;
        Span<byte> header = stackalloc byte[HeaderSize];
        buffer.Slice(0, HeaderSize).CopyTo(header);
        var size = BinaryPrimitives.ReadUInt32BigEndian(header);
        var offset = header[4] * 4;
        if (size > maxSize)
            return FrameStatus.TooLarge;
        if (offset < HeaderSize || offset > size || header[5] > SaslType)
            return FrameStatus.Malformed;
        if (buffer.Length < size)
            return FrameStatus.Incomplete;
        frame = new Frame(header[5], BinaryPrimitives.ReadUInt16BigEndian(header[6..]), buffer.Slice(offset, size - offset));
        buffer = buffer.Slice(size);
        return FrameStatus.Complete;
    }
}
