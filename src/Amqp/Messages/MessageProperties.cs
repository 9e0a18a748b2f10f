using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Messages;

/// <summary>The section properties (AMQP 1.0 part 3, section 3.2.4).</summary>
public sealed record MessageProperties
{
    /// <summary>A <see cref="string"/>, <see cref="ulong"/>, <see cref="Guid"/> or byte array.</summary>
    public object? MessageId { get; init; }

    public byte[]? UserId { get; init; }

    public string? To { get; init; }

    public string? Subject { get; init; }

    public string? ReplyTo { get; init; }

    /// <summary>Of the same types as <see cref="MessageId"/>. An answer has its request's id, in the same type.</summary>
    public object? CorrelationId { get; init; }

    public string? ContentType { get; init; }

    public string? ContentEncoding { get; init; }

    public DateTimeOffset? AbsoluteExpiryTime { get; init; }

    public DateTimeOffset? CreationTime { get; init; }

    public string? GroupId { get; init; }

    public uint? GroupSequence { get; init; }

    public string? ReplyToGroupId { get; init; }

    internal static MessageProperties Decode(ref AmqpReader value)
    {
        var fields = value.ReadList(out _);
        var properties = new MessageProperties
        {
            MessageId = ReadId(ref fields),
            UserId = fields.ReadBinary(out var none) is var user && none ? null : user.ToArray(),
            To = Target(ref fields),
            Subject = fields.ReadString(),
            ReplyTo = Target(ref fields),
            CorrelationId = ReadId(ref fields),
            ContentType = fields.ReadSymbol(),
            ContentEncoding = fields.ReadSymbol(),
            AbsoluteExpiryTime = ReadTime(ref fields),
            CreationTime = ReadTime(ref fields),
            GroupId = fields.ReadString(),
            GroupSequence = fields.ReadUInt(),
            ReplyToGroupId = fields.ReadString(),
        };
        value.FailWith(fields);
        return properties;
    }

    internal void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.Properties);
        fields.Value(MessageId);
        if (UserId is null)
            fields.Null();
        else
            fields.Binary(UserId);
        fields.String(To);
        fields.String(Subject);
        fields.String(ReplyTo);
        fields.Value(CorrelationId);
        fields.Symbol(ContentType);
        fields.Symbol(ContentEncoding);
        fields.Timestamp(AbsoluteExpiryTime);
        fields.Timestamp(CreationTime);
        fields.String(GroupId);
        fields.UInt(GroupSequence);
        fields.String(ReplyToGroupId);
        fields.End();
    }

    private static string? Target(ref AmqpReader fields) => Performatives.Target.ReadAddress(ref fields);

    private static object? ReadId(ref AmqpReader fields)
    {
        var id = fields.ReadValue();
        if (id is null or string or ulong or Guid or byte[])
            return id;
        fields.Fail("a message id is no string, ulong, uuid or binary");
        return null;
    }

    private static DateTimeOffset? ReadTime(ref AmqpReader fields) => fields.ReadValue() switch
    {
        null => null,
        DateTimeOffset time => time,
        _ => Wrong(ref fields),
    };

    private static DateTimeOffset? Wrong(ref AmqpReader fields)
    {
        fields.Fail("a time is no timestamp");
        return null;
    }
}
