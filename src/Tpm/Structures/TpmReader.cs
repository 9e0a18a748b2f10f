using System.Buffers.Binary;

namespace Homeport.Tpm.Structures;

/// <summary>
/// Reads big-endian TPM structures from a span. Reading past the end sets <see cref="Failed"/> and yields zeros or empty spans from then on,
/// so that a decoder checks once at its end instead of after every field, and untrusted bytes never cause an exception.
/// </summary>
internal ref struct TpmReader
{
    private ReadOnlySpan<byte> _rest;

    public TpmReader(ReadOnlySpan<byte> bytes) => _rest = bytes;

    public bool Failed { get; private set; }

    public readonly int Remaining => _rest.Length;

    /// <summary>True when every byte was read and none was missing.</summary>
    public readonly bool Complete => !Failed && _rest.IsEmpty;

    public byte U8()
    {
        var bytes = Bytes(1);
        return bytes.IsEmpty ? (byte)0 : bytes[0];
    }

    public ushort U16()
    {
        var bytes = Bytes(2);
        return bytes.IsEmpty ? (ushort)0 : BinaryPrimitives.ReadUInt16BigEndian(bytes);
    }

    public uint U32()
    {
        var bytes = Bytes(4);
        return bytes.IsEmpty ? 0 : BinaryPrimitives.ReadUInt32BigEndian(bytes);
    }

    public ReadOnlySpan<byte> Bytes(int count)
    {
        if (Failed || count < 0 || count > _rest.Length)
        {
            Failed = true;
            _rest = default;
            return default;
        }

        var bytes = _rest[..count];
        _rest = _rest[count..];
        return bytes;
    }

    /// <summary>A TPM2B: a 16-bit size and that many bytes.</summary>
    public ReadOnlySpan<byte> Sized() => Bytes(U16());

    public ReadOnlySpan<byte> All() => Bytes(_rest.Length);
}
