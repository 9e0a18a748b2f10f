using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Performatives;

/// <summary>A message or a part of one; the bytes follow behind it in the frame (AMQP 1.0 part 2, section 2.7.5).</summary>
internal ref struct Transfer
{
    public uint Handle { get; set; }

    public uint? DeliveryId { get; set; }

    public ReadOnlySpan<byte> DeliveryTag { get; set; }

    public uint? MessageFormat { get; set; }

    public bool? Settled { get; set; }

    public bool More { get; set; }

    public ReceiverSettleMode? ReceiverSettleMode { get; set; }

    public DeliveryState? State { get; set; }

    public bool Resume { get; set; }

    public bool Aborted { get; set; }

    public static Transfer Decode(ref AmqpReader fields)
    {
        var transfer = new Transfer();
        if (fields.ReadUInt() is { } handle)
            transfer.Handle = handle;
        else
            fields.Fail("transfer has no handle");
        transfer.DeliveryId = fields.ReadUInt();
        transfer.DeliveryTag = fields.ReadBinary(out _);
        transfer.MessageFormat = fields.ReadUInt();
        transfer.Settled = fields.ReadBoolean();
        transfer.More = fields.ReadBoolean() ?? false;
        transfer.ReceiverSettleMode = (ReceiverSettleMode?)fields.ReadUByte();
        transfer.State = DeliveryState.Decode(ref fields);
        transfer.Resume = fields.ReadBoolean() ?? false;
        transfer.Aborted = fields.ReadBoolean() ?? false;
        return transfer;
    }

    public readonly void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.Transfer);
        fields.UInt(Handle);
        fields.UInt(DeliveryId);
        if (DeliveryId is null)
            fields.Null();
        else
            fields.Binary(DeliveryTag);
        fields.UInt(MessageFormat);
        fields.Boolean(Settled);
        fields.Boolean(More ? true : null);
        fields.UByte((byte?)ReceiverSettleMode);
        fields.Null();
        fields.Boolean(Resume ? true : null);
        fields.Boolean(Aborted ? true : null);
        fields.End();
    }
}
