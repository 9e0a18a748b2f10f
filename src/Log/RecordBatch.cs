using System.Buffers.Binary;
using System.Numerics;

namespace Homeport.Log;

/// <summary>
/// Records of one partition that are stored together: one row per group commit.
/// </summary>
/// <remarks>
/// Layout, little-endian: <c>CRC-32C of all that follows (u32) | version (u8) | records</c>. A record is
/// <c>length of the rest (u32) | enqueued time, Unix ms (i64) | source (u8) | origin length (u16) | origin |
/// properties length (u32) | properties | body</c>.
/// Offsets are not in it: a record's offset is the row's base offset plus its place.
/// </remarks>
public sealed class RecordBatch
{
    internal const int HeaderSize = 5;
    internal const int RecordOverhead = 4 + 8 + 1 + 2 + 4;
    private const byte Version = 1;

    private byte[] _bytes;
    private int _length = HeaderSize;

    internal RecordBatch(int capacity) => _bytes = new byte[capacity];

    /// <summary>Number of records.</summary>
    public int Count { get; private set; }

    /// <summary>Enqueued time of the first record, Unix milliseconds.</summary>
    public long FirstTime { get; private set; }

    /// <summary>Enqueued time of the last record, Unix milliseconds.</summary>
    public long LastTime { get; private set; }

    /// <summary>Bytes so far.</summary>
    public int Length => _length;

    /// <summary>The sealed bytes, as stored.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    internal void Add(long time, MessageSource source, ReadOnlySpan<byte> origin, ReadOnlySpan<byte> properties, ReadOnlySpan<byte> body)
    {
        var size = RecordOverhead + origin.Length + properties.Length + body.Length;
        if (_bytes.Length - _length < size)
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + size));

        var target = _bytes.AsSpan(_length, size);
        BinaryPrimitives.WriteUInt32LittleEndian(target, (uint)(size - 4));
        BinaryPrimitives.WriteInt64LittleEndian(target[4..], time);
        target[12] = (byte)source;
        BinaryPrimitives.WriteUInt16LittleEndian(target[13..], (ushort)origin.Length);
        origin.CopyTo(target[15..]);
        target = target[(15 + origin.Length)..];
        BinaryPrimitives.WriteUInt32LittleEndian(target, (uint)properties.Length);
        properties.CopyTo(target[4..]);
        body.CopyTo(target[(4 + properties.Length)..]);

        _length += size;
        if (Count++ == 0)
            FirstTime = time;
        LastTime = time;
    }

    /// <summary>Closes the batch for storing.</summary>
    internal void Seal()
    {
        _bytes[4] = Version;
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes, Crc32C(_bytes.AsSpan(4, _length - 4)));
    }

    /// <summary>Makes the batch empty. A buffer that one burst made large is given back.</summary>
    internal void Clear(int keepCapacity)
    {
        if (_bytes.Length > keepCapacity)
            _bytes = new byte[keepCapacity];
        _length = HeaderSize;
        Count = 0;
    }

    /// <summary>Reads the records of stored bytes.</summary>
    /// <exception cref="InvalidDataException">The checksum or version is wrong: the file is damaged.</exception>
    public static IReadOnlyList<Record> Read(byte[] bytes, long baseOffset)
    {
        Check(bytes, baseOffset);
        var records = new List<Record>();
        for (var rest = bytes.AsSpan(HeaderSize); !rest.IsEmpty; rest = rest[SizeOfFirst(rest)..])
            records.Add(new RecordView(baseOffset + records.Count, rest[4..SizeOfFirst(rest)]).ToRecord());
        return records;
    }

    /// <summary>Checks stored bytes before they are taken apart.</summary>
    /// <exception cref="InvalidDataException">The checksum or version is wrong: the file is damaged.</exception>
    internal static void Check(ReadOnlySpan<byte> bytes, long baseOffset)
    {
        if (bytes.Length < HeaderSize || bytes[4] != Version || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Crc32C(bytes[4..]))
            throw new InvalidDataException($"The record batch at offset {baseOffset} is damaged: its checksum does not match.");
    }

    /// <summary>Bytes of the record that starts here, with its length.</summary>
    internal static int SizeOfFirst(ReadOnlySpan<byte> records) => 4 + (int)BinaryPrimitives.ReadUInt32LittleEndian(records);

    private static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        while (bytes.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }
        foreach (var b in bytes)
            crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}
