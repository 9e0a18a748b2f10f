using System.Buffers;

namespace Homeport.Log;

/// <summary>
/// Records of one partition that follow each other, in rented memory: what a reader takes from the store at a time. It is read from its
/// beginning to its end, once; dispose it to give the memory back.
/// </summary>
public sealed class RecordPage : IDisposable
{
    private byte[]? _bytes;
    private int _length;
    private int _at;

    private RecordPage(long firstOffset, int capacity)
    {
        NextOffset = firstOffset;
        _bytes = ArrayPool<byte>.Shared.Rent(capacity);
    }

    /// <summary>Offset of the record that <see cref="TryRead"/> gives next.</summary>
    public long NextOffset { get; private set; }

    /// <summary>True when all of it was read.</summary>
    public bool IsAtEnd => _at == _length;

    /// <summary>Bytes that it holds.</summary>
    public int Length => _length;

    /// <summary>Starts a page, for stores.</summary>
    /// <param name="offset">Offset of its first record.</param>
    /// <param name="capacity">Bytes to have room for; it grows when a record is larger.</param>
    public static RecordPage Start(long offset, int capacity) => new(offset, capacity);

    /// <summary>
    /// Copies the records of a stored batch into it, for stores: those from an offset on, as long as the page has not more than
    /// <paramref name="maxBytes"/>, but one record at least when the page is empty. True when the batch went in to its end.
    /// </summary>
    /// <param name="batch">The stored bytes.</param>
    /// <param name="baseOffset">Offset of the batch's first record.</param>
    /// <param name="from">Offset of the first record that is wanted; it lies in the batch.</param>
    /// <param name="maxBytes">Where to stop.</param>
    /// <exception cref="InvalidDataException">The batch is damaged.</exception>
    public bool Fill(ReadOnlySpan<byte> batch, long baseOffset, long from, int maxBytes)
    {
        RecordBatch.Check(batch, baseOffset);
        var rest = batch[RecordBatch.HeaderSize..];
        for (var offset = baseOffset; offset < from; offset++)
            rest = rest[RecordBatch.SizeOfFirst(rest)..];
        var taken = 0;
        while (taken < rest.Length)
        {
            var size = RecordBatch.SizeOfFirst(rest[taken..]);
            if (_length + taken + size > maxBytes && _length + taken > 0)
                break;
            taken += size;
        }
        Add(rest[..taken]);
        return taken == rest.Length;
    }

    /// <summary>Gives the next record. False at the end of the page.</summary>
    public bool TryRead(out RecordView record)
    {
        if (_at == _length)
        {
            record = default;
            return false;
        }
        var bytes = _bytes.AsSpan(_at, _length - _at);
        var size = RecordBatch.SizeOfFirst(bytes);
        record = new RecordView(NextOffset++, bytes[4..size]);
        _at += size;
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        var bytes = _bytes;
        _bytes = null;
        _at = _length = 0;
        if (bytes is not null)
            ArrayPool<byte>.Shared.Return(bytes);
    }

    private void Add(ReadOnlySpan<byte> records)
    {
        if (_bytes!.Length - _length < records.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(_length + records.Length);
            _bytes.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }
        records.CopyTo(_bytes.AsSpan(_length));
        _length += records.Length;
    }
}
