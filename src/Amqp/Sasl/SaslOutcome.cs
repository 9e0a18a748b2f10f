using Homeport.Amqp.Encoding;

namespace Homeport.Amqp.Sasl;

/// <summary>How an authentication ended (AMQP 1.0 part 5, section 5.3.3.6).</summary>
public enum SaslCode : byte
{
    Ok = 0,
    /// <summary>The credentials are not accepted.</summary>
    Auth = 1,
    /// <summary>A fault of the server.</summary>
    Sys = 2,
    /// <summary>A fault of the server that will last.</summary>
    SysPerm = 3,
    /// <summary>A fault of the server that will pass.</summary>
    SysTemp = 4,
}

/// <summary>The outcome's frame (AMQP 1.0 part 5, section 5.3.3.5).</summary>
internal readonly record struct SaslOutcome(SaslCode Code)
{
    public static SaslOutcome Decode(ref AmqpReader fields)
    {
        if (fields.IsNull())
            fields.Fail("sasl-outcome has no code");
        return new((SaslCode)(fields.ReadUByte() ?? 0));
    }

    public void Encode(AmqpWriter writer)
    {
        var fields = new FieldWriter(writer, Descriptor.SaslOutcome);
        fields.UByte((byte)Code);
        fields.End();
    }
}
