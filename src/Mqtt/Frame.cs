using System.Buffers;

namespace Homeport.Mqtt;

/// <summary>How reading a frame went.</summary>
public enum FrameStatus
{
    /// <summary>A frame was read.</summary>
    Complete,
    /// <summary>More bytes are needed.</summary>
    Incomplete,
    /// <summary>The bytes are no MQTT packet.</summary>
    Malformed,
    /// <summary>The packet is larger than the limit given.</summary>
    TooLarge,
}

/// <summary>
/// A control packet: fixed header and the bytes behind it, not copied. Source: MQTT 3.1.1 section 2.2.
/// </summary>
public readonly struct Frame
{
    /// <summary>Largest fixed header: type, flags and four bytes of length.</summary>
    public const int MaxHeaderSize = 5;

    private readonly byte _first;

    private Frame(byte first, ReadOnlySequence<byte> body)
    {
        _first = first;
        Body = body;
    }

    /// <summary>Type of the packet; may be a number that MQTT reserves.</summary>
    public PacketType Type => (PacketType)(_first >> 4);

    /// <summary>The four flag bits.</summary>
    public int Flags => _first & 0xF;

    /// <summary>Variable header and payload.</summary>
    public ReadOnlySequence<byte> Body { get; }

    /// <summary>Takes one frame from the front of <paramref name="buffer"/>; leaves the buffer alone unless the frame is complete.</summary>
    /// <param name="buffer">What has arrived.</param>
    /// <param name="maxBody">Limit of the remaining length, in bytes; checked before the packet is there.</param>
    /// <param name="frame">The frame, valid as long as the buffer.</param>
    public static FrameStatus TryRead(ref ReadOnlySequence<byte> buffer, int maxBody, out Frame frame)
    {
        frame = default;
        scoped var header = buffer.FirstSpan;
        Span<byte> copy = stackalloc byte[MaxHeaderSize];
        if (header.Length < MaxHeaderSize)
        {
            var start = buffer.Slice(0, Math.Min(MaxHeaderSize, buffer.Length));
            start.CopyTo(copy);
            header = copy[..(int)start.Length];
        }
        if (header.IsEmpty)
            return FrameStatus.Incomplete;
        if (header[0] >> 4 is 0 or 15)
            return FrameStatus.Malformed;
        var length = 0;
        for (var i = 1; i < MaxHeaderSize; i++)
        {
            if (i >= header.Length)
                return FrameStatus.Incomplete;
            length |= (header[i] & 0x7F) << (7 * (i - 1));
            if ((header[i] & 0x80) != 0)
                continue;
            if (length > maxBody)
                return FrameStatus.TooLarge;
            if (buffer.Length < 1 + i + length)
                return FrameStatus.Incomplete;
            frame = new Frame(header[0], buffer.Slice(1 + i, length));
            buffer = buffer.Slice(1 + i + length);
            return FrameStatus.Complete;
        }
        return FrameStatus.Malformed;
    }

    /// <summary>Writes a fixed header. Returns its length.</summary>
    public static int WriteHeader(Span<byte> target, PacketType type, int flags, int bodyLength)
    {
        target[0] = (byte)(((int)type << 4) | flags);
        var at = 1;
        do
        {
            var more = bodyLength > 0x7F;
            target[at++] = (byte)((bodyLength & 0x7F) | (more ? 0x80 : 0));
            bodyLength >>= 7;
        }
        while (bodyLength > 0);
        return at;
    }
}
