namespace Homeport.Amqp.Encoding;

/// <summary>
/// Writes the fields of a composite, a described list. Null fields at the end are left out, unless all are wanted: some clients look at
/// fields by their place without asking how many there are.
/// </summary>
internal ref struct FieldWriter
{
    private readonly AmqpWriter _writer;
    private readonly int _start;
    private readonly bool _all;
    private int _count;
    private int _lastCount;
    private int _lastLength;

    public FieldWriter(AmqpWriter writer, ulong descriptor, bool all = false)
    {
        _writer = writer;
        _all = all;
        writer.WriteDescriptor(descriptor);
        _start = writer.BeginList();
        _lastLength = writer.Length;
    }

    public void Null()
    {
        _count++;
        _writer.WriteNull();
    }

    public void Boolean(bool? value)
    {
        if (value is { } v)
            _writer.WriteBoolean(v);
        Close(value is null);
    }

    public void UByte(byte? value)
    {
        if (value is { } v)
            _writer.WriteUByte(v);
        Close(value is null);
    }

    public void UShort(ushort? value)
    {
        if (value is { } v)
            _writer.WriteUShort(v);
        Close(value is null);
    }

    public void UInt(uint? value)
    {
        if (value is { } v)
            _writer.WriteUInt(v);
        Close(value is null);
    }

    public void ULong(ulong? value)
    {
        if (value is { } v)
            _writer.WriteULong(v);
        Close(value is null);
    }

    public void String(string? value)
    {
        if (value is not null)
            _writer.WriteString(value);
        Close(value is null);
    }

    public void Symbol(string? value)
    {
        if (value is not null)
            _writer.WriteSymbol(value);
        Close(value is null);
    }

    public void Symbols(IReadOnlyList<string>? value)
    {
        if (value is not null)
            _writer.WriteSymbols(value);
        Close(value is null);
    }

    public void Binary(ReadOnlySpan<byte> value)
    {
        _writer.WriteBinary(value);
        Close(isNull: false);
    }

    public void Timestamp(DateTimeOffset? value)
    {
        if (value is { } v)
            _writer.WriteTimestamp(v.ToUnixTimeMilliseconds());
        Close(value is null);
    }

    public void Value(object? value)
    {
        if (value is not null)
            _writer.WriteValue(value);
        Close(value is null);
    }

    /// <summary>A field that the caller wrote with the writer itself.</summary>
    public void Written() => Close(isNull: false);

    public readonly void End()
    {
        if (_all)
        {
            _writer.EndList(_start, _count);
            return;
        }
        _writer.Truncate(_lastLength);
        _writer.EndList(_start, _lastCount);
    }

    private void Close(bool isNull)
    {
        if (isNull)
        {
            Null();
            return;
        }
        _lastCount = ++_count;
        _lastLength = _writer.Length;
    }
}
