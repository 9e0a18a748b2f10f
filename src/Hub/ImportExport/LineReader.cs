namespace Homeport.Hub.ImportExport;

/// <summary>Reads lines of UTF-8 from a stream, with bounded memory: of a line that is too long only the start is given.</summary>
/// <param name="stream">Read from its start.</param>
/// <param name="size">Bytes that count, or null for all.</param>
internal sealed class LineReader(Stream stream, long? size)
{
    /// <summary>Longest line in bytes: a twin with its sections at their limits, its metadata and escapes.</summary>
    public const int MaxLine = 1024 * 1024;

    private readonly byte[] _buffer = new byte[MaxLine + 1];
    private int _start;
    private int _end;
    private bool _atEnd;
    private long _left = size ?? long.MaxValue;

    /// <summary>Bytes taken from the stream and given out.</summary>
    public long Taken { get; private set; }

    /// <summary>The next line without its end, valid until the next call; null at the end.</summary>
    public async ValueTask<Line?> ReadAsync(CancellationToken token)
    {
        var skipping = false;
        while (true)
        {
            var length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            if (length >= 0 || (_atEnd && _end > _start))
            {
                var line = _buffer.AsMemory(_start, length >= 0 ? length : _end - _start);
                Advance(length >= 0 ? length + 1 : _end - _start);
                return new Line(line, skipping);
            }
            if (_atEnd)
                return skipping ? new Line(ReadOnlyMemory<byte>.Empty, IsTooLong: true) : null;
            if (_end - _start == _buffer.Length)
            {
                skipping = true;
                Advance(_end - _start);
            }
            await FillAsync(token);
        }
    }

    private void Advance(int count)
    {
        Taken += count;
        _start += count;
    }

    private async ValueTask FillAsync(CancellationToken token)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }
        var read = await stream.ReadAsync(_buffer.AsMemory(_end, (int)Math.Min(_buffer.Length - _end, _left)), token);
        _end += read;
        _left -= read;
        _atEnd = read == 0;
    }
}

/// <summary>A line of a file.</summary>
/// <param name="Bytes">Its bytes.</param>
/// <param name="IsTooLong">It was longer than may be: these are not all.</param>
internal readonly record struct Line(ReadOnlyMemory<byte> Bytes, bool IsTooLong);
