using System.Net.Security;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>Cuts what a server sends into MQTT packets, in place.</summary>
internal sealed class FrameReader(SslStream stream)
{
    private const int MaxLengthBytes = 4;
    private readonly byte[] _buffer = new byte[8192];
    private int _start;
    private int _end;

    /// <summary>Waits for more bytes. Spans given out before are void then.</summary>
    /// <exception cref="InvalidDataException">The server closed the connection, or sent a packet that is larger than any expected here.</exception>
    public async ValueTask ReadAsync(CancellationToken cancellationToken)
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_end == _buffer.Length)
            throw new InvalidDataException($"The server sent a packet of more than {_buffer.Length} bytes.");

        var count = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
        if (count == 0)
            throw new InvalidDataException("The server closed the connection.");
        _end += count;
    }

    /// <summary>Takes the next whole packet: the first byte of its header, and what comes after the length.</summary>
    public bool TryNext(out byte header, out ReadOnlySpan<byte> body)
    {
        header = 0;
        body = default;
        var input = _buffer.AsSpan(_start, _end - _start);
        var length = 0;
        for (var i = 1; i <= MaxLengthBytes && i < input.Length; i++)
        {
            length |= (input[i] & 0x7F) << (7 * (i - 1));
            if (input[i] > 0x7F)
                continue;
            if (input.Length < i + 1 + length)
                return false;

            header = input[0];
            body = input.Slice(i + 1, length);
            _start += i + 1 + length;
            return true;
        }

        return false;
    }
}
