using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Messages;

/// <summary>A whole message in memory (AMQP 1.0 part 3, section 3.2). For messages in numbers, read the sections instead.</summary>
public sealed record AmqpMessage
{
    /// <summary>Durable, of the section header.</summary>
    public bool? Durable { get; init; }

    /// <summary>Earlier attempts to deliver it, of the section header.</summary>
    public uint? DeliveryCount { get; init; }

    public AmqpMap? DeliveryAnnotations { get; init; }

    public AmqpMap? MessageAnnotations { get; init; }

    public MessageProperties? Properties { get; init; }

    public AmqpMap? ApplicationProperties { get; init; }

    /// <summary>The data sections; null for a body of another kind.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>>? Data { get; init; }

    /// <summary>The value of the section amqp-value, or the lists of amqp-sequence; see <see cref="HasValue"/>.</summary>
    public object? Value { get; init; }

    /// <summary>True when the body is an amqp-value, which may be null.</summary>
    public bool HasValue { get; init; }

    /// <summary>Reads a message. Null, and the reason, when it cannot be read.</summary>
    public static AmqpMessage? Decode(ReadOnlySpan<byte> bytes, out string? error)
    {
        var message = new AmqpMessage();
        var data = new List<ReadOnlyMemory<byte>>();
        var sections = new SectionReader(bytes);
        while (sections.Read())
        {
            var value = sections.Value;
            switch (sections.Section)
            {
                case Section.Header:
                    message = DecodeHeader(message, ref value);
                    break;
                case Section.DeliveryAnnotations:
                    message = message with { DeliveryAnnotations = value.ReadValue() as AmqpMap };
                    break;
                case Section.MessageAnnotations:
                    message = message with { MessageAnnotations = value.ReadValue() as AmqpMap };
                    break;
                case Section.Properties:
                    message = message with { Properties = MessageProperties.Decode(ref value) };
                    break;
                case Section.ApplicationProperties:
                    message = message with { ApplicationProperties = value.ReadValue() as AmqpMap };
                    break;
                case Section.Data:
                    data.Add(value.ReadBinary(out _).ToArray());
                    break;
                case Section.AmqpSequence or Section.AmqpValue:
                    message = message with { Value = value.ReadValue(), HasValue = true };
                    break;
                default:
                    break;
            }
            if (value.Failed)
            {
                error = $"{sections.Section}: {value.Error}";
                return null;
            }
        }
        error = sections.Error;
        return error is null ? message with { Data = data.Count == 0 ? null : data } : null;
    }

    /// <summary>Writes the message.</summary>
    public void Encode(AmqpWriter writer)
    {
        if (Durable is not null || DeliveryCount is not null)
        {
            var header = new FieldWriter(writer, Descriptor.Header);
            header.Boolean(Durable);
            header.Null();
            header.Null();
            header.Null();
            header.UInt(DeliveryCount);
            header.End();
        }
        WriteMap(writer, Descriptor.DeliveryAnnotations, DeliveryAnnotations);
        WriteMap(writer, Descriptor.MessageAnnotations, MessageAnnotations);
        Properties?.Encode(writer);
        WriteMap(writer, Descriptor.ApplicationProperties, ApplicationProperties);
        foreach (var data in Data ?? [])
        {
            writer.WriteDescriptor(Descriptor.Data);
            writer.WriteBinary(data.Span);
        }
        if (HasValue || Data is null)
        {
            writer.WriteDescriptor(Descriptor.AmqpValue);
            writer.WriteValue(Value);
        }
    }

    /// <summary>The message's bytes.</summary>
    public byte[] ToBytes()
    {
        var writer = new AmqpWriter();
        Encode(writer);
        return writer.Written.ToArray();
    }

    /// <summary>The body's bytes: of a text its UTF-8; none of other values.</summary>
    public ReadOnlyMemory<byte> Body => Data switch
    {
        null => Value switch
        {
            string text => System.Text.Encoding.UTF8.GetBytes(text),
            byte[] bytes => bytes,
            _ => default,
        },
        [var one] => one,
        var many => Join(many),
    };

    private static byte[] Join(IReadOnlyList<ReadOnlyMemory<byte>> parts)
    {
        var joined = new byte[parts.Sum(p => p.Length)];
        var at = 0;
        foreach (var part in parts)
        {
            part.Span.CopyTo(joined.AsSpan(at));
            at += part.Length;
        }
        return joined;
    }

    private static AmqpMessage DecodeHeader(AmqpMessage message, ref AmqpReader value)
    {
        var fields = value.ReadList(out _);
        var durable = fields.ReadBoolean();
        fields.SkipValue();
        fields.SkipValue();
        fields.SkipValue();
        var count = fields.ReadUInt();
        value.FailWith(fields);
        return message with { Durable = durable, DeliveryCount = count };
    }

    private static void WriteMap(AmqpWriter writer, ulong descriptor, AmqpMap? map)
    {
        if (map is null)
            return;
        writer.WriteDescriptor(descriptor);
        writer.WriteMap(map);
    }
}
