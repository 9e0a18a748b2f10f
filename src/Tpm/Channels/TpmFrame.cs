using System.Buffers.Binary;

namespace Homeport.Tpm.Channels;

/// <summary>The header that commands and responses share: tag (16 bits), size of the whole (32 bits), code (32 bits).</summary>
internal static class TpmFrame
{
    public const int HeaderBytes = 10;

    /// <summary>The largest command and response of the PC Client profile.</summary>
    public const int MaxBytes = 4096;

    public static void CheckCommand(ReadOnlySpan<byte> command)
    {
        if (command.Length is < HeaderBytes or > MaxBytes)
            throw new TpmException(TpmFailure.Malformed, $"A command of {command.Length} bytes cannot be sent; the limits are {HeaderBytes} and {MaxBytes}.");
    }

    /// <summary>The announced size of a response whose first ten bytes are there.</summary>
    public static int CheckSize(ReadOnlySpan<byte> header, string channel)
    {
        var size = BinaryPrimitives.ReadUInt32BigEndian(header[2..]);
        if (size is < HeaderBytes or > MaxBytes)
            throw new TpmException(TpmFailure.Malformed, $"{channel}: a response announces {size} bytes. Is this a TPM 2.0?");
        return (int)size;
    }

    /// <summary>Reads a response piece by piece: the header first, then what it announces.</summary>
    /// <param name="read">Fills a part of the span and returns the count; 0 means the end.</param>
    /// <param name="channel">The name for messages.</param>
    public static byte[] ReadResponse(Func<Memory<byte>, int> read, string channel)
    {
        var buffer = new byte[MaxBytes];
        var length = 0;
        var expected = HeaderBytes;
        while (length < expected)
        {
            // A device file must be asked for everything at once, so the request may reach beyond the header.
            var count = read(buffer.AsMemory(length));
            if (count <= 0)
                throw new TpmException(TpmFailure.Unreachable, $"{channel}: the TPM closed the connection instead of answering.");
            length += count;
            if (length >= HeaderBytes)
                expected = CheckSize(buffer, channel);
        }

        if (length > expected)
            throw new TpmException(TpmFailure.Malformed, $"{channel}: a response announces {expected} bytes but {length} came.");
        return buffer[..length];
    }
}
