using System.Buffers;
using System.Buffers.Binary;

namespace Homeport.Tpm.Structures;

/// <summary>Writes big-endian TPM structures into a growing buffer.</summary>
internal sealed class TpmWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new(512);

    public int Length => _buffer.WrittenCount;

    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    public TpmWriter U8(byte value)
    {
        _buffer.GetSpan(1)[0] = value;
        _buffer.Advance(1);
        return this;
    }

    public TpmWriter U16(int value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_buffer.GetSpan(2), checked((ushort)value));
        _buffer.Advance(2);
        return this;
    }

    public TpmWriter U16(TpmAlgorithm value) => U16((ushort)value);

    public TpmWriter U32(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_buffer.GetSpan(4), value);
        _buffer.Advance(4);
        return this;
    }

    public TpmWriter Bytes(ReadOnlySpan<byte> bytes)
    {
        _buffer.Write(bytes);
        return this;
    }

    /// <summary>A TPM2B: a 16-bit size and the bytes.</summary>
    public TpmWriter Sized(ReadOnlySpan<byte> bytes) => U16(bytes.Length).Bytes(bytes);

    public byte[] ToArray() => _buffer.WrittenSpan.ToArray();

    public static byte[] Concat(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second) => [.. first, .. second];
}
