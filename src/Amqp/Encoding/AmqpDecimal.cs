namespace Homeport.Amqp.Encoding;

/// <summary>An IEEE 754 decimal as its bytes stand on the wire: 4, 8 or 16 of them (AMQP 1.0 part 1, sections 1.6.13 to 1.6.15). Nobody calculates with it here.</summary>
public readonly struct AmqpDecimal : IEquatable<AmqpDecimal>
{
    private readonly UInt128 _bits;

    /// <summary>Takes 4, 8 or 16 bytes in network order.</summary>
    public AmqpDecimal(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length is not (4 or 8 or 16))
            throw new ArgumentException("A decimal has 4, 8 or 16 bytes.", nameof(bytes));
        Width = bytes.Length;
        foreach (var b in bytes)
            _bits = (_bits << 8) | b;
    }

    /// <summary>4, 8 or 16; 0 for the default value, which is none.</summary>
    public int Width { get; }

    /// <summary>Writes the bytes, in network order.</summary>
    public void CopyTo(Span<byte> target)
    {
        for (var i = 0; i < Width; i++)
            target[i] = (byte)(_bits >> (8 * (Width - 1 - i)));
    }

    /// <inheritdoc/>
    public bool Equals(AmqpDecimal other) => Width == other.Width && _bits == other._bits;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is AmqpDecimal other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Width, _bits);

    /// <summary>Compares the bytes.</summary>
    public static bool operator ==(AmqpDecimal left, AmqpDecimal right) => left.Equals(right);

    /// <summary>Compares the bytes.</summary>
    public static bool operator !=(AmqpDecimal left, AmqpDecimal right) => !left.Equals(right);
}
