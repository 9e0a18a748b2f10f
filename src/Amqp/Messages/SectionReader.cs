using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Messages;

/// <summary>Parts of a message (AMQP 1.0 part 3, section 3.2).</summary>
public enum Section
{
    None = 0,
    Header = 0x70,
    DeliveryAnnotations = 0x71,
    MessageAnnotations = 0x72,
    Properties = 0x73,
    ApplicationProperties = 0x74,
    Data = 0x75,
    AmqpSequence = 0x76,
    AmqpValue = 0x77,
    Footer = 0x78,
}

/// <summary>Goes through the sections of a message without copying them.</summary>
public ref struct SectionReader
{
    private AmqpReader _reader;
    private ReadOnlySpan<byte> _value;

    /// <summary>Reads a message.</summary>
    public SectionReader(ReadOnlySpan<byte> message)
    {
        _reader = new AmqpReader(message);
        _value = default;
        Section = Section.None;
    }

    /// <summary>The section that was read last.</summary>
    public Section Section { get; private set; }

    /// <summary>A reader of its value: a list for header and properties, a map, a binary, or anything.</summary>
    public readonly AmqpReader Value => new(_value);

    /// <summary>What was wrong, or null.</summary>
    public readonly string? Error => _reader.Error;

    /// <summary>Goes to the next section. False at the end and when something was wrong.</summary>
    public bool Read()
    {
        if (!_reader.More)
            return false;
        var descriptor = _reader.ReadDescriptor();
        _value = _reader.SkipValue();
        if (!_reader.Failed && descriptor is not (>= Descriptor.Header and <= Descriptor.Footer))
            _reader.Fail($"0x{descriptor:x} is no section of a message");
        Section = _reader.Failed ? Section.None : (Section)descriptor!;
        return !_reader.Failed;
    }
}
